"""The chat window: a conversation, and beside it the sources of its answers with the quoted words highlighted.

It renders and decides nothing. State is the session's own; nothing on the page asks another host for anything.
"""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
import gradio as gr
from gradio.events import api
from starlette import types as asgi
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware

from evals.feedback import Feedback, keep_feedback
from index import DocumentRow, Library, Passage, PinciteError
from index.library import SHIPPED_ARTICLES
from rag import Anew, Assistant, Citation, Message, Sentence
from ui.render import Turn, answer_html, header_html, question_html, sources_html, welcome_html

# Questions answered at the same time, those that may wait for it, and how long an idle session keeps its turns.
AT_ONCE = 16
WAITING = 256
SESSION_SECONDS = 6 * 3600

# First questions for an article that ships; the tests ask them.
EXAMPLES = {
    "russia-dprk.txt": (
        "How many containers has North Korea supplied to Russia?",
        "What did Russia veto at the United Nations?",
        "What are North Korea’s two diplomatic objectives?",
        "Will Russia and North Korea sign a formal arms treaty?",
    )
}

# What was pressed: by the number of a turn, a text as in JSON, whether its answer is good.
Thumbs = dict[str, bool]

_FOLDER = Path(__file__).parent
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
_CODE_FONTS = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
# Gradio compiles its templates in the browser, hence "unsafe-eval".
_HEADERS = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def serve(assistant: Assistant, *, host: str, port: int, open_browser: bool) -> None:
    """Serve the window until Ctrl-C. Raises PinciteError if the address cannot be used."""
    _must_be_free(host, port)
    window = build(assistant)
    threading.Thread(target=_complete, args=(assistant.library,), daemon=True).start()
    window.launch(
        server_name=host,
        server_port=port,
        inbrowser=open_browser,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        max_file_size=1,  # byte: nothing is uploaded here
        footer_links=[],
        favicon_path=_FOLDER / "favicon.svg",
        theme=gr.themes.Base(primary_hue="indigo", neutral_hue="slate", font=_FONTS, font_mono=_CODE_FONTS),
        css_paths=_FOLDER / "style.css",
        app_kwargs={"middleware": [Middleware(_WithHeaders)]},
    )
    click.echo(f"Pincite is at {_address(host, port)}  (Ctrl-C stops it)")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        window.close(verbose=False)


def _complete(library: Library) -> None:
    try:
        library.complete()
    except PinciteError as error:  # the window answers by exact search
        click.echo(f"Error: {error}", err=True)


