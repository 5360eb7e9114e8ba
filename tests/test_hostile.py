"""What is hostile stays text, and stays out: the window against payloads, paths, sizes, and who may not use it."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from evals.timing import environ_of, free_port
from index import Library, open_library
from index.opening import SHIPPED_ARTICLES
from rag import Assistant
from rag.reader import Reader
from tests.model_server import scripted_server
from tests.payloads import EVIL, PAYLOADS
from tests.service import COMMAND, ROOT
from tests.window import ask, browsed, in_browser, tab, window
from ui.turns import keep, progress

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Dialog, Frame, Page, Route

pytestmark = pytest.mark.slow

IMAGE = "<img src=x onerror=window.__pwned=1>"
PICTURE = "![logo](http://evil.example/logo.png)"
LOADED = "<svg onload=window.__pwned=1>"
ONCE_TOO_OFTEN = "&lt;img src=//evil.example/a&gt;"
TITLE = "Morva \"><svg onload=window.__pwned=1> ' autofocus onfocus='window.__pwned=1"
# A file that holds a null is no text; neither "/" nor that can be in a file's name.
IN_TEXT = [payload for payload in PAYLOADS if "\0" not in payload]
IN_NAMES = [payload for payload in IN_TEXT if "/" not in payload]
HARBOUR = f"""# {TITLE}

The lighthouse of Morva, {IMAGE}, was built in 1887 by Anna Kress.

The ferry of Morva, {PICTURE}, sails nine times a day.

The mayor of Morva is {LOADED} Petersen.

Why not?

Norway sold the mill at {ONCE_TOO_OFTEN} Morva because of the storm in 1901.
"""
LIGHTHOUSE = "Who built the lighthouse of Morva?"
FERRY = "How many times a day does the ferry of Morva sail?"
MAYOR = "Who is the mayor of Morva?"
WORLD_CUP = "Who won the 2022 World Cup?"
MILL = f"Why did Norway sell the mill at {ONCE_TOO_OFTEN} Morva?"
SECRET = "A secret that nobody may read through the window: 4711."
AUTH = {"PINCITE_AUTH": "ann:secret,bob:other", "PINCITE_HISTORY": "on"}
ANN, BOB = ({"username": "ann", "password": "secret"}, {"username": "bob", "password": "other"})
KEPT = "a-conversation-of-ann"
HEADERS = {
    "content-security-policy": "object-src 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


@dataclass(frozen=True)
class Served:
    """A window; in its folder it has a library in "home", what is uploaded, and "work", where it runs."""

    address: str
    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8")


def in_sentences(payloads: Sequence[str]) -> list[str]:
    some = [payloads[at : at + 14] for at in range(0, len(payloads), 14)]
    return [f"The mayors of Morva are called {' '.join(names)} and Petersen." for names in some]


def documents_of(home: Path) -> dict[str, str]:
    """Title by path, as another process reads them."""
    with Library(home / "library") as library:
        return {row.path: row.title for row in library.documents()}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The window of a library where titles, texts and file names are payloads. It runs beside what is secret."""
    folder = tmp_path_factory.mktemp("hostile")
    articles = folder / "articles"
    articles.mkdir()
    (articles / "harbour.md").write_text(HARBOUR, "utf-8")
    names = "\n\n".join(f"Zebra number {n} is called {payload}." for n, payload in enumerate(IN_TEXT))
    (articles / "zebras.md").write_text(f"# Zebras {' '.join(IN_TEXT[:8])}\n\n{names}\n", "utf-8")
    rows = "".join(
        f"<p>{escape(f'River number {n} is called {payload} by those who live there.')}</p>"
        for n, payload in enumerate(IN_TEXT[:20])
    )
    head = f"<title>{escape('Rivers </title><script>window.__pwned=1</script>')}</title>"
    (articles / "rivers.html").write_text(
        f"<!doctype html><html><head>{head}</head><body>{rows}</body></html>", "utf-8"
    )
    for number, payload in enumerate(IN_NAMES[:4]):
        (articles / f"{payload}.txt").write_text(f"Bird number {number} sings at night.", "utf-8")
    (folder / "work").mkdir()
    for name in (".env", "secret.txt"):
        (folder / "work" / name).write_text(f"SECRET='{SECRET}'", "utf-8")
    with open_library(folder / "home" / "library", {}, create=True) as library:
        assert library.add(articles).failed == []
    address = f"http://127.0.0.1:{(port := free_port())}"
    own = {"GRADIO_TEMP_DIR": str(folder / "arrivals"), "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("w", encoding="utf-8") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "chat", "--port", str(port)],
            cwd=folder / "work",
            env=environ_of(folder / "home", **own),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert server.stdout
        try:
            assert server.stdout.readline() == f"Pincite is at {address}  (Ctrl-C stops it)\n"
            yield Served(address, folder)
        finally:
            ended = server.poll()
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=30)
    assert ended is None  # nothing that was sent has ended it


# --- Payloads ---------------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Without spaces, what is not seen, and the marks that Pincite takes out of Markdown."""
    return "".join(c for c in text if unicodedata.category(c)[0] not in "ZC" and c not in "\ufffd_*`")


def lost(payloads: Sequence[str], text: str) -> list[str]:
    """Those that do not stand in the text."""
    text = plain(text)
    return [payload for payload in payloads if plain(payload) not in text]


