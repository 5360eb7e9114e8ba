"""What happens in a conversation: questions are asked, edited, stopped, answers marked, and all of it taken up again.

Each handler gives values for the parts of the page that it changes; `ui.chat` says which these are.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from html import escape
from itertools import count
from typing import Any

import click
import gradio as gr

from evals.feedback import keep_feedback
from index import PinciteError
from ui.desk import Desk
from ui.render import answer_html, question_html
from ui.sources import source_html, sources_html
from ui.turns import Turn, keep, opinion, progress, stopped, taken_up

# What was pressed: by the number of a turn, a text as in JSON, whether its answer is good.
Thumbs = dict[str, bool]
Shown = tuple[Any, ...]
# What `ask` changes: turns, chat, sources, the input, the conversation's id, the number of the turn that is edited and
# the line that says so, thumbs, and the reader, which knows the id and the thumbs. Of a part that is skipped at times
# Gradio (6.31) keeps every plain value as long as the session: chat, sources, input and reader come as updates only.
_UNCHANGED: Shown = (gr.skip(),) * 9


class Conversing:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def shown(self, turns: Sequence[Turn]) -> Shown:
        desk = self._desk
        sources = sources_html(turns, desk.library.documents(), desk.assistant.threshold)
        return list(turns), gr.update(value=messages(turns, desk.suggestions())), gr.HTML(sources)

    def ask(
        self,
        question: str,
        turns: list[Turn],
        mode: str,
        chosen: list[str],
        conversation: str,
        editing: int,
        thumbs: Thumbs,
        request: gr.Request,
    ) -> Iterator[Shown]:
        """The input is emptied when the question is accepted, and holds it again if it fails."""
        before = turns[: editing - 1] if editing else turns
        earlier = stopped([turn for turn in before if not turn.failed])
        number = len(earlier) + 1
        thumbs = {key: value for key, value in thumbs.items() if int(key) < number}
        turn, quotes = Turn(question), -1
        chat_before, sources_before = messages(earlier), "".join(map(self._source, earlier, count(1)))
        for step, turn in enumerate(self._progress(question, earlier, mode, chosen)):
            shown_turns = [*earlier, turn]
            chat = gr.update(value=chat_before + messages([turn], self._desk.suggestions(), number, earlier))
            if turn.finished or quotes != len(turn.citations):
                sources: Any = gr.HTML(sources_before + self._source(turn, number))
            else:
                sources = gr.skip()
            quotes = len(turn.citations)
            box, rest = gr.skip(), _UNCHANGED[4:]
            if turn.failed:
                box = gr.Textbox(question)
            elif step == 0:
                box = gr.Textbox("", submit_btn=False, stop_btn=True)
                rest = (gr.skip(), 0, gr.Row(visible=False), thumbs, gr.HTML(thumbs=thumbs))
            elif turn.answer and self._desk.keeps:
                rest = self._kept(self._desk.owner(request), conversation, number, turn)
            # The last holds all that there is to show: of what comes at the same time the page takes the last alone.
            yield (shown_turns, chat, sources, box, *rest)

    def _kept(self, owner: str, conversation: str, number: int, turn: Turn) -> Shown:
        """Keep a finished turn; what changes is that the conversation has a name from its first one on."""
        conversation = conversation or secrets.token_urlsafe(12)
        try:
            keep(self._desk.library, owner, conversation, number, turn)
        except PinciteError as error:
            click.echo(f"Error: {error}", err=True)
            gr.Warning("This answer is not kept in the history: the library cannot be written to.")
            return _UNCHANGED[4:]
        return conversation, *_UNCHANGED[5:8], gr.HTML(conversation=conversation)

    def _source(self, turn: Turn, number: int) -> str:
        return source_html(turn, number, self._desk.assistant.threshold)

    def _progress(self, question: str, earlier: list[Turn], mode: str, chosen: list[str]) -> Iterator[Turn]:
        try:
            part = self._desk.part(chosen)
        except PinciteError as error:
            yield Turn(question, note=str(error), failed=True)
        else:
            yield from progress(self._desk.asked(mode), question, earlier, part)

    def again(
        self,
        turns: list[Turn],
        mode: str,
        chosen: list[str],
        conversation: str,
        editing: int,
        thumbs: Thumbs,
        request: gr.Request,
        event: gr.EventData,
    ) -> Iterator[Shown]:
        """The question of an answer is asked once more, in the place of it and of what follows."""
        number = _number_of(event)
        if 1 <= number <= len(turns):
            question = turns[number - 1].question
            yield from self.ask(question, turns, mode, chosen, conversation, number, thumbs, request)
        else:
            yield _UNCHANGED

    def stop(self, turns: list[Turn]) -> Shown:
        return (*self.shown(stopped(turns)), idle())

    def begin_anew(self, turns: list[Turn]) -> Shown:
        stopped(turns)
        return self._set([], "")

    def open(self, conversation: str, request: gr.Request) -> Shown:
        """A conversation that was kept; an empty one if it is not there, or another's."""
        try:
            turns = taken_up(self._desk.library, self._desk.owner(request), conversation)
        except PinciteError as error:
            gr.Warning(escape(str(error)))
            turns = []
        if not turns:
            gr.Warning("This conversation is not kept here any more.")
        return self._set(turns, conversation if turns else "")

    def _set(self, turns: Sequence[Turn], conversation: str) -> Shown:
        reader = gr.HTML(thumbs={}, conversation=conversation)
        return (*self.shown(turns), idle(), conversation, 0, gr.Row(visible=False), {}, reader)

    def edit(self, turns: list[Turn], event: gr.EventData) -> Shown:
        """Values for the input, the number of the edited turn, the line that says so, and its text."""
        number = _number_of(event)
        if not 1 <= number <= len(turns):
            return (gr.skip(),) * 4
        later = len(turns) - number
        said = f"Sending this replaces the question{f' and {later} after it' if later else ''}."
        return gr.Textbox(turns[number - 1].question), number, gr.Row(visible=True), f"<p>{said}</p>"

    def mark(self, turns: list[Turn], thumbs: Thumbs, event: gr.LikeData) -> Shown:
        """Keep what was pressed; the same again withdraws it. Turns and chat, which may be growing, are left alone."""
        number = event.index
        if not isinstance(number, int) or not 1 <= number <= len(turns) or not turns[number - 1].answer:
            gr.Warning("This was not kept: the conversation has ended. Ask the question again, then mark its answer.")
            return gr.skip(), gr.skip()
        others = {key: value for key, value in thumbs.items() if key != str(number)}
        liked = None if thumbs.get(str(number)) == event.liked else bool(event.liked)
        try:
            keep_feedback(self._desk.library.path, opinion(turns, number, liked))
        except PinciteError as error:
            click.echo(f"Error: {error}", err=True)
            gr.Warning("This was not kept: the library cannot be written to. The terminal that runs Pincite says more.")
            return gr.skip(), gr.skip()
        thumbs = others if liked is None else others | {str(number): liked}
        return thumbs, gr.HTML(thumbs=thumbs)