def build(assistant: Assistant) -> gr.Blocks:
    """The window: its parts, and what happens when one of them is used."""
    documents = assistant.library.documents()
    examples = suggestions(documents)

    def shown(turns: Sequence[Turn]) -> tuple[list[Turn], list[dict[str, Any]], str]:
        return list(turns), messages(turns, examples), sources_html(turns, documents)

    def ask(question: str, turns: list[Turn]) -> Iterator[tuple[Any, ...]]:
        """The input is emptied when the question is accepted, and holds it again if it fails."""
        earlier = stopped([turn for turn in turns if not turn.failed])
        for step, turn in enumerate(progress(assistant, question, earlier)):
            if turn.failed:
                box = gr.Textbox(question)
            else:
                box = gr.Textbox("", submit_btn=False, stop_btn=True) if step == 0 else gr.skip()
            yield *shown([*earlier, turn]), box

    def stop(turns: list[Turn]) -> tuple[Any, ...]:
        return *shown(stopped(turns)), idle()

    def begin_anew(turns: list[Turn]) -> tuple[Any, ...]:
        stopped(turns)
        turns, chat, panel = shown(())
        return turns, chat, gr.HTML(panel, thumbs={}), idle(), {}

    def idle() -> gr.Textbox:
        return gr.Textbox(submit_btn=True, stop_btn=False)

    def mark(turns: list[Turn], thumbs: Thumbs, event: gr.LikeData) -> tuple[Any, ...]:
        """Keep what was pressed; the same again withdraws it. Turns and chat, which may be growing, are left alone."""
        number = event.index
        if not isinstance(number, int) or not 1 <= number <= len(turns) or not turns[number - 1].answer:
            gr.Warning("This was not kept: the conversation has ended. Ask the question again, then mark its answer.")
            return gr.skip(), gr.skip()
        others = {key: value for key, value in thumbs.items() if key != str(number)}
        liked = None if thumbs.get(str(number)) == event.liked else bool(event.liked)
        try:
            keep_feedback(assistant.library.path, opinion(turns, number, liked))
        except PinciteError as error:
            click.echo(f"Error: {error}", err=True)
            gr.Warning("This was not kept: the library cannot be written to. The terminal that runs Pincite says more.")
            return gr.skip(), gr.skip()
        thumbs = others if liked is None else others | {str(number): liked}
        return thumbs, gr.HTML(thumbs=thumbs)

    def picked(event: gr.SelectData) -> str:
        return str(event.value["text"] if isinstance(event.value, dict) else event.value)

    def ask_once(question: str) -> dict[str, Any]:
        """Answer a question: the answer with its sentences, citations and nearest passages."""
        try:
            answer: dict[str, Any] = without_paths(assistant.ask(question).to_dict())
        except PinciteError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return answer

    window = gr.Blocks(title="Pincite", analytics_enabled=False, fill_height=True, fill_width=True)
    with window:
        api(ask_once, api_name="ask", concurrency_limit=AT_ONCE, concurrency_id="ask")
        state = gr.State([], time_to_live=SESSION_SECONDS)
        marks = gr.State({}, time_to_live=SESSION_SECONDS)
        with gr.Row(elem_id="top"):
            gr.HTML(header_html(documents, assistant.model), js_on_load=None)
            new = gr.Button("New chat", size="sm", elem_id="new", scale=0)
        with gr.Row(elem_id="work"):
            with gr.Column(elem_id="talk"):
                chat = gr.Chatbot(
                    label="Conversation",
                    show_label=False,
                    elem_id="chat",
                    container=False,
                    buttons=[],
                    feedback_options=None,
                    group_consecutive_messages=False,
                    latex_delimiters=[],
                    placeholder=welcome_html(documents),
                    examples=[{"text": example} for example in examples],
                )
                box = gr.Textbox(
                    label="Question",
                    show_label=False,
                    container=False,
                    placeholder="Ask a question about the library",
                    lines=1,
                    max_lines=6,
                    autofocus=True,
                    submit_btn=True,
                    elem_id="box",
                )
            sources = gr.HTML(
                sources_html((), documents),
                elem_id="sources",
                js_on_load=(_FOLDER / "chat.js").read_text("utf-8"),
                thumbs={},
            )
        page = [state, chat, sources, box]
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        asking: dict[str, Any] = private | {"concurrency_limit": AT_ONCE, "concurrency_id": "ask"}
        chosen = gr.on([chat.example_select, chat.option_select], picked, None, box, queue=False, **private)
        running = [event(ask, [box, state], page, **asking) for event in (box.submit, chosen.then)]
        for event in running:
            event.then(idle, None, box, queue=False, **private)
            event.failure(stop, state, page, queue=False, **private)
        box.stop(stop, state, page, cancels=running, queue=False, **private)
        new.click(begin_anew, state, [*page, marks], cancels=running, queue=False, **private)
        sources.like(mark, [state, marks], [marks, sources], **private | {"concurrency_limit": AT_ONCE})
    window.queue(max_size=WAITING)
    return window