# Attributes that hold text. Of any other none may hold what comes from a payload; and of these elements the window has
# none but the report's frame.
_RAN = "window.__pwned !== undefined || window.pwned !== undefined"
_LOOK = """() => {
  const text = /^(title|value|alt|placeholder|aria-label|data-title|data-place)$/;
  const harm = /pwned|evil\\.example|javascript:/i;
  const found = window.__pwned === undefined && window.pwned === undefined ? [] : ["it ran"];
  for (const element of document.querySelectorAll("body, body *:not(body > script)"))
    for (const {name, value} of element.attributes)
      if (!text.test(name) && harm.test(value)) found.push(`${name}=${value}`);
  const never = "script, iframe:not(.report), img, object, embed, form, base, meta, link, style, video, audio, "
    + "picture, math, foreignObject, animate, image, use, noscript, template, marquee, [background], [popover]";
  const ours = "#top, #talk, #panel, #peek, [data-testid=toast-body]";
  for (const part of document.querySelectorAll(ours))
    for (const element of part.querySelectorAll(never))
      if (element.tagName !== "style" || harm.test(element.textContent)) found.push(element.outerHTML.slice(0, 200));
  return found;
}"""


def harm(page: Page) -> list[str]:
    """What of a payload became more than text, or ran in any frame."""
    ran = [frame.name or frame.url for frame in page.frames if frame.evaluate(_RAN)]
    found: list[str] = page.evaluate(_LOOK)
    return ran + found


@contextmanager
def watched(browser: BrowserContext, address: str, path: str = "") -> Iterator[Page]:
    """The window in a browser. At the end nothing has run, no dialog was opened, and nothing was asked of others."""
    dialogs: list[str] = []
    with browsed(browser, address, path=path) as page:

        def close(dialog: Dialog) -> None:
            dialogs.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", close)
        yield page
        assert harm(page) == []
        assert dialogs == []


def peeked(page: Page) -> str:
    """All that is shown beside the citations of the last answer, one after the other."""
    said = []
    for chip in page.locator("#chat .message-row").last.locator("a.chip").all():
        for _ in range(20):
            page.mouse.move(1, 1)
            chip.hover()
            if page.locator("#peek").is_visible():  # it is not while the page still scrolls
                break
            page.wait_for_timeout(100)
        said.append(page.locator("#peek").inner_text())
        assert harm(page) == []
    return " ".join(said)


def markdown(text: str) -> str:
    """A page that trusts Markdown, LaTeX and templates."""
    for pattern, html in (
        (r"!\[(.*?)\]\((.*?)\)", r'<img src="\2">'),
        (r"\[(.*?)\]\((.*?)\)", r'<a class=go href="\2">\1</a>'),
        (r"^<(http.*)>$", r'<a class=go href="\1">\1</a>'),
        (r"\\href\{(.*?)\}\{(.*?)\}", r'<a class=go href="\1">\2</a>'),
        (r"\{\{(.*?)\}\}", r"<script>\1</script>"),
    ):
        text = re.sub(pattern, html, text)
    return text


def read_twice(text: str) -> str:
    """A page that parses what it made of it once more."""
    held = json.dumps(text).replace("<", "\\u003c")
    return f"<p id=p></p><script>p.innerHTML = {held}; p.innerHTML = p.innerHTML</script>"


@in_browser
def test_each_payload_does_harm_in_a_page_that_trusts_it(browser: BrowserContext) -> None:
    from playwright.sync_api import Error

    trusting = [
        lambda text: f"<div>{text} </div><p>x</p>",
        lambda text: f'<p title="{text}">x</p>',
        lambda text: f"<p title='{text}'>x</p>",
        lambda text: f"<script>x = '{text}'</script>",
        lambda text: f'<script>x = "{text}"</script>',
        lambda text: f"<script>x = `{text}`</script>",
        unescape,
        lambda text: unescape(unescape(text)),
        markdown,
        read_twice,
    ]
    use = """() => {
      for (const part of document.querySelectorAll(".go")) part.dispatchEvent(new MouseEvent("click", {bubbles: true}));
      document.querySelector("[autofocus]")?.focus();
      return window.__pwned !== undefined;
    }"""
    rang: set[int] = set()
    served = {"page": ""}

    def number(frame: Frame) -> int:
        while frame.parent_frame and frame.parent_frame.parent_frame:
            frame = frame.parent_frame
        return int(frame.name)

    def answer(route: Route) -> None:
        url = route.request.url
        if url == "http://trusting.example/":
            route.fulfill(body=served["page"], content_type="text/html; charset=utf-8")
            return
        if url.startswith(EVIL):
            rang.add(number(route.request.frame))
        route.fulfill(status=204 if url.startswith(EVIL) else 404)

    page = browser.new_page()
    page.route("**/*", answer)
    for pages in (trusting[:1], trusting[1:]):
        served["page"] = "<!doctype html>" + "".join(
            f'<iframe name={number} srcdoc="{escape("<!doctype html><body>" + trusts(payload))}"></iframe>'
            for number, payload in enumerate(PAYLOADS)
            if number not in rang
            for trusts in pages
        )
        page.goto("http://trusting.example/")
        for _ in range(40):
            for frame in page.main_frame.child_frames:
                try:
                    if int(frame.name) not in rang and frame.evaluate(use):
                        rang.add(int(frame.name))
                except Error:  # it has left for another page
                    continue
            if len(rang) == len(PAYLOADS):
                break
            page.wait_for_timeout(50)
    page.close()
    assert [payload for number, payload in enumerate(PAYLOADS) if number not in rang] == []
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 40


def put(page: Page, html: str) -> list[str]:
    """The harm that is seen when this stands in the page as markup."""
    page.locator("#sources").evaluate("(part, html) => part.insertAdjacentHTML('beforeend', html)", html)
    page.wait_for_timeout(100)
    found = harm(page)
    page.locator("#sources > :last-child").evaluate("part => part.remove()")
    return found


