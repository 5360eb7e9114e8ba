"""A turn of a conversation: how it grows, what is kept of it, and how it is taken up again. Decides nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

import index
from evals.feedback import Feedback
from index import Library, Part, Passage, PinciteError
from rag import Anew, Answer, Assistant, Citation, Message, Reply, Sentence
from rag.receipts import reopen

_PASSAGES_KEPT = 3


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and what is known of its answer so far: checked sentences, then the unchecked `draft` of a model.

    `passages` hold the quotes of the sentences. It ends with an `answer`, or with a `note` that says why there is
    none: it was stopped, or it `failed`. While it grows, `reply` is what it grows from. One that was kept and
    `reopened` was held against the library again: `gone` are the numbers of the citations whose quotes are no more.
    """

    question: str
    sentences: tuple[Sentence, ...] = ()
    passages: tuple[Passage, ...] = ()
    draft: str = ""
    answer: Answer | None = None
    note: str = ""
    failed: bool = False
    reopened: bool = False
    gone: frozenset[int] = frozenset()
    reply: Reply | None = field(default=None, compare=False, repr=False)

    @property
    def finished(self) -> bool:
        return bool(self.answer or self.note)

    @property
    def citations(self) -> list[Citation]:
        """By number."""
        if self.answer:
            return list(self.answer.citations)
        found = {citation.number: citation for sentence in self.sentences for citation in sentence.citations}
        return [found[number] for number in sorted(found)]


def progress(
    assistant: Assistant, question: str, earlier: Sequence[Turn], within: Part | None = None
) -> Iterator[Turn]:
    """The turn as it grows; the last one is finished."""
    turn = Turn(question)
    try:
        reply = assistant.stream(question, history(earlier), within=within)
        yield (turn := Turn(question, reply=reply))
        try:
            for item in reply:
                if isinstance(item, Sentence):
                    turn = _grown(turn, item, assistant.library)
                elif isinstance(item, Anew):
                    turn = Turn(question, reply=reply)
                else:
                    turn = replace(turn, draft=turn.draft + item)
                yield turn
            if not reply.stopped:
                yield _answered(reply.answer, assistant.library)
        finally:
            reply.close()
    except PinciteError as error:
        yield replace(turn, draft="", note=str(error), failed=True, reply=None)


def checked(assistant: Assistant, text: str, within: Part | None = None) -> Iterator[Turn]:
    """A draft as a turn without an answer, sentence by sentence."""
    turn = Turn("")
    try:
        for sentence in assistant.check(text, within=within):
            yield (turn := _grown(turn, sentence, assistant.library))
    except PinciteError as error:
        yield replace(turn, note=str(error), failed=True)


def _grown(turn: Turn, sentence: Sentence, library: Library) -> Turn:
    quoted = [_quoted(library, citation) for citation in sentence.citations]
    return replace(turn, sentences=(*turn.sentences, sentence), passages=(*turn.passages, *quoted), draft="")


def _answered(answer: Answer, library: Library, gone: frozenset[int] = frozenset()) -> Turn:
    """A finished turn. Quotes that are `gone` have no passage."""
    hits = tuple(hit.passage for hit in answer.hits)
    cited = tuple(_quoted(library, citation) for citation in answer.citations if citation.number not in gone)
    return Turn(answer.question, answer.sentences, (*hits, *cited), answer=answer, gone=gone)


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
        made=_now(),
        passages=tuple(hit.passage.text for hit in turn.answer.hits[:_PASSAGES_KEPT]),
    )


def keep(library: Library, owner: str, conversation: str, number: int, turn: Turn) -> None:
    """Keep the `number`-th turn of a conversation, which has an answer, as its receipt."""
    assert turn.answer
    receipt = json.dumps(turn.answer.to_dict(), ensure_ascii=False)
    library.keep_turn(index.Turn(conversation, number, owner, _now(), turn.question, receipt))


def taken_up(library: Library, owner: str, conversation: str) -> list[Turn]:
    """The turns of a conversation that was kept, each citation held against the library of today."""
    turns = []
    for kept in library.turns(owner, conversation):
        found = reopen(json.loads(kept.receipt), library)
        turns.append(replace(_answered(found.answer, library, found.gone), reopened=True))
    return turns


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