def progress(assistant: Assistant, question: str, earlier: Sequence[Turn]) -> Iterator[Turn]:
    """The turn as it grows; the last one is finished."""
    turn = Turn(question)
    try:
        reply = assistant.stream(question, history(earlier))
        yield (turn := Turn(question, reply=reply))
        try:
            for item in reply:
                if isinstance(item, Sentence):
                    quoted = [_quoted(assistant.library, citation) for citation in item.citations]
                    turn = replace(
                        turn, sentences=(*turn.sentences, item), passages=(*turn.passages, *quoted), draft=""
                    )
                elif isinstance(item, Anew):
                    turn = Turn(question, reply=reply)
                else:
                    turn = replace(turn, draft=turn.draft + item)
                yield turn
            answer = reply.answer
            hits = tuple(hit.passage for hit in answer.hits)
            cited = tuple(_quoted(assistant.library, citation) for citation in answer.citations)
            yield Turn(question, answer.sentences, (*hits, *cited), answer=answer)
        finally:
            reply.close()
    except PinciteError as error:
        yield replace(turn, draft="", note=str(error), failed=True, reply=None)


def _quoted(library: Library, citation: Citation) -> Passage:
    """The quote as a passage of its own, while the passages of the answer are not known yet."""
    span = (citation.start, citation.end)
    return Passage(library.document(citation.document), *span, (span,), "")


def stopped(turns: Sequence[Turn]) -> list[Turn]:
    """The turns when the last one is not to go on, which is stopped: its checked sentences stay, its draft does not."""
    for turn in turns:
        if turn.reply:
            turn.reply.close()
    return [turn if turn.finished else replace(turn, draft="", note="Stopped.", reply=None) for turn in turns]


def history(turns: Sequence[Turn]) -> list[Message]:
    """The turns as a language model sees them: plain text, without citation marks."""
    messages = []
    for turn in turns:
        text = " ".join(sentence.text for sentence in turn.sentences) or (turn.answer.text if turn.answer else "")
        messages += [Message("user", turn.question), Message("assistant", text)] if text else []
    return messages


def opinion(turns: Sequence[Turn], number: int, liked: bool | None) -> Feedback:
    """What is kept of a person's mark of the `number`-th turn, which has an answer."""
    turn = turns[number - 1]
    assert turn.answer
    return Feedback(
        question=turn.question,
        history=tuple(history(turns[: number - 1])),
        answer=history([turn])[-1].text,
        answered=turn.answer.answered,
        quotes=tuple(citation.quote for citation in turn.citations),
        liked=liked,
        made=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def messages(turns: Sequence[Turn], examples: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The turns as Gradio's chat shows them; after an abstention with an example that was not asked yet."""
    shown: list[dict[str, Any]] = []
    for number, turn in enumerate(turns, 1):
        if turn.question.strip():
            shown.append({"role": "user", "content": question_html(turn)})
        shown.append({"role": "assistant", "content": answer_html(turn, number)})
    if turns and turns[-1].answer and not turns[-1].answer.answered:
        asked = {turn.question for turn in turns}
        shown[-1]["options"] = [
            {"value": example, "label": f"Ask instead: {example}"} for example in examples if example not in asked
        ][:1]
    return shown


def suggestions(documents: Sequence[DocumentRow]) -> tuple[str, ...]:
    """Questions to begin with, where an article that ships is in the library unchanged."""
    held = {row.sha256 for row in documents}
    return tuple(
        question
        for name, questions in EXAMPLES.items()
        if hashlib.sha256((SHIPPED_ARTICLES / name).read_bytes()).hexdigest() in held
        for question in questions
    )


def without_paths(value: Any) -> Any:
    """JSON without "path": where files lie is nobody's business but the server's, and Gradio's client fetches them."""
    if isinstance(value, dict):
        return {key: without_paths(item) for key, item in value.items() if key != "path"}
    return [without_paths(item) for item in value] if isinstance(value, (list, tuple)) else value


def _must_be_free(host: str, port: int) -> None:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise PinciteError(
            f"Cannot listen on {_address(host, port)}: {error.strerror or error}. "
            "Stop what uses it, or choose another port, for example with: pincite chat --port 7861"
        ) from error


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


class _WithHeaders:
    """Gradio sends no security headers of its own."""

    def __init__(self, app: asgi.ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        async def send_with_headers(message: asgi.Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)