def put_into_a_window(browser: BrowserContext, address: str, html: str) -> None:
    with watched(browser, address) as page:
        put(page, html)


@in_browser
def test_what_a_payload_does_in_the_window_would_be_seen(browser: BrowserContext, hostile: Served) -> None:
    with browsed(browser, hostile.address) as page:
        assert put(page, f"<p title='{IMAGE}'>{escape(IMAGE)}</p>") == []
        assert put(page, f"<a href={EVIL}>x</a>") == [f"href={EVIL}"]
        assert len(put(page, "<form></form>")) == 1
        page.evaluate("document.body.dataset.x = 'pwned'")
        assert harm(page) == ["data-x=pwned"]
        page.evaluate("delete document.body.dataset.x; window.__pwned = 1")
        assert "it ran" in harm(page)
    with pytest.raises(AssertionError):  # of `browsed`: the page's policy has stopped it
        put_into_a_window(browser, hostile.address, f"<img src={EVIL}pixel.png>")
    with pytest.raises(AssertionError, match="it ran"):
        put_into_a_window(browser, hostile.address, "<details open ontoggle=window.__pwned=1></details>")


@in_browser
def test_payloads_in_questions_and_documents_stay_text_in_a_conversation(
    browser: BrowserContext, hostile: Served
) -> None:
    halves = [PAYLOADS[:50], PAYLOADS[50:]]
    with watched(browser, hostile.address) as page:
        for number, payloads in enumerate(halves, 1):
            page.get_by_label("Question").fill(" ".join(payloads))
            page.keyboard.press("Enter")
            page.locator("#chat .foot").nth(number - 1).wait_for(timeout=60_000)
            assert lost(payloads, page.locator("#chat .asked").last.inner_text()) == []
            assert harm(page) == []
        ask(page, WORLD_CUP)
        assert page.locator("#chat .message-row").last.locator(".abstained").is_visible()
        page.get_by_role("button", name=f"Ask instead: {MILL}").click()
        page.locator("#chat .foot").nth(3).wait_for(timeout=60_000)
        assert page.locator("#chat .asked").last.inner_text() == MILL
        assert lost([ONCE_TOO_OFTEN], peeked(page)) == []

        for question, payload in ((LIGHTHOUSE, IMAGE), (FERRY, PICTURE), (MAYOR, LOADED)):
            ask(page, question)
            answer = page.locator("#chat .message-row").last
            assert lost([payload], answer.inner_text()) == []
            assert lost([payload, TITLE], peeked(page)) == []
            sources = page.locator("#sources section").last
            assert lost([payload, TITLE], sources.inner_text()) == []
            page.locator("#sources section").last.locator(".why-answer summary").click()
            assert lost([TITLE], sources.locator(".why-answer").inner_text()) == []
            assert harm(page) == []
        answer.get_by_text("Copy", exact=True).click()
        answer.get_by_role("button", name="Markdown").click()
        answer.get_by_text("Copied").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.locator("#sources section").last.locator("pre[data-form=markdown]").text_content()
        assert "\\<svg onload=window.\\_\\_pwned=1>" in copied
        assert LOADED not in copied

        answer.locator("a.chip").first.click()
        page.locator("#reader mark").wait_for()
        assert lost([TITLE, IMAGE, PICTURE, LOADED, ONCE_TOO_OFTEN], page.locator("#reader").inner_text()) == []
        assert harm(page) == []
        page.get_by_role("button", name="Bad answer").nth(0).click()
        page.get_by_role("button", name="Bad answer").nth(5).click()
        page.locator("#chat .thumb.bad[aria-pressed=true]").nth(1).wait_for()

        tab(page, "Quality")
        page.locator("#quality .candidates li").nth(1).wait_for()
        said = page.locator("#quality .candidates").inner_text()
        assert lost([*halves[0], LOADED], said) == []
        assert harm(page) == []

        tab(page, "History")
        page.locator("#history li").first.wait_for()
        assert lost(halves[0], page.locator("#history li").first.inner_text()) == []
        assert harm(page) == []
        page.get_by_role("button", name="New chat").click()
        page.locator("#chat .asked").first.wait_for(state="detached")
        tab(page, "History")
        page.locator("#history .reopen").first.click()
        page.locator("#chat .asked").nth(5).wait_for()
        asked = page.locator("#chat .asked").all_inner_texts()
        assert [lost(payloads, text) for payloads, text in zip(halves, asked, strict=False)] == [[], []]
        assert lost([IMAGE, PICTURE, LOADED], page.locator("#chat").inner_text()) == []
        assert harm(page) == []
        address = page.evaluate("location.search")
    with watched(browser, hostile.address, path=f"/{address}") as page:
        page.locator("#chat .asked").nth(5).wait_for()
        assert lost([IMAGE, PICTURE, LOADED], page.locator("#chat").inner_text()) == []


@in_browser
def test_payloads_in_titles_names_and_texts_stay_text_in_the_library(browser: BrowserContext, hostile: Served) -> None:
    titles = sorted(documents_of(hostile.home).values())
    with watched(browser, hostile.address) as page:
        page.get_by_role("button", name=MILL).wait_for(timeout=30_000)
        assert lost(titles, page.locator("#top li").first.get_attribute("title") or "") == []
        assert lost(titles, page.locator("#sources").inner_text()) == []
        page.get_by_label("Ask only").click()
        assert lost(titles, page.get_by_role("listbox").inner_text()) == []
        page.get_by_role("option", name="Morva").click()
        assert lost([TITLE], page.locator("#chosen .token").inner_text()) == []
        page.keyboard.press("Escape")
        assert harm(page) == []

        tab(page, "Library")
        shelf = page.locator("#documents")
        shelf.locator("li").first.wait_for()
        assert lost([*titles, *(f"{payload}.txt" for payload in IN_NAMES[:4])], shelf.inner_text()) == []
        assert harm(page) == []
        page.get_by_label("Find a document").fill(IN_NAMES[0])
        page.locator("#documents li").nth(2).wait_for(state="detached")
        page.get_by_label("Find a document").fill("zebras.md")
        page.locator("#documents li").nth(1).wait_for(state="detached")
        page.locator("#documents .document").click()
        page.locator("#reader .text").wait_for()
        assert lost(IN_TEXT, page.locator("#reader").inner_text()) == []
        assert harm(page) == []


