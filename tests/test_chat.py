"""The chat window in a real browser, as `pincite chat` serves it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest

from evals.feedback import feedback_path, read_feedback
from index import PinciteError
from rag import Assistant
from tests.conftest import ARTICLE
from tests.faulty_server import faulty_server
from tests.model_server import scripted_server
from tests.samples import pdf
from tests.window import ask, browsed, in_browser, tab, window
from ui.commands import pincite

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.slow

CONTAINERS = "How many containers has North Korea supplied to Russia?"
VETO = "What did Russia veto at the United Nations?"
WORLD_CUP = "Who won the 2022 World Cup?"
HOSTILE = '<img src=x onerror="alert(1)"> {{value}} ${value} &amp; </mark><script>alert(2)</script>'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with window(home) as address:
        yield address


@pytest.fixture
def page(browser: BrowserContext, address: str) -> Iterator[Page]:
    with browsed(browser, address) as page:
        page.get_by_role("button", name=CONTAINERS).wait_for()
        yield page


def test_a_port_that_is_in_use_is_an_error_that_says_the_next_step() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PinciteError, match="choose another port"):
        pincite.main(["chat", "--port", str(taken.getsockname()[1])], standalone_mode=False)


def test_a_host_starts_the_same_window_and_can_see_that_it_is_well(tmp_path: Path) -> None:
    with window(tmp_path, start=("app.py",), port_by="PORT") as address:
        assert httpx.get(f"{address}/healthz").text == "ok"
        assert "Pincite" in httpx.get(address).text


@in_browser
def test_a_citation_shows_its_quote_and_opens_its_source_at_the_highlighted_words(
    page: Page, assistant: Assistant
) -> None:
    ask(page, CONTAINERS)
    (citation,) = assistant.ask(CONTAINERS).citations
    card = page.locator("#sources mark")
    assert card.evaluate_all("marks => marks.map(mark => mark.textContent)") == [citation.quote]
    assert citation.quote == ARTICLE.read_text("utf-8")[citation.start : citation.end]

    ask(page, VETO)
    chip = page.locator("#chat a.chip").first
    chip.hover()
    assert page.locator("#peek q").inner_text() == " ".join(citation.quote.split())
    assert f"characters {citation.start:,}–{citation.end:,}" in page.locator("#peek small").inner_text()
    page.mouse.move(5, 5)
    page.locator("#peek").wait_for(state="hidden")

    chip.focus()
    page.locator("#peek").wait_for()
    page.keyboard.press("Enter")
    mark = page.locator("#reader mark")
    mark.wait_for()
    assert mark.evaluate_all("marks => marks.map(mark => mark.textContent)") == [citation.quote]
    assert mark.evaluate("mark => mark === document.activeElement && mark.classList.contains('flash')")
    assert " ".join(page.locator("#reader .text").inner_text().split()) == " ".join(ARTICLE.read_text("utf-8").split())
    shown = "mark => { const at = mark.getBoundingClientRect(); return at.top > 60 && at.bottom < innerHeight; }"
    assert mark.evaluate(shown)

    page.keyboard.press("Escape")
    page.locator("#sources section.shown a.chip").click()
    assert chip.evaluate("chip => chip === document.activeElement")


@in_browser
def test_a_conversation_goes_on_for_twenty_turns(page: Page) -> None:
    for number in range(20):
        ask(page, f"{VETO if number % 2 else CONTAINERS} ({number})")
    assert page.locator("#chat .asked").count() == page.locator("#chat .answer").count() == 20
    chip = page.locator("#chat a.chip").first
    chip.click()
    page.locator("#reader mark").wait_for()
    assert "7,000 containers" in page.locator("#reader mark").first.inner_text()


@in_browser
def test_a_follow_up_is_understood_and_the_page_says_what_was_searched(page: Page) -> None:
    ask(page, "Who is the Defence Minister of South Korea?")
    ask(page, "What has he suggested?")
    assert "Shin Won-sik" in page.locator("#chat .answer").last.inner_text()
    page.locator("#sources .why-answer summary").last.click()
    assert "Searched for:" in page.locator("#sources .why-answer").last.inner_text()


@in_browser
def test_a_question_is_edited_and_asked_again_in_its_place(page: Page) -> None:
    ask(page, CONTAINERS)
    ask(page, WORLD_CUP)
    page.locator("#chat .edit").first.focus()
    page.keyboard.press("Enter")
    page.get_by_text("replaces the question and 1 after it").wait_for()
    assert page.get_by_label("Question").input_value() == CONTAINERS
    page.get_by_role("button", name="Cancel").click()
    page.locator("#editing").wait_for(state="hidden")
    assert page.locator("#chat .asked").count() == 2

    page.locator("#chat .edit").first.focus()
    page.keyboard.press("Enter")
    page.locator("#editing").wait_for()
    ask(page, VETO)
    assert page.locator("#chat .asked").all_inner_texts() == [VETO]
    page.locator("#editing").wait_for(state="hidden")
    page.get_by_role("button", name="Ask again").click()
    page.locator("#chat .waiting").wait_for(state="detached")
    page.get_by_role("button", name="Send").wait_for()
    assert page.locator("#chat .asked").all_inner_texts() == [VETO]


@in_browser
def test_an_answer_is_copied_with_its_references(page: Page) -> None:
    ask(page, CONTAINERS)
    for name, part in (("Markdown", "[^1]: russia-dprk"), ("Plain text", "[1] russia-dprk"), ("BibTeX", "@misc{")):
        page.locator("#chat .copies summary").click()
        page.get_by_role("button", name=name).click()
        page.get_by_role("button", name="Copied").wait_for()
        assert part in page.evaluate("navigator.clipboard.readText()")
        page.locator("#chat .copies:not([open])").wait_for()


@in_browser
def test_files_are_added_asked_opened_at_their_page_and_removed(page: Page, tmp_path: Path) -> None:
    report = tmp_path / "herons.pdf"
    report.write_bytes(pdf([["The marsh is wide."], ["The heron Ottilie was ringed in 1931 near Lake Plattsee."]]))
    story = tmp_path / "otters.html"
    story.write_text(
        "<html><head><title>Otters of the Ems</title></head><body><article><h1>Otters of the Ems</h1><p>The otter "
        "Balthasar was seen on the river Ems in 1962 by the ranger Wilma Kroon.</p></article></body></html>"
    )
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.4 nothing")
    tab(page, "Library")
    page.locator("#files input[type=file]").set_input_files([report, story, broken])
    page.locator("#uploads .done").nth(1).wait_for(timeout=60_000)
    failed = page.locator("#uploads .failed")
    failed.wait_for(timeout=60_000)
    assert "broken.pdf" in failed.inner_text()
    assert "damaged" in failed.inner_text()
    page.locator("#documents").get_by_text("Otters of the Ems").wait_for()

    tab(page, "Ask")
    ask(page, "When was the heron Ottilie ringed?")
    assert "1931" in page.locator("#chat .answer").last.inner_text()
    page.locator("#chat a.chip").last.hover()
    assert "page 2" in page.locator("#peek small").inner_text()
    page.locator("#chat a.chip").last.click()
    page.locator("#reader mark").wait_for()
    assert "ringed in 1931" in page.locator("#reader mark").first.inner_text()
    ask(page, "Who saw the otter Balthasar?")
    assert "Wilma Kroon" in page.locator("#chat .answer").last.inner_text()

    page.get_by_label("Ask only").click()
    page.get_by_role("option", name="Otters of the Ems").click()
    page.keyboard.press("Escape")
    ask(page, CONTAINERS)
    assert page.locator("#chat .abstained").count() == 1

    tab(page, "Library")
    for title in ("herons", "Otters of the Ems"):
        row = page.locator("#documents .shelf li", has_text=title)
        row.get_by_text("Remove", exact=True).click()
        row.get_by_role("button", name="Yes, remove it").click()
        row.wait_for(state="detached")
    page.locator("#documents .hint", has_text="1 document,").wait_for()


@in_browser
def test_an_address_that_is_none_is_said(page: Page) -> None:
    tab(page, "Library")
    page.get_by_label("Address of a page or a file").fill("not an address")
    page.locator("#fetch").click()
    page.locator("#uploads .failed", has_text="no address of a web page").wait_for()


@in_browser
def test_a_draft_is_checked_sentence_by_sentence_with_its_sources_beside_it(page: Page) -> None:
    tab(page, "Check a draft")
    page.get_by_label("Text to check").fill(
        "North Korea has supplied 7,000 containers to Russia. Kim Jong Un was born on Mars."
    )
    page.get_by_role("button", name="Check", exact=True).click()
    page.locator(".tally", has_text="2 sentences: 1 supported").wait_for(timeout=60_000)
    verdicts = page.locator("#verdicts .verdict").all_inner_texts()
    assert verdicts[0] == "✓ supported"
    assert verdicts[1].startswith(("✕", "◐"))
    chip = page.locator("#verdicts a.chip").first
    quote = page.locator("#evidence mark").first.text_content()
    chip.click()
    page.locator("#reader mark").first.wait_for()
    assert page.locator("#reader mark").first.text_content() == quote


@in_browser
def test_a_conversation_outlives_a_reload_and_is_opened_and_deleted_from_the_history(page: Page, address: str) -> None:
    ask(page, CONTAINERS)
    ask(page, VETO)
    page.wait_for_url("**/?chat=*")
    page.wait_for_timeout(500)  # what a reload cuts off in its way Gradio calls an error
    kept = page.url
    quote = page.locator("#sources mark").first.text_content()
    page.reload()
    page.locator("#chat .answer").nth(1).wait_for()
    assert page.locator("#chat .asked").all_inner_texts() == [CONTAINERS, VETO]
    assert "stands to the letter" in page.locator("#chat .answer").first.inner_text()
    page.locator("#chat a.chip").first.click()
    page.locator("#reader mark").wait_for()
    assert page.locator("#reader mark").text_content() == quote
    ask(page, WORLD_CUP)
    assert page.url == kept

    page.get_by_role("button", name="New chat").click()
    page.locator("#chat .asked").first.wait_for(state="detached")
    page.wait_for_url(lambda url: "chat=" not in url)
    tab(page, "History")
    row = page.locator("#history .shelf li").first
    row.wait_for()
    assert "3 questions" in row.inner_text()
    row.get_by_role("button", name="Open").click()
    page.locator("#chat .asked").nth(2).wait_for()
    assert page.url == kept
    tab(page, "History")
    many = page.locator("#history .shelf li").count()
    row.get_by_text("Delete", exact=True).click()
    row.get_by_role("button", name="Yes, delete it").click()
    page.wait_for_function(f"document.querySelectorAll('#history .shelf li').length === {many - 1}")


@in_browser
def test_a_link_leads_to_an_answer(browser: BrowserContext, address: str) -> None:
    with browsed(browser, address, path=f"/?q={quote(CONTAINERS)}") as page:
        page.locator("#sources mark").wait_for(timeout=60_000)
        ask(page, VETO)
        page.get_by_role("button", name="Link").first.click()
        page.get_by_role("button", name="Copied").wait_for()
        link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{address}/?chat=")
    with browsed(browser, address, path=link.removeprefix(address)) as page:
        page.locator("#chat .answer").nth(1).wait_for()
        page.locator("#sources section.shown").wait_for()
        assert page.locator("#sources section.shown").get_attribute("data-turn") == "1"


@in_browser
def test_an_answer_is_stopped_in_mid_stream_and_the_next_question_is_free(
    browser: BrowserContext, tmp_path: Path
) -> None:
    with faulty_server("hang-after-tokens") as server:
        environ = {"OPENAI_BASE_URL": server.address, "OPENAI_MODEL": "m"}
        with window(tmp_path, environ) as address, browsed(browser, address) as page:
            page.get_by_label("Question").fill(CONTAINERS)
            page.keyboard.press("Enter")
            page.locator("#chat .draft, #chat .tick").first.wait_for(timeout=30_000)
            page.get_by_role("button", name="Stop").click()
            page.locator("#chat .note", has_text="Stopped.").wait_for()
            page.get_by_role("button", name="Send").wait_for()
            page.get_by_label("Answers are").click()
            page.get_by_role("option", name="Quotes, word for word").click()
            ask(page, VETO)
            assert "Panel of Experts" in page.locator("#chat .answer").last.inner_text()


@in_browser
def test_a_sentence_of_a_model_shows_its_verdict_in_words(browser: BrowserContext, tmp_path: Path) -> None:
    with scripted_server("North Korea supplied 7,000 containers. [1] It ", "sent 12 submarines. [1]") as server:
        environ = {"OPENAI_BASE_URL": server, "OPENAI_MODEL": "scripted"}
        with window(tmp_path, environ) as address, browsed(browser, address) as page:
            ask(page, CONTAINERS)
            assert page.locator("#chat .tick").get_attribute("title") == "Supported: checked against its source"
            assert "✕ not found in the library" in page.locator("#chat .unsupported").inner_text()
            page.get_by_label("Answers are").click()
            page.get_by_role("option", name="scripted, only what is supported").click()
            ask(page, VETO)
            assert "submarines" not in page.locator("#chat .answer").last.inner_text()


@in_browser
def test_what_the_library_does_not_answer_is_said_calmly_with_a_way_on(page: Page) -> None:
    ask(page, WORLD_CUP)
    assert page.locator("#chat .abstained").is_visible()
    assert page.get_by_role("heading", name="Nearest passages").is_visible()
    assert page.locator("#sources article").count() == 3
    assert page.locator("#sources mark").count() == 0

    page.get_by_role("button", name=f"Ask instead: {CONTAINERS}").click()
    page.locator("#sources mark").wait_for(timeout=60_000)
    page.get_by_role("button", name="New chat").click()
    page.get_by_role("button", name=CONTAINERS).wait_for()
    assert page.get_by_role("heading", name="Library", exact=True).is_visible()


@in_browser
def test_an_example_can_be_clicked_and_a_hostile_question_stays_text(page: Page) -> None:
    page.get_by_role("button", name=CONTAINERS).click()
    page.locator("#sources mark").wait_for(timeout=60_000)
    ask(page, HOSTILE)
    assert page.locator("#chat .asked").last.inner_text() == HOSTILE
    assert page.locator("#chat img, #sources img, #sources script").count() == 0


@in_browser
def test_a_question_that_fails_stays_in_the_input(page: Page) -> None:
    question = "why " * 2000
    page.get_by_label("Question").fill(question)
    page.keyboard.press("Enter")
    page.locator("#chat .note").wait_for()
    assert page.get_by_label("Question").input_value() == question


@in_browser
@pytest.mark.parametrize(("width", "height"), [(820, 1100), (390, 844)])
def test_in_a_narrow_window_the_source_comes_over_the_page_and_nothing_scrolls_sideways(
    page: Page, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    ask(page, CONTAINERS)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    chip = page.locator("#chat a.chip")
    chip.click()
    page.locator("#reader mark").wait_for()
    page.wait_for_function("document.querySelector('#reader mark').getBoundingClientRect().bottom < innerHeight")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.get_by_role("button", name="Back").click()
    page.locator("#panel").wait_for(state="hidden")
    assert chip.evaluate("chip => chip === document.activeElement")


def pressed(page: Page) -> list[str | None]:
    """Of every answer in turn: "Good answer", "Bad answer" or None."""
    pairs = page.locator("#chat .thumbs").evaluate_all(
        "all => all.map(thumbs => [...thumbs.children].filter(thumb => thumb.ariaPressed === 'true').map(t => t.title))"
    )
    assert all(len(pair) < 2 for pair in pairs)
    return [pair[0] if pair else None for pair in pairs]


def press(page: Page, name: str, answer: int) -> None:
    """Press the thumb of this name under the `answer`-th answer, and wait until its state has changed."""
    thumb = page.get_by_role("button", name=name).nth(answer - 1)
    was = thumb.get_attribute("aria-pressed")
    thumb.click()
    page.wait_for_function("([thumb, was]) => thumb.ariaPressed !== was", arg=[thumb.element_handle(), was])


@in_browser
def test_a_mark_is_kept_with_what_was_asked_before_and_withdrawn_when_pressed_again(page: Page, home: Path) -> None:
    ask(page, CONTAINERS)
    ask(page, VETO)
    assert pressed(page) == [None, None]
    thumb = page.get_by_role("button", name="Bad answer").last
    thumb.focus()
    page.keyboard.press("Enter")
    page.locator("#chat .thumb[aria-pressed=true]").wait_for()
    assert thumb.evaluate("thumb => thumb === document.activeElement")
    assert pressed(page) == [None, "Bad answer"]
    (kept,) = read_feedback(home / "library")
    quotes = page.locator("#sources section").last.locator("mark").all_text_contents()
    assert (kept.question, kept.answered, kept.liked, list(kept.quotes)) == (VETO, True, False, quotes)
    assert [message.role for message in kept.history] == ["user", "assistant"]
    assert kept.history[0].text == CONTAINERS
    assert "7,000 containers" in kept.history[1].text
    assert "[1]" not in kept.answer + kept.history[1].text

    press(page, "Good answer", 2)
    assert pressed(page) == [None, "Good answer"]
    assert [kept.liked for kept in read_feedback(home / "library")] == [True]
    press(page, "Good answer", 2)
    assert pressed(page) == [None, None]
    assert read_feedback(home / "library") == []


@in_browser
def test_a_mark_outlives_further_questions_and_ends_with_the_chat(page: Page, home: Path) -> None:
    ask(page, CONTAINERS)
    press(page, "Bad answer", 1)
    press(page, "Good answer", 1)
    ask(page, WORLD_CUP)
    assert pressed(page) == ["Good answer", None]

    page.locator("#chat a.chip").click()
    press(page, "Bad answer", 2)
    assert pressed(page) == ["Good answer", "Bad answer"]
    assert page.locator("#reader mark").is_visible()
    marks = {kept.question: (kept.answered, kept.liked, kept.quotes == ()) for kept in read_feedback(home / "library")}
    assert marks == {CONTAINERS: (True, True, False), WORLD_CUP: (False, False, True)}

    page.get_by_role("button", name="New chat").click()
    page.locator("#chat .asked").first.wait_for(state="detached")
    ask(page, CONTAINERS)
    assert pressed(page) == [None]


@in_browser
def test_a_mark_that_cannot_be_kept_is_said_and_shows_no_path(page: Page, home: Path) -> None:
    ask(page, CONTAINERS)
    path = feedback_path(home / "library")
    path.unlink(missing_ok=True)
    path.mkdir()
    try:
        page.get_by_role("button", name="Good answer").click()
        warning = page.get_by_text("This was not kept")
        warning.wait_for()
    finally:
        path.rmdir()
    assert pressed(page) == [None]
    assert str(home) not in page.content()


def test_other_programs_can_ask_and_get_the_answer_as_json(address: str) -> None:
    from gradio_client import Client  # type: ignore[import-untyped]
    from gradio_client.exceptions import AppError  # type: ignore[import-untyped]

    client = Client(address, verbose=False, analytics_enabled=False)
    answer = client.predict(CONTAINERS, api_name="/ask")
    assert answer["answered"]
    assert "7,000 containers" in answer["citations"][0]["quote"]
    assert "path" not in answer["citations"][0]
    with pytest.raises(AppError, match="The question is empty"):
        client.predict(" ", api_name="/ask")


def test_asking_is_all_that_other_programs_can_do(address: str, home: Path) -> None:
    info = httpx.get(f"{address}/gradio_api/info").json()
    assert (list(info["named_endpoints"]), info["unnamed_endpoints"]) == (["/ask"], {})
    assert str(home) not in httpx.get(f"{address}/config").text


def test_the_page_allows_no_other_host(address: str) -> None:
    policy = httpx.get(address).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
