from __future__ import annotations

import pytest

from rag import Anew, Answer, Reply, Sentence, Unsupported, Verdict
from rag.reply import Event, Steps, settled
from rag.stream import Stop, Stopped

GOOD, BETTER = (Sentence(text, (), Verdict.SUPPORTED) for text in ("Good.", "Better."))
BAD, WORSE = (Sentence(text, (), Verdict.NOT_FOUND) for text in ("Bad.", "Worse."))
CUT = Sentence("Cut …", (), Verdict.NOT_CHECKED)


class Told:
    """Replies with `events`, of which `taken` have been taken."""

    def __init__(self, *events: Event) -> None:
        self.events = events
        self.taken = 0

    def steps(self, stop: Stop) -> Steps:
        for event in self.events:
            self.taken += 1
            yield event
            if stop.pressed:
                raise Stopped
        return Answer("?", "?", True, "", (), (), (), 0, 0, 1.0, "told", {})

    def settled(self, unsupported: Unsupported) -> list[tuple[Sentence, int]]:
        """Each sentence that settles, and after how many events."""
        return [(sentence, self.taken) for sentence in settled(Reply(self.steps), unsupported)]


@pytest.mark.parametrize("unsupported", [Unsupported.MARK, Unsupported.STRICT])
def test_sentences_come_one_by_one_from_the_first_that_is_supported(unsupported: Unsupported) -> None:
    told = Told("Go", "od.", GOOD, "Bad.", BAD, "Better.", BETTER)
    assert told.settled(unsupported) == [(GOOD, 3), (BAD, 5), (BETTER, 7)]


def test_what_is_not_supported_waits_for_a_sentence_that_is() -> None:
    assert Told(BAD, WORSE, GOOD, CUT).settled(Unsupported.MARK) == [(BAD, 3), (WORSE, 3), (GOOD, 3), (CUT, 4)]


def test_what_was_withdrawn_never_comes() -> None:
    assert Told(BAD, WORSE, Anew(), GOOD, BETTER).settled(Unsupported.MARK) == [(GOOD, 4), (BETTER, 5)]


def test_what_is_cut_off_before_anything_is_supported_comes_at_the_end() -> None:
    assert Told(BAD, CUT).settled(Unsupported.MARK) == [(BAD, 2), (CUT, 2)]


def test_where_a_model_may_write_again_all_wait_for_the_end() -> None:
    assert Told(GOOD, BETTER).settled(Unsupported.AGAIN) == [(GOOD, 2), (BETTER, 2)]
    assert Told(GOOD, BAD, Anew(), BAD, Anew(), GOOD, BAD).settled(Unsupported.AGAIN) == [(GOOD, 7), (BAD, 7)]


def test_of_a_closed_reply_nothing_comes_that_waited() -> None:
    told = Told("B", BAD, GOOD)
    reply = Reply(told.steps)
    next(reply)
    reply._stop.press()
    assert list(settled(reply, Unsupported.MARK)) == []
    told = Told(GOOD, BETTER)
    reply = Reply(told.steps)
    sentences = settled(reply, Unsupported.MARK)
    assert next(sentences) is GOOD
    reply.close()
    assert list(sentences) == []