@in_browser
def test_payloads_in_uploads_stay_text_in_the_account_of_them(browser: BrowserContext, hostile: Served) -> None:
    files = [
        {"name": f"{payload}{suffix}", "mimeType": "text/plain", "buffer": f"{kind} {payload}".encode()}
        for payload, (suffix, kind) in zip(IN_NAMES, 4 * [(".txt", "A new one is"), (".pdf", "no PDF:")], strict=False)
    ]
    with watched(browser, hostile.address) as page:
        tab(page, "Library")
        page.locator("#files input[type=file]").set_input_files(files)  # type: ignore[arg-type]
        page.locator("#uploads li.done, #uploads li.failed").nth(len(files) - 1).wait_for(timeout=60_000)
        said = page.locator("#uploads").inner_text()
        # Gradio takes some characters out of a name.
        assert len(re.findall("onerror|onload|script|pwned", said)) >= len(files)
        assert said.count("Added: 1 passage") == said.count("it is no PDF") == len(files) // 2, said
        assert str(hostile.folder) not in said
        page.wait_for_function("!document.querySelector('#files a[href]')")  # the field is empty again
        assert harm(page) == []

        page.get_by_label("Address of a page or a file").fill(IMAGE)
        page.get_by_role("button", name="Add", exact=True).click()
        page.locator("#uploads", has_text="no address").wait_for()
        assert lost([IMAGE], page.locator("#uploads").inner_text()) == []


def open_draft(page: Page, name: str, data: bytes) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#open-draft").click()
    chooser.value.set_files({"name": name, "mimeType": "application/octet-stream", "buffer": data})


@in_browser
def test_payloads_in_a_draft_stay_text_where_it_is_checked(browser: BrowserContext, hostile: Served) -> None:
    with watched(browser, hostile.address) as page:
        page.get_by_label("Ask only").click()
        page.get_by_role("option", name="Morva").click()
        page.keyboard.press("Escape")
        tab(page, "Check a draft")
        open_draft(page, f"{IN_NAMES[0]}.md", HARBOUR.encode())
        page.wait_for_function("document.querySelector('#draft textarea').value.includes('lighthouse')")
        assert page.locator("#draft textarea").input_value() == HARBOUR
        page.locator("#draft textarea").fill("\n\n".join([HARBOUR, *in_sentences(PAYLOADS)]))
        page.get_by_role("button", name="Check", exact=True).click()
        page.locator("#verdicts .tally").wait_for(timeout=60_000)
        checked = page.locator("#verdicts li > p").evaluate_all(
            "all => all.map(part => [...part.childNodes].filter(node => node.nodeType === 3).map(n => n.data).join(''))"
        )
        assert lost([*PAYLOADS, PICTURE, ONCE_TOO_OFTEN], " ".join(checked)) == []
        page.locator("#evidence", has_text=IMAGE).wait_for()
        assert lost([IMAGE, PICTURE, LOADED, TITLE], page.locator("#evidence").inner_text()) == []


def book(part: str) -> bytes:
    """An EPUB that lacks its main part, whose name is `part`."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            f'<rootfile full-path="{escape(part)}"/></rootfiles></container>',
        )
    return held.getvalue()


@in_browser
def test_a_draft_that_cannot_be_opened_is_said_as_text_and_without_a_path(
    browser: BrowserContext, hostile: Served
) -> None:
    link = "<a href=http://evil.example/sign-in>Sign in again</a>"
    with watched(browser, hostile.address) as page:
        tab(page, "Check a draft")
        for name, data in (("a book.epub", book(f"{IMAGE}{link}")), ("turned \u202e round.pdf", b"no PDF")):
            open_draft(page, name, data)
            toast = page.locator("[data-testid=toast-body]", has_text=Path(name).suffix).last
            toast.wait_for()
            assert str(hostile.folder) not in toast.inner_text()
            assert harm(page) == []
        assert lost([link], page.locator("[data-testid=toast-body]").first.inner_text()) == []


@in_browser
def test_payloads_that_a_model_writes_stay_text(browser: BrowserContext, tmp_path: Path) -> None:
    (tmp_path / "harbour.md").write_text(HARBOUR, "utf-8")
    with open_library(tmp_path / "library", {}, create=True) as library:
        library.add(tmp_path / "harbour.md")
    said = (f"{sentence}\n\n" for sentence in in_sentences(PAYLOADS))
    with scripted_server(f"The ferry of Morva, {PICTURE}, sails nine times a day [1]. ", *said) as model:
        settings = {"OPENAI_BASE_URL": model, "OPENAI_MODEL": f"scripted {IMAGE}"}
        with window(tmp_path, settings) as address, watched(browser, address) as page:
            assert lost([IMAGE], page.locator("#top").inner_text()) == []
            page.get_by_label("Question").fill(FERRY)
            page.keyboard.press("Enter")
            page.locator("#chat .foot").wait_for(timeout=60_000)
            answer = page.locator("#chat .message-row").last
            sentences = answer.locator("s").all_inner_texts()
            assert lost(PAYLOADS, " ".join([answer.inner_text(), *sentences])) == []
            assert lost([PICTURE], peeked(page)) == []
            assert lost([PICTURE], page.locator("#sources section").last.inner_text()) == []
            copied = page.locator("#sources pre[data-form=markdown]").text_content() or ""
            assert not re.search(r"(?<!\\)[<\[]|(?<!\\)\](?!:)", re.sub(r"\[\^\d+\]", "", copied))


# --- Paths ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    text: str


def raw(address: str, target: str, method: str = "GET", headers: Mapping[str, str] = {}, body: bytes = b"") -> Reply:
    """What is answered to a request whose target goes out as it stands, and whose length is what `headers` say."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
    try:
        connection.putrequest(method, target, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body or None)
        reply = connection.getresponse()
        named = {name.lower(): value for name, value in reply.getheaders()}
        return Reply(reply.status, named, reply.read().decode("utf-8", "replace"))
    finally:
        connection.close()


