"""The chat window: a conversation, the pages beside it, and the sources with the quoted words highlighted.

It renders and decides nothing. State is the session's own; nothing on the page asks another host for anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import click
import gradio as gr
from gradio.events import api

from evals.feedback import read_feedback
from evals.record import RecordError, latest
from index import PinciteError
from index.documents import printable, read_document
from rag import Assistant
from ui import shelf
from ui.access import Access
from ui.conversation import Conversing, Shown, idle, picked, text_of
from ui.desk import Desk
from ui.layout import Page, examples
from ui.network import AT_ONCE, WAITING
from ui.pages import conversations_html, documents_html, quality_html
from ui.render import draft_html, header_html, welcome_html
from ui.sources import evidence_html
from ui.turns import Turn, checked

_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_AT_ONCE: dict[str, Any] = _PRIVATE | {"concurrency_limit": AT_ONCE, "concurrency_id": "ask"}
# One after the other: each is a change of the library.
_CHANGE: dict[str, Any] = _PRIVATE | {"concurrency_limit": 1, "concurrency_id": "change"}
_QUICK: dict[str, Any] = _PRIVATE | {"queue": False}
_MOST_UPLOADED = 100
# Seconds between looks for uploads that nothing took in, and how old they are then.
_ARRIVALS_KEPT = (3600, 3600)


def build(assistant: Assistant, access: Access) -> gr.Blocks:
    """The window: its parts, and what happens when one of them is used."""
    desk = Desk(assistant, access)
    desk.suggestions.renew()
    window = gr.Blocks(
        title="Pincite", analytics_enabled=False, fill_height=True, fill_width=True, delete_cache=_ARRIVALS_KEPT
    )
    with window:
        api(_answering(desk), api_name="ask", concurrency_limit=AT_ONCE, concurrency_id="ask")
        page = Page(desk)
        _conversing(desk, page, window)
        _checking(desk, page)
        _keeping(desk, page)
        _showing(desk, page)
    window.queue(max_size=WAITING)
    return window


def _answering(desk: Desk) -> Callable[[str], dict[str, Any]]:
    def ask(question: str) -> dict[str, Any]:
        """Answer a question: the answer with its sentences, citations and nearest passages."""
        try:
            answer: dict[str, Any] = _without_paths(desk.assistant.ask(question).to_dict())
        except PinciteError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return answer

    return ask


def _conversing(desk: Desk, page: Page, window: gr.Blocks) -> None:
    """Questions and answers: asked, stopped, edited, asked again, marked, and taken up again."""
    does = Conversing(desk)
    asked_with = [page.turns, page.mode, page.chosen, page.conversation, page.editing, page.thumbs]
    shown = [page.turns, page.chat, page.sources, page.box]
    every = [*shown, page.conversation, page.editing, page.banner, page.thumbs, page.reader]

    def arrived(request: gr.Request) -> Shown:
        """The conversation or the question that the address holds, and the library as it is now."""
        conversation, question = (str(request.query_params.get(name, "")) for name in ("chat", "q"))
        if conversation:
            turns = does.open(conversation, request)
        else:
            turns = *(gr.skip(),) * (len(every) - 1), gr.HTML(linked=question) if question else gr.skip()
        before = gr.Chatbot(placeholder=welcome_html(desk.library.documents()), examples=examples(desk))
        return *_library_shown(desk), before, question, *turns

    def reopened(request: gr.Request, event: gr.EventData) -> Shown:
        return gr.Tabs(selected="ask"), *does.open(text_of(event), request)

    picks = gr.on([page.chat.example_select, page.chat.option_select], picked, None, page.box, **_QUICK)
    window.load(arrived, None, [page.header, page.chosen, page.documents, page.chat, page.linked, *every], **_QUICK)
    running = [
        page.box.submit(does.ask, [page.box, *asked_with], every, **_AT_ONCE),
        picks.then(does.ask, [page.box, *asked_with], every, **_AT_ONCE),
        page.reader.apply(does.ask, [page.linked, *asked_with], every, **_AT_ONCE),
        page.reader.retry(does.again, asked_with, every, **_AT_ONCE),
    ]
    for event in running:
        event.then(idle, None, page.box, **_QUICK)
        event.failure(does.stop, page.turns, shown, **_QUICK)
    page.box.stop(does.stop, page.turns, shown, cancels=running, **_QUICK)
    page.new.click(does.begin_anew, page.turns, every, cancels=running, **_QUICK)
    page.reader.select(reopened, None, [page.tabs, *every], cancels=running, **_QUICK)
    page.reader.edit(does.edit, page.turns, [page.box, page.editing, page.banner, page.edited], **_QUICK)
    page.unedit.click(
        lambda: (gr.Textbox(""), 0, gr.Row(visible=False)), None, [page.box, page.editing, page.banner], **_QUICK
    )
    page.reader.like(
        does.mark, [page.turns, page.thumbs], [page.thumbs, page.reader], concurrency_limit=AT_ONCE, **_PRIVATE
    )


def _checking(desk: Desk, page: Page) -> None:
    """A draft: opened, checked, sentence by sentence."""

    def check(text: str, chosen: list[str]) -> Iterator[Shown]:
        draft = Turn("")
        yield draft_html(draft, False), evidence_html(draft)
        try:
            for draft in checked(desk.assistant, text, desk.part(chosen)):
                yield draft_html(draft, False), evidence_html(draft)
        except PinciteError as error:
            draft = Turn("", note=str(error), failed=True)
        yield draft_html(draft, True), evidence_html(draft)

    def opened(file: str) -> Any:
        path = Path(file)
        try:
            return read_document(path).text
        except PinciteError as error:
            gr.Warning(escape(str(error).replace(printable(path), printable(path.name))))
            return gr.skip()
        finally:
            path.unlink(missing_ok=True)

    page.check.click(check, [page.text, page.chosen], [page.verdicts, page.evidence], **_AT_ONCE)
    page.open.upload(opened, page.open, page.text, **_AT_ONCE)


def _keeping(desk: Desk, page: Page) -> None:
    """The library: files and addresses come in, documents go."""
    listed = [page.header, page.chosen, page.documents]

    def allowed() -> None:
        if not desk.may_change:
            raise gr.Error("The library cannot be changed here.", print_exception=False)

    def changed(find: str) -> Shown:
        return _library_shown(desk, find)

    def added(files: list[str] | None) -> Iterator[str]:
        allowed()
        yield from shelf.add_files(desk, (files or [])[:_MOST_UPLOADED])

    def fetched(address: str) -> Iterator[str]:
        allowed()
        yield from shelf.add_address(desk, address)

    def read_again() -> Iterator[str]:
        allowed()
        yield from shelf.read_again(desk)

    def removed(find: str, event: gr.EventData) -> Shown:
        allowed()
        try:
            shelf.remove(desk, text_of(event))
        except PinciteError as error:
            gr.Warning(escape(str(error)))
        return changed(find)

    uploading = page.files.upload(added, page.files, page.uploads, **_CHANGE)
    fetching = gr.on([page.address.submit, page.fetch.click], fetched, page.address, page.uploads, **_CHANGE)
    for event, part in ((uploading, page.files), (fetching, page.address)):
        event.then(changed, page.find, listed, **_QUICK).then(lambda: None, None, part, **_QUICK)
    page.refresh.click(read_again, None, page.uploads, **_CHANGE).then(changed, page.find, listed, **_QUICK)
    page.reader.delete(removed, page.find, listed, **_CHANGE)
    page.find.change(lambda find: changed(find)[2], page.find, page.documents, **_QUICK)
    page.library_tab.select(changed, page.find, listed, **_QUICK)


def _showing(desk: Desk, page: Page) -> None:
    """What is read when its page is opened: the history and the quality."""

    def conversations(request: gr.Request) -> str:
        return conversations_html(desk.library.conversations(desk.owner(request)), desk.keeps)

    def forgotten(request: gr.Request, event: gr.EventData) -> str:
        desk.library.forget(desk.owner(request), text_of(event))
        return conversations(request)

    def quality() -> str:
        try:
            record = latest()
        except RecordError as error:
            click.echo(f"Error: {error}", err=True)
            record = None
        return quality_html(record, read_feedback(desk.library.path))

    page.history_tab.select(conversations, None, page.conversations, **_QUICK)
    page.reader.clear(forgotten, None, page.conversations, **_QUICK)
    page.quality_tab.select(quality, None, page.quality, **_PRIVATE)


def _library_shown(desk: Desk, find: str = "") -> Shown:
    """Header, choice of documents, and list."""
    documents = desk.library.documents()
    return (
        header_html(documents, desk.assistant.model),
        gr.Dropdown(desk.offered()),
        documents_html(documents, find, desk.may_change),
    )


def _without_paths(value: Any) -> Any:
    """JSON without "path": where files lie is nobody's business but the server's, and Gradio's client fetches them."""
    if isinstance(value, dict):
        return {key: _without_paths(item) for key, item in value.items() if key != "path"}
    return [_without_paths(item) for item in value] if isinstance(value, (list, tuple)) else value