def messages(
    turns: Sequence[Turn], examples: Sequence[str] = (), first: int = 1, earlier: Sequence[Turn] = ()
) -> list[dict[str, Any]]:
    """The turns as Gradio's chat shows them; after an abstention with examples that were not asked yet.

    `first` is the number of the first one, after the `earlier` ones.
    """
    shown: list[dict[str, Any]] = []
    for number, turn in enumerate(turns, first):
        if turn.question.strip():
            shown.append({"role": "user", "content": question_html(turn, number)})
        shown.append({"role": "assistant", "content": answer_html(turn, number)})
    if turns and turns[-1].answer and not turns[-1].answer.answered:
        asked = {turn.question for turn in (*earlier, *turns)}
        shown[-1]["options"] = [
            {"value": example, "label": f"Ask instead: {example}"} for example in examples if example not in asked
        ][:2]
    return shown


def picked(event: gr.SelectData) -> str:
    return str(event.value["text"] if isinstance(event.value, dict) else event.value)


def idle() -> gr.Textbox:
    return gr.Textbox(submit_btn=True, stop_btn=False)


def _number_of(event: gr.EventData) -> int:
    """Of the turn that a button stands in; 0 if it is none."""
    value = event._data.get("index") if isinstance(event._data, dict) else None
    return value if isinstance(value, int) else 0


def text_of(event: gr.EventData) -> str:
    """What a button stands for: the id of a document or a conversation."""
    value = event._data.get("value") if isinstance(event._data, dict) else None
    return value if isinstance(value, str) else ""