@dataclass
class Visitor:
    """One who uses the window without its page."""

    web: httpx.Client
    config: dict[str, Any]
    session: str = field(default_factory=lambda: os.urandom(6).hex())

    def part(self, name: str) -> int:
        (found,) = (c["id"] for c in self.config["components"] if c["props"].get("elem_id") == name)
        return int(found)

    def function(self, name: str, event: str) -> int:
        """The number of the function that an event of the part calls; of no name: an event of the page."""
        number = self.part(name) if name else None
        found = [
            function["id"]
            for function in self.config["dependencies"]
            for target in function["targets"]
            if target[1] == event and (number is None or target[0] == number)
        ]
        return int(found[0])

    def call(self, function: int, data: list[Any], event: object = None, query: str = "") -> dict[str, Any]:
        """As the page does it: the last message of the queue."""
        asked = {"data": data, "fn_index": function, "event_data": event, "session_hash": self.session}
        joined = self.web.post(f"/gradio_api/queue/join{query}", json=asked)
        if joined.status_code != 200:
            return {"success": False, "output": joined.text}
        last: dict[str, Any] = {}
        with self.web.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as stream:
            for row in stream.iter_lines():
                message = json.loads(row.removeprefix("data: ")) if row.startswith("data: ") else {}
                if message.get("msg") == "process_completed":
                    last = message
        return last

    def upload(self, name: str, data: bytes) -> httpx.Response:
        """The name goes out as it stands."""
        head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        return self.web.post("/gradio_api/upload", content=head + data + b"\r\n--x--\r\n", headers=kind)


@contextmanager
def visiting(address: str, login: Mapping[str, str] | None = None) -> Iterator[Visitor]:
    with httpx.Client(base_url=address, timeout=60) as web:
        if login:
            assert web.post("/login", data=login).status_code == 200
        yield Visitor(web, web.get("/config").raise_for_status().json())


@pytest.fixture
def visitor(hostile: Served) -> Iterator[Visitor]:
    with visiting(hostile.address) as visitor:
        yield visitor


