"""What people thought of answers: kept beside the library, and read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evals.feedback import Feedback, FeedbackError, feedback_path, keep_feedback, read_feedback
from rag import Message

EARLIER = (Message("user", "Wer war’s?"), Message("assistant", "Anwita\u2028Basu."))
BAD = Feedback(
    "Why\nso?", EARLIER, "It  rained.\x85", True, ("It  rained.\u2028", "“So”"), False, "2026-11-24T10:00:00+00:00"
)
DECLINED = Feedback("Who won?", (), "This is not in the library.", False, (), True, "2026-11-24T10:01:00+00:00")


def test_feedback_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    assert read_feedback(tmp_path) == []
    keep_feedback(tmp_path, BAD)
    keep_feedback(tmp_path, DECLINED)
    assert read_feedback(tmp_path) == [BAD, DECLINED]
    assert feedback_path(tmp_path).read_bytes().count(b"\n") == 2


def test_of_one_question_and_history_the_last_mark_counts(tmp_path: Path) -> None:
    for feedback in (BAD, replace(BAD, history=()), replace(BAD, liked=True, answer="It froze.")):
        keep_feedback(tmp_path, feedback)
    assert read_feedback(tmp_path) == [replace(BAD, liked=True, answer="It froze."), replace(BAD, history=())]


def test_a_withdrawn_mark_is_left_out_until_it_is_made_again(tmp_path: Path) -> None:
    keep_feedback(tmp_path, BAD)
    keep_feedback(tmp_path, replace(BAD, liked=None))
    assert read_feedback(tmp_path) == []
    keep_feedback(tmp_path, BAD)
    assert read_feedback(tmp_path) == [BAD]


def test_a_line_that_a_crash_cut_short_is_left_out_wherever_it_is_cut(tmp_path: Path) -> None:
    keep_feedback(tmp_path, DECLINED)
    before = feedback_path(tmp_path).read_bytes()
    keep_feedback(tmp_path, BAD)
    whole = feedback_path(tmp_path).read_bytes()
    for end in range(len(before) + 1, len(whole)):
        feedback_path(tmp_path).write_bytes(whole[:end])
        torn = [DECLINED] if end < len(whole) - 1 else [DECLINED, BAD]
        assert read_feedback(tmp_path) == torn
        keep_feedback(tmp_path, replace(BAD, question="Next?"))
        keep_feedback(tmp_path, DECLINED)
        assert read_feedback(tmp_path) == [*torn, replace(BAD, question="Next?")]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "7",
        "{}",
        '{"question": 1, "history": [], "answer": "", "answered": true, "quotes": [], "liked": true, "made": ""}',
        '{"question": "", "history": [], "answer": "", "answered": "yes", "quotes": [], "liked": true, "made": ""}',
        '{"question": "", "history": [], "answer": "", "answered": true, "quotes": "It", "liked": true, "made": ""}',
        '{"question": "", "history": [], "answer": "", "answered": true, "quotes": [], "liked": "no", "made": ""}',
        '{"question": "", "history": ["a"], "answer": "", "answered": true, "quotes": [], "liked": true, "made": ""}',
        '{"question": "", "history": [{"role": "user", "text": [1]}], "answer": "", "answered": true, "quotes": [], '
        '"liked": true, "made": ""}',
    ],
)
def test_a_malformed_file_is_an_error_that_names_the_line(tmp_path: Path, line: str) -> None:
    keep_feedback(tmp_path, DECLINED)
    with feedback_path(tmp_path).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    keep_feedback(tmp_path, DECLINED)
    with pytest.raises(FeedbackError, match=r"feedback\.jsonl:2 is not feedback .* Remove that line\.") as caught:
        read_feedback(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_library_that_cannot_be_written_is_an_error_that_says_the_next_step(tmp_path: Path) -> None:
    feedback_path(tmp_path).mkdir()
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FeedbackError, match="Make the folder writable"):
            keep_feedback(folder, BAD)
    with pytest.raises(FeedbackError, match="Cannot read"):
        read_feedback(tmp_path)
