"""The chat window: what it renders, how a turn runs, and the page itself in a real browser."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from PIL import Image

from evals.feedback import Feedback, feedback_path, read_feedback
from index import Document, Hit, Library, Passage, PinciteError
from index.library import SHIPPED_ARTICLES
from rag import Answer, Assistant, Citation, Message, Sentence, Verdict
from rag.prompts import REFUSAL
from tests.model_server import scripted_server
from ui.chat import EXAMPLES, history, messages, opinion, progress, serve, stopped, suggestions
from ui.render import Turn, answer_html, header_html, question_html, sources_html, welcome_html

if TYPE_CHECKING:
    from playwright.sync_api import Page

ARTICLE = SHIPPED_ARTICLES / "russia-dprk.txt"
CONTAINERS = "How many containers has North Korea supplied to Russia?"
VETO = "What did Russia veto at the United Nations?"
WORLD_CUP = "Who won the 2022 World Cup?"
HOSTILE = '<img src=x onerror="alert(1)"> {{value}} ${value} &amp; </mark><script>alert(2)</script>'

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
# A test run in the background ignores Ctrl-C, and so would its children.
_CHAT = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from ui.terminal import main; main()"
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")


class Marks(HTMLParser):
    """The text of every `mark`, by its id; the targets of the links; and the names of all elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.targets: list[str] = []
        self.names: set[str] = set()
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        values = dict(attrs)
        if tag == "mark":
            self._open = values["id"] or ""
            self.texts[self._open] = ""
        if tag == "a":
            self.targets.append((values["href"] or "").removeprefix("#"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "mark":
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open] += data


def document(text: str, title: str = "A title") -> Document:
    return Document(id="d1", path="/library/a.txt", title=title, text=text, sha256="0" * 64)


def hit(source: Document, start: int = 0, end: int | None = None) -> Hit:
    end = len(source.text) if end is None else end
    return Hit(Passage(source, start, end, ((start, end),), ""), 1.0, 1.0, 1.0, 1.0)


def cite(source: Document, quote: str, number: int) -> Citation:
    start = source.text.index(quote)
    end = start + len(quote)
    place = (source.id, source.title, source.path, start, end, None)
    return Citation(number, *place, quote, source.sha256, "2026-11-27", Verdict.SUPPORTED, 1.0)


def answered(question: str, hits: list[Hit], citations: list[Citation]) -> Turn:
    sentences = tuple(Sentence(citation.quote, (citation,), citation.verdict) for citation in citations)
    text = " ".join(sentence.marked for sentence in sentences)
    parts = (text, sentences, tuple(citations), tuple(hits))
    answer = Answer(question, question, True, *parts, 6, 13, 0.9, "extractive", {"total": 0.4})
    return Turn(question, sentences, tuple(hit.passage for hit in hits), answer=answer)


def abstained(question: str, hits: list[Hit]) -> Turn:
    answer = Answer(question, question, False, REFUSAL, (), (), tuple(hits), 12, 13, 0.1, "extractive", {})
    return Turn(question, passages=tuple(hit.passage for hit in hits), answer=answer)


def test_every_citation_is_a_link_to_a_mark_that_equals_its_quote() -> None:
    source = document(
        "First  it\nrained. Then <b>it</b> snowed & froze.\n\nAt last the sun came. " + "More of it. " * 99
    )
    quotes = ["First  it\nrained.", "Then <b>it</b> snowed & froze.", "At last the sun came."]
    turn = answered("What?", [hit(source, 0, 80)], [cite(source, quote, n) for n, quote in enumerate(quotes, 1)])
    marks = Marks(sources_html([turn], [])).texts
    assert list(marks.values()) == quotes
    assert Marks(answer_html(turn, 1)).targets == list(marks)


def test_passages_that_touch_share_a_card_and_those_that_do_not_have_their_own() -> None:
    source = document("One here. Two here. " + "Filler between. " * 100 + "Three here.")
    far = source.text.index("Three")
    hits = [hit(source, 0, 9), hit(source, 10, 19), hit(source, far)]
    turn = answered(
        "Q?", hits, [cite(source, quote, n) for n, quote in enumerate(["Two here.", "One here.", "Three here."], 1)]
    )
    html = sources_html([turn], [])
    assert html.count("<article>") == 2
    assert list(Marks(html).texts.values()) == ["One here.", "Two here.", "Three here."]


def test_nothing_from_outside_becomes_markup() -> None:
    source = document(f"{HOSTILE} {HOSTILE}", title=HOSTILE)
    turn = answered(HOSTILE, [hit(source)], [cite(source, HOSTILE, 1)])
    drafted = Turn(HOSTILE, draft=HOSTILE)
    failed = Turn(HOSTILE, note=HOSTILE, failed=True)
    pages = [
        sources_html([turn, abstained(HOSTILE, [hit(source)])], []),
        header_html([], HOSTILE),
        *(render for each in (turn, drafted, failed) for render in (question_html(each), answer_html(each, 1))),
    ]
    for page in pages:
        assert not Marks(page).names & {"img", "script"}
        assert "<img" not in page


def test_a_message_is_one_line_of_html_so_that_markdown_leaves_it_alone() -> None:
    source = document("It\n\n# rained\n\n- a lot.")
    turn = answered("Is it\n\n# so?\n\n```", [hit(source)], [cite(source, source.text, 1)])
    for message in messages([turn, Turn("a", draft="b\n\nc"), Turn("a", note="b\n\nc")]):
        assert re.fullmatch(r"<div [^\n]*</div>", message["content"])


def test_an_unsupported_sentence_is_labelled_in_words() -> None:
    turn = Turn("Q?", (Sentence("It flew.", (), Verdict.NOT_FOUND),))
    assert "<s>It flew.</s> <small>not found in the library</small>" in answer_html(turn, 1)


@pytest.mark.parametrize(
    ("short", "shown"),
    [
        ("flew", "It <strong>flew</strong> to"),
        ("New\nYork", '<strong>New </strong><span class="keep"><strong>York</strong>.<'),
        ("it &", 'It flew to New <span class="keep">York.<'),
        ("", 'It flew to New <span class="keep">York.<'),
    ],
)
def test_the_words_that_answer_are_bold_wherever_they_stand_in_their_sentence(short: str, shown: str) -> None:
    source = document("It flew to New York.")
    citation = cite(source, source.text, 1)
    sentence = Sentence(source.text, (citation,), Verdict.SUPPORTED, short=short)
    assert shown in answer_html(Turn("Q?", (sentence,), (hit(source).passage,)), 1)


def test_an_abstention_lists_three_passages_at_most_and_highlights_nothing() -> None:
    source = document("Word. " * 100)
    turn = abstained("Q?", [hit(source, n, n + 5) for n in range(5)])
    html = sources_html([turn], [])
    assert html.count("<article>") == 3
    assert "Nearest passages" in html
    assert "<mark" not in html
    assert "This is not in the library." in answer_html(turn, 1)


def test_an_abstention_offers_an_example_that_was_not_asked() -> None:
    source = document("Word.")
    shown = messages([answered("A?", [hit(source)], []), abstained("Q?", [hit(source)])], ["A?", "B?"])
    assert [option["value"] for option in shown[-1]["options"]] == ["B?"]


def test_the_page_says_in_plain_words_what_writes_the_answers() -> None:
    assert "Quotes only, no language model" in header_html([], "extractive")
    assert "Written by gpt-9, checked" in header_html([], "gpt-9")
    assert "pincite add" in welcome_html([])


def test_history_is_plain_text_without_citation_marks() -> None:
    source = document("It rained.")
    turns = [
        answered("What?", [hit(source)], [cite(source, "It rained.", 1)]),
        Turn("Oops", note="failed", failed=True),
    ]
    assert history(turns) == [Message("user", "What?"), Message("assistant", "It rained.")]


def test_a_stopped_turn_keeps_its_checked_sentences_only() -> None:
    sentence = Sentence("It rained.", (), Verdict.NOT_FOUND)
    assert stopped([Turn("Q?", (sentence,), draft="and th")]) == [Turn("Q?", (sentence,), note="Stopped.")]


def writing(library: Library, server: str) -> Assistant:
    return Assistant.open(library, environ={"OPENAI_BASE_URL": server, "OPENAI_MODEL": "scripted"})


def test_a_turn_begins_at_once_and_ends_with_its_answer(assistant: Assistant) -> None:
    first, *_, last = progress(assistant, CONTAINERS, [])
    assert first == Turn(CONTAINERS)
    assert last.answer
    assert last.sentences == last.answer.sentences
    assert "7,000 containers" in last.answer.text


@pytest.mark.parametrize("question", [question for questions in EXAMPLES.values() for question in questions])
def test_every_example_is_answered(assistant: Assistant, question: str) -> None:
    assert assistant.ask(question).answered


def test_examples_are_shown_only_where_their_article_is_in_the_library(assistant: Assistant) -> None:
    rows = assistant.library.documents()
    assert suggestions(rows) == EXAMPLES[ARTICLE.name]
    assert suggestions([replace(rows[0], sha256="0" * 64)]) == ()


@pytest.mark.parametrize("question", ["", " \n ", "why " * 250_000])
def test_a_question_that_cannot_be_asked_is_one_calm_line(assistant: Assistant, question: str) -> None:
    (turn,) = progress(assistant, question, [])
    assert turn.failed
    assert turn.note
    assert "\n" not in turn.note
    assert len(question_html(turn)) < 1000


def test_a_model_s_text_is_a_draft_until_it_is_checked(library: Library) -> None:
    with scripted_server("North Korea supplied 7,000 ", "containers. [1] It ", "sent 12 submarines. [1]") as server:
        turns = list(progress(writing(library, server), CONTAINERS, []))
    assert turns[1].draft == "North Korea supplied 7,000"
    assert 'class="draft"' in answer_html(turns[1], 1)
    assert [sentence.verdict for sentence in turns[-1].sentences] == [Verdict.SUPPORTED, Verdict.NOT_FOUND]
    assert not turns[-1].draft


def test_a_sentence_has_its_source_beside_it_before_the_answer_is_whole(library: Library) -> None:
    with scripted_server("North Korea supplied 7,000 containers. [1] It ", "also ", "did so.") as server:
        turns = list(progress(writing(library, server), CONTAINERS, []))
    early = next(turn for turn in turns if turn.sentences)
    assert early.answer is None
    marks = Marks(sources_html(stopped([early]), [])).texts
    assert list(marks.values()) == [early.citations[0].quote]
    assert Marks(answer_html(early, 1)).targets == list(marks)


def test_a_model_that_fails_is_one_calm_line(library: Library) -> None:
    with scripted_server(status=401) as server:
        *_, turn = progress(writing(library, server), CONTAINERS, [])
    assert turn.failed
    assert "OPENAI_API_KEY" in turn.note
    assert not turn.answer


def test_a_port_that_is_in_use_is_an_error_that_says_the_next_step(assistant: Assistant) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PinciteError, match="choose another port"):
        serve(assistant, host="127.0.0.1", port=taken.getsockname()[1], open_browser=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """The window as `pincite chat` serves it, with a library of the shipped article; ended by Ctrl-C."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "PINCITE_"))}
    environ["PINCITE_HOME"] = str(home)
    server = subprocess.Popen(
        [sys.executable, "-c", _CHAT, "chat", "--port", str(port)],
        cwd=ARTICLE.parent.parent,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    line = server.stdout.readline()
    try:
        assert line == f"Pincite is at http://127.0.0.1:{port}  (Ctrl-C stops it)\n"
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)
        rest, errors = server.communicate(timeout=30)
    errors = "".join(line for line in errors.splitlines(True) if not line.startswith("Error: Cannot keep feedback in "))
    assert (server.returncode, rest, errors) == (0, "", "")


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    """The window in a browser; afterwards: no error was logged, and no request went to another host."""
    from playwright.sync_api import sync_playwright

    requests: list[str] = []
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, device_scale_factor=2)
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(address)
        page.get_by_role("button", name=CONTAINERS).wait_for()
        yield page
        browser.close()
    assert problems == []
    assert [url for url in requests if not url.startswith((address, "data:", "blob:"))] == []


def ask(page: Page, question: str) -> None:
    """Ask, and wait until the answer is whole and the input is free again."""
    page.get_by_label("Question").fill(question)
    page.keyboard.press("Enter")
    page.locator("#chat .question", has_text=question).last.wait_for()
    page.get_by_role("button", name="Send").wait_for(timeout=60_000)


def picture(page: Page, name: str) -> None:
    """For docs/: PINCITE_SCREENSHOTS=docs python -m pytest tests/test_chat.py"""
    folder = os.environ.get("PINCITE_SCREENSHOTS")
    if folder:
        page.wait_for_timeout(1800)
        with Image.open(io.BytesIO(page.screenshot())) as image:
            image.convert("RGB").quantize(128).save(Path(folder, name), optimize=True)


@in_browser
def test_an_answer_s_quote_is_highlighted_in_its_source_and_a_click_leads_to_it(
    page: Page, assistant: Assistant
) -> None:
    ask(page, CONTAINERS)
    (citation,) = assistant.ask(CONTAINERS).citations
    mark = page.locator("#sources mark")
    assert mark.evaluate_all("marks => marks.map(mark => mark.textContent)") == [citation.quote]
    assert citation.quote == ARTICLE.read_text("utf-8")[citation.start : citation.end]

    ask(page, VETO)
    picture(page, "answer.png")
    assert not mark.first.is_visible()
    chip = page.locator("#chat a.chip").first
    assert chip.get_attribute("title") == citation.quote
    chip.focus()
    page.keyboard.press("Enter")
    assert mark.first.is_visible()
    assert mark.first.evaluate("mark => mark === document.activeElement && mark.classList.contains('flash')")

    page.locator("#sources section.shown a.chip").click()
    assert chip.evaluate("chip => chip === document.activeElement")


@in_browser
def test_what_the_library_does_not_answer_is_said_calmly_with_a_way_on(page: Page) -> None:
    ask(page, WORLD_CUP)
    assert page.locator("#chat .abstained").is_visible()
    assert page.get_by_role("heading", name="Nearest passages").is_visible()
    assert page.locator("#sources article").count() == 3
    assert page.locator("#sources mark").count() == 0
    picture(page, "abstention.png")

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
    assert page.locator("#chat .question").last.inner_text() == HOSTILE
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
def test_a_narrow_window_has_the_sources_below_and_nothing_to_scroll_sideways(
    page: Page, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    ask(page, CONTAINERS)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.locator("#chat a.chip").click()
    page.wait_for_function("document.querySelector('#sources mark').getBoundingClientRect().bottom < innerHeight")


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
    page.get_by_label("Question").fill(WORLD_CUP)
    page.keyboard.press("Enter")
    page.locator("#chat .waiting").wait_for()
    press(page, "Good answer", 1)
    page.locator("#chat .abstained").wait_for(timeout=60_000)
    assert pressed(page) == ["Good answer", None]

    page.locator("#chat a.chip").click()
    press(page, "Bad answer", 2)
    assert pressed(page) == ["Good answer", "Bad answer"]
    assert page.locator("#sources mark").is_visible()
    marks = {kept.question: (kept.answered, kept.liked, kept.quotes == ()) for kept in read_feedback(home / "library")}
    assert marks == {CONTAINERS: (True, True, False), WORLD_CUP: (False, False, True)}

    page.get_by_role("button", name="New chat").click()
    page.locator("#chat .question").first.wait_for(state="detached")
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


def test_only_a_finished_answer_can_be_marked() -> None:
    source = document("Word.")
    finished = [answered("Q?", [hit(source)], [cite(source, "Word.", 1)]), abstained("Q?", [])]
    for turn in finished:
        assert answer_html(turn, 3).count('value="3"') == 2
    for turn in [Turn("Q?", finished[0].sentences, draft="a"), Turn("Q?", note="Stopped."), Turn("Q?")]:
        assert "<button" not in answer_html(turn, 3)


def test_what_is_kept_of_a_mark_is_what_the_assistant_got_and_gave() -> None:
    source = document("It  rained. Then it froze.")
    turns = [
        answered("What?", [hit(source)], [cite(source, "It  rained.", 1)]),
        answered("And then?", [hit(source)], [cite(source, "Then it froze.", 1)]),
        abstained("Why?", [hit(source)]),
    ]
    kept = opinion(turns, 2, False)
    earlier = (Message("user", "What?"), Message("assistant", "It  rained."))
    assert kept == Feedback("And then?", earlier, "Then it froze.", True, ("Then it froze.",), False, kept.made)
    assert kept.made.endswith("+00:00")
    declined = opinion(turns, 3, True)
    assert (declined.answer, declined.answered, declined.quotes) == ("This is not in the library.", False, ())
    assert len(declined.history) == 4


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