def as_file(path: object, **more: object) -> dict[str, object]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def test_no_path_leads_to_a_file(hostile: Served, visitor: Visitor) -> None:
    (uploaded,) = visitor.upload("mine.txt", SECRET.encode()).raise_for_status().json()
    assert Path(uploaded).read_text("utf-8") == SECRET
    ledger = hostile.home / "library" / "ledger.sqlite"
    assert ledger.exists()
    wanted = [
        "/etc/passwd",
        uploaded,
        str(ledger),
        ".env",
        str(hostile.folder / "work" / ".env"),
        "secret.txt",
        "../.env",
    ]
    ups = [
        "../",
        "..%2f",
        "%2e%2e/",
        "%2e%2e%2f",
        "%252e%252e%252f",
        "..\\",
        "..%5c",
        "%c0%ae%c0%ae/",
        "....//",
        "..;/",
    ]
    targets = [f"{door}{path}" for path in wanted for door in ("/gradio_api/file=", "/file=", "/gradio_api/file/")]
    targets += [f"{door}{path.replace('/', '%2f')}" for path in wanted for door in ("/gradio_api/file=", "/assets/")]
    targets += [f"{door}{path}" for path in wanted for door in ("/static/", "/assets/", "/svelte/", "//", "/")]
    targets += [
        f"/{door}/{up * depth}{file}"
        for door in ("static", "assets", "svelte", "gradio_api/file=.", "theme.css")
        for up in ups
        for depth, file in ((12, "etc/passwd"), (12, uploaded[1:]), (4, "package.json"), (3, "routes.py"))
    ]
    targets += [
        *(f"/gradio_api/proxy={EVIL}", "/proxy=http://127.0.0.1:80/", "/monitoring", "/monitoring/summary"),
        *("/gradio_api/stream/x", "/gradio_api/stream/x/1/1/playlist.m3u8", "/gradio_api/openapi.json", "/docs"),
        *("/gradio_api/runs", "/gradio_api/token", "/gradio_api/user", "/gradio_api/deep_link", "/openapi.json"),
        *("/gradio_api/custom_component/x/client/x/y", "/gradio_api/dev/reload", "/gradio_api/vibe-edit"),
        *("/gradio_api/mcp/", "/pwa_icon/192", "/.env", "/config/../.env", "/GRADIO_API/file=/etc/passwd"),
        *("/gradio_api/queue/../file=/etc/passwd", "/gradio_api/call/..%2f..%2ffile=/etc/passwd", "/assets/%00"),
        *("/static/%0a/../x", "/gradio_api/file%3d/etc/passwd", "*"),
    ]
    given = [
        (target, reply.status)
        for target in targets
        for reply in [raw(hostile.address, target.replace(" ", "%20"))]
        if not 400 <= reply.status < 500 or any(text in reply.text for text in (SECRET, "root:", "SQLite format"))
    ]
    assert given == []
    for method in ("POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        reply = raw(hostile.address, f"/gradio_api/file={uploaded}", method, {"Content-Length": "0"})
        assert (method, reply.status, SECRET in reply.text) == (method, 404, False)


def test_an_uploaded_file_lands_in_the_library_s_own_folder_whatever_its_name_is(
    hostile: Served, visitor: Visitor
) -> None:
    names = ["../../evil.txt", "..\\..\\evil.txt", "C:\\evil.txt", "/var/evil.txt", ".env", "..", "evil/../../evil.md"]
    names += [
        "%2e%2e%2fevil.txt",
        "evil.txt\0.md",
        "\u202etxt.evil.txt",
        f"{'evil' * 100}.txt",
        "CON.txt",
        "....//evil.txt",
    ]
    before = {path for path in hostile.folder.rglob("*") if path.is_file()}
    known = set(documents_of(hostile.home))
    arrived: list[str] = []
    for number, name in enumerate(names):
        reply = visitor.upload(name, f"Evil number {number} is in a file.".encode())
        assert reply.status_code in (200, 400), (name, reply.text)
        arrived += reply.json() if reply.status_code == 200 else []
    assert len(arrived) >= 8
    assert all(Path(path).resolve().is_relative_to(hostile.folder / "arrivals") for path in arrived), arrived
    readable = [path for path in arrived if Path(path).suffix in (".txt", ".md")]
    taken = visitor.call(visitor.function("files", "upload"), [[as_file(path) for path in readable]])
    assert taken["success"], taken

    added = set(documents_of(hostile.home)) - known
    uploads = hostile.home / "library" / "uploads"
    assert len(added) == len(readable)
    assert all(Path(path).is_relative_to(uploads) and Path(path).parent.parent == uploads for path in added), added
    assert not any(Path(path).name.startswith(".") for path in added)
    now = {path for path in hostile.folder.rglob("*") if path.is_file()}
    elsewhere = [path for path in now - before if b"Evil number" in path.read_bytes()]
    elsewhere = [path for path in elsewhere if not path.is_relative_to(uploads)]
    own = (hostile.folder / "arrivals", hostile.home / "library" / "ledger.sqlite-wal")
    assert all(any(path.is_relative_to(place) for place in own) for path in elsewhere), elsewhere
    assert not list(hostile.folder.parent.glob("evil*")) + list(Path("/var").glob("evil.txt"))
    assert SECRET in (hostile.folder / "work" / ".env").read_text("utf-8")


def test_only_what_was_uploaded_is_taken_for_an_upload(hostile: Served, visitor: Visitor) -> None:
    (uploaded,) = visitor.upload("own.txt", b"A file of one's own.").raise_for_status().json()
    known = documents_of(hostile.home)
    secret = hostile.folder / "work" / "secret.txt"
    (hostile.home / "library" / "notes.txt").write_text(SECRET, "utf-8")
    outside = [
        *("/etc/passwd", str(secret), "secret.txt", ".env", str(hostile.home / "library" / "ledger.sqlite")),
        *(str(hostile.home / "library" / "notes.txt"), str(SHIPPED_ARTICLES / "russia-dprk.txt"), "/proc/self/environ"),
        *(
            f"{uploaded}/../../../work/secret.txt",
            f"{hostile.folder}/arrivals/../work/secret.txt",
            f"file://{secret}",
            "",
        ),
        *(f"{uploaded}\0.txt", 7, None, ["secret.txt"]),
    ]
    for function, many in (
        (visitor.function("files", "upload"), True),
        (visitor.function("open-draft", "upload"), False),
    ):
        for path in outside:
            for file in (as_file(path), {"path": path}, path, as_file(path, url=f"/gradio_api/file={path}")):
                reply = visitor.call(function, [[file] if many else file])
                said = json.dumps(reply)
                assert not any(text in said for text in (SECRET, "root:", "containers", "PINCITE_HOME")), (path, said)
                assert "Added" not in said, (path, said)
    assert documents_of(hostile.home) == known
    assert SECRET in secret.read_text("utf-8")
    assert (hostile.home / "library" / "notes.txt").exists()
    assert (SHIPPED_ARTICLES / "russia-dprk.txt").exists()
    opened = visitor.call(visitor.function("open-draft", "upload"), [as_file(uploaded)])
    assert opened["output"]["data"] == ["A file of one's own."]


def test_the_server_fetches_no_address_that_is_named_as_a_file(hostile: Served, visitor: Visitor) -> None:
    for name in ("files", "open-draft"):
        file = as_file(f"{EVIL}{name}.txt")
        visitor.call(visitor.function(name, "upload"), [[file] if name == "files" else file])
    visitor.call(visitor.function("find", "change"), [as_file(f"{EVIL}find.txt")])
    assert not [row for row in hostile.log.splitlines() if "ssrf" in row or "evil.example" in row]
    assert not list((hostile.folder / "arrivals").rglob("find.txt"))


def test_what_is_asked_of_the_page_s_own_function_in_vain_is_an_error_and_no_more(
    hostile: Served, visitor: Visitor
) -> None:
    with Library(hostile.home / "library") as library:
        document = library.documents()[0].id
    right = {"component_id": visitor.part("reader"), "fn_name": "open_document", "session_hash": "s"}
    nothing: tuple[object, ...] = ({}, [], None, -1, "__init__")
    data: list[object] = [None, [], "x", 7, {}, ["x"], ["x", [[1, 2]], 0], ["x", 7, 0], ["x", [], []], [[], [], [], []]]
    data += [[document, [], float("inf")], [document, [["a", "b", "c"]], 0], [document, [[1, 2, float("nan")]], 0]]
    wrong = [{**right, "data": value} for value in data]
    wrong += [{**right, "data": [document, [], 0], name: value} for name in right for value in nothing]
    wrong += [{**right, "data": [], "fn_name": name} for name in ("postprocess", "__class__", "get_config", "open")]
    bodies = [json.dumps(each).encode() for each in wrong] + [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"' * 1000]
    asked = {**right, "data": [document, [], 0]}
    shown = httpx.post(f"{hostile.address}/gradio_api/component_server", json=asked).raise_for_status().json()
    assert '<div class="text"' in shown
    for body in bodies:
        reply = httpx.post(f"{hostile.address}/gradio_api/component_server", content=body)
        said = reply.json() if reply.status_code == 200 else ""
        assert reply.status_code >= 400 or said == shown or "no longer in the library" in said, body
        assert not re.search(rf"Traceback|site-packages|\.py\b|{re.escape(str(hostile.folder))}", reply.text), body
        assert lacking(reply.headers) == [], (body, reply.status_code)


# --- Sizes and headers ------------------------------------------------------------------------------------------------


def lacking(headers: Mapping[str, str]) -> list[str]:
    return [name for name, value in HEADERS.items() if value not in headers.get(name, "")]


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/gradio_api/queue/join", {"Content-Length": str(4 * 2**20 + 1)}, 413),
        ("/gradio_api/component_server", {"Content-Length": str(2**40)}, 413),
        ("/gradio_api/run/ask", {"Content-Length": "9" * 18}, 413),
        ("/login", {"Content-Length": str(5 * 2**20)}, 413),
        ("/gradio_api/upload", {"Content-Length": str(66 * 2**20)}, 413),
        ("/gradio_api/upload?upload_id=x", {"Content-Length": str(2**34)}, 413),
        ("/gradio_api/upload", {"Transfer-Encoding": "chunked"}, 411),
        ("/gradio_api/queue/join", {"Transfer-Encoding": "chunked"}, 411),
        ("/gradio_api/component_server", {"Transfer-Encoding": "chunked"}, 411),
        ("/gradio_api/component_server", {"Transfer-Encoding": "chunked", "Content-Length": "5"}, 400),
        ("/gradio_api/queue/join", {"Content-Length": "-1"}, 400),
        ("/gradio_api/queue/join", {"Content-Length": "1e9"}, 400),
    ],
)
def test_what_is_too_large_or_of_no_said_length_is_refused_before_it_is_sent(
    hostile: Served, target: str, headers: dict[str, str], status: int
) -> None:
    assert raw(hostile.address, target, "POST", headers).status == status


@pytest.mark.parametrize(
    ("target", "method", "headers", "status"),
    [
        ("/", "GET", {}, 200),
        ("/", "HEAD", {}, 200),
        ("/healthz", "GET", {}, 200),
        ("/theme.css", "GET", {}, 200),
        ("/favicon.ico", "GET", {}, 200),
        ("/config", "GET", {}, 200),
        ("/gradio_api/info", "GET", {}, 200),
        ("/nothing", "GET", {}, 404),
        ("/gradio_api/file=x", "GET", {}, 404),
        ("/assets/nothing.js", "GET", {}, 404),
        ("/assets/..%2fx", "GET", {}, 403),
        ("/config", "DELETE", {}, 405),
        ("/gradio_api/queue/join", "POST", {"Content-Length": "0"}, 422),
        ("/gradio_api/queue/join", "POST", {"Transfer-Encoding": "chunked"}, 411),
        ("/gradio_api/upload", "POST", {"Content-Length": str(2**40)}, 413),
    ],
)
def test_every_kind_of_answer_has_the_headers(
    hostile: Served, target: str, method: str, headers: dict[str, str], status: int
) -> None:
    reply = raw(hostile.address, target, method, headers)
    assert reply.status == status
    assert lacking(reply.headers) == []


def test_the_page_s_scripts_and_streams_have_the_headers(hostile: Served) -> None:
    page = httpx.get(hostile.address).text
    scripts = re.findall(r'(?:src|href)="\.?/?(assets/[^"]+\.(?:js|css))"', page)
    assert scripts
    for script in scripts[:3]:
        reply = raw(hostile.address, f"/{script}")
        assert (reply.status, lacking(reply.headers)) == (200, [])
    with httpx.stream("GET", f"{hostile.address}/gradio_api/heartbeat/x") as stream:
        assert (stream.status_code, lacking(stream.headers)) == (200, [])
    assert "http" not in httpx.get(hostile.address).headers["content-security-policy"]


def test_a_page_of_another_site_gets_nothing(hostile: Served) -> None:
    """Not by a name that leads here (DNS rebinding), and not from where it stands."""
    own = urlsplit(hostile.address).netloc
    port = own.partition(":")[2]
    for host in (
        "evil.example",
        f"evil.example:{port}",
        f"127.0.0.1.evil.example:{port}",
        f"localhost.evil.example:{port}",
    ):
        assert raw(hostile.address, "/config", headers={"Host": host}).status in (400, 403, 421), host
    for origin in ("http://evil.example", "null", f"http://evil.example:{port}"):
        reply = raw(hostile.address, "/config", headers={"Origin": origin})
        assert (reply.status, origin, "access-control-allow-origin" in reply.headers) == (403, origin, False)
        kind = {"Content-Type": "text/plain", "Origin": origin, "Content-Length": "2"}
        assert raw(hostile.address, "/gradio_api/component_server", "POST", kind, b"{}").status == 403
    for method, mode, status in (("GET", "cors", 403), ("POST", "navigate", 403), ("GET", "navigate", 200)):
        told = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Content-Length": "0"}
        assert (mode, raw(hostile.address, "/" if status == 200 else "/login", method, told).status) == (mode, status)
    assert raw(hostile.address, "/config", headers={"Origin": hostile.address}).status == 200
    assert raw(hostile.address, "/config", headers={"Host": f"localhost:{port}"}).status == 200


# --- Who may ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, reader: Reader) -> Iterator[Served]:
    """A window for ann and bob, with a conversation of ann's."""
    folder = tmp_path_factory.mktemp("signed")
    (folder / "harbour.md").write_text(HARBOUR, "utf-8")
    with open_library(folder / "home" / "library", {}, create=True) as library:
        library.add(folder / "harbour.md")
        *_, turn = progress(Assistant(library, reader), LIGHTHOUSE, [])
        keep(library, "ann", KEPT, 1, turn)
    with window(folder / "home", AUTH) as address:
        yield Served(address, folder)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/config"),
        ("GET", "/config/"),
        ("GET", "/gradio_api/info"),
        ("GET", "/gradio_api/queue/data?session_hash=x"),
        ("GET", "/gradio_api/queue/status"),
        ("GET", "/gradio_api/call/ask/x"),
        ("GET", "/gradio_api/upload_progress?upload_id=x"),
        ("GET", "/gradio_api/login_check"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/gradio_api/run/predict"),
        ("POST", "/gradio_api/call/ask"),
        ("POST", "/gradio_api/call/v2/ask"),
    ],
)
def test_who_has_not_signed_in_is_refused(signed: Served, method: str, target: str) -> None:
    for cookie in ("", "access-token=x; access-token-unsecure=x"):
        reply = httpx.request(method, signed.address + target, json={"data": []} if method == "POST" else None,
                              headers={"Cookie": cookie})  # fmt: skip
        assert reply.status_code == 401
        assert "Morva" not in reply.text


def test_the_page_before_signing_in_says_nothing_of_the_library(signed: Served) -> None:
    page = httpx.get(signed.address)
    assert page.status_code == 200
    assert '"auth_required":true' in page.text
    assert not re.search("Morva|pwned|lighthouse", page.text)


@pytest.mark.parametrize(
    ("name", "password"),
    [("ann", "other"), ("ann", ""), ("", ""), ("ann", "secret,bob"), ("ann:secret", "secret"), ("eve", "secret")],
)
def test_a_wrong_password_is_refused(signed: Served, name: str, password: str) -> None:
    with httpx.Client(base_url=signed.address) as web:
        assert web.post("/login", data={"username": name, "password": password}).status_code in (400, 422)
        assert web.get("/config").status_code == 401


def test_a_conversation_opens_for_its_own_person_only(signed: Served) -> None:
    event = {"index": 0, "value": KEPT}
    with visiting(signed.address, ANN) as ann, visiting(signed.address, BOB) as bob:
        for visitor, own in ((bob, False), (ann, True)):
            loaded = visitor.call(visitor.function("", "load"), [], query=f"?chat={KEPT}")
            reopened = visitor.call(visitor.function("reader", "select"), [], event)
            listed = visitor.call(visitor.function("history", "select"), [])
            assert [call["success"] for call in (loaded, reopened, listed)] == [True] * 3
            assert ["Anna Kress" in json.dumps(call) for call in (loaded, reopened)] == [own, own]
            assert (KEPT in json.dumps(listed)) == own
        bob.call(bob.function("reader", "clear"), [], event)
        assert KEPT in json.dumps(ann.call(ann.function("history", "select"), []))


def test_where_everybody_may_ask_nobody_changes_the_library(tmp_path: Path) -> None:
    (tmp_path / "harbour.md").write_text(HARBOUR, "utf-8")
    with open_library(tmp_path / "library", {}, create=True) as library:
        library.add(tmp_path / "harbour.md")
        (document,) = library.documents()
    with window(tmp_path, {"PINCITE_AUTH": "open"}) as address, visiting(address) as visitor:
        (uploaded,) = visitor.upload("new.txt", b"A new one.").raise_for_status().json()
        (tmp_path / "harbour.md").write_text("Something else.", "utf-8")
        calls = [
            visitor.call(visitor.function("files", "upload"), [[as_file(uploaded)]]),
            visitor.call(visitor.function("address", "submit"), ["https://evil.example/a.txt"]),
            visitor.call(visitor.function("refresh", "click"), []),
            visitor.call(visitor.function("reader", "delete"), [""], {"index": 0, "value": document.id}),
        ]
        assert [call["success"] for call in calls] == [False] * 4
        assert ["cannot be changed here" in json.dumps(call) for call in calls] == [True] * 4
        with Library(tmp_path / "library") as library:
            assert library.documents() == [document]
            assert library.document(document.id).text == HARBOUR


def test_others_are_let_in_only_where_it_is_said_who(tmp_path: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", COMMAND, "chat", "--host", host, "--port", "7"],
            cwd=ROOT,
            env=environ_of(tmp_path / str(number)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, host in enumerate(("0.0.0.0", "::"))  # noqa: S104
    ]
    for process in started:
        said, errors = process.communicate(timeout=60)
        assert (process.returncode, said) == (1, "")
        assert re.fullmatch(r"Error: .*PINCITE_AUTH=name:password.*\n", errors)
