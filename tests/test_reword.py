"""Questions asked otherwise: with a WordNet of a few lines, so that every result follows by hand."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from index.lexical import content_words
from rag.reader.reword import Synonyms, in_another_form, misspelt, reworded, with_synonyms

# key, place of the synset, number of the sense, how often it was met
SENSES = """\
build%2:36:00:: 00000100 1 20
build%1:08:00:: 00000200 1 1
construct%2:36:00:: 00000100 1 5
physique%1:08:00:: 00000200 1 2
supply%2:40:00:: 00000300 1 30
provide%2:40:00:: 00000300 1 40
run_out%2:40:00:: 00000300 1 9
bank%1:17:01:: 00000400 1 5
bank%1:14:00:: 00000500 2 5
depot%1:14:00:: 00000500 1 3
"""
VERBS = """\
  1 This line is of the licence.
00000100 36 v 02 build 0 construct 0 001 @ 00001617 v 0000 | make
00000300 40 v 03 supply 0 provide 1 run_out 0 000 | give
"""
NOUNS = """\
00000200 08 n 02 build 0 physique 0 000 | the shape of a body
00000500 14 n 02 bank 0 depot 0 000 | where money is kept
"""


@pytest.fixture
def synonyms(tmp_path: Path) -> Synonyms:
    for name, text in {"index.sense": SENSES, "data.verb": VERBS, "data.noun": NOUNS}.items():
        (tmp_path / name).write_text(text)
    for part in ("adj", "adv"):
        (tmp_path / f"data.{part}").touch()
    return Synonyms(tmp_path)


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Who will build it?", "Who will construct it?"),
        ("Who built the bridge?", "Who constructed the bridge?"),
        ("Who supplies the army?", "Who provides the army?"),
        ("Who is supplying it?", "Who is providing it?"),
        ("Which bank paid?", "Which bank paid?"),  # its senses are as frequent as each other
        ("Who founded Build?", "Who founded Build?"),  # a name
        ("Who constructed it?", "Who constructed it?"),  # the past of "build" is not a regular one
    ],
)
def test_a_word_gives_way_to_a_synonym_in_the_same_form(question: str, asked: str, synonyms: Synonyms) -> None:
    assert with_synonyms(question, random.Random(0), synonyms) == asked


@pytest.mark.parametrize("seed", range(20))
def test_a_typing_error_changes_one_word_in_four_by_one_letter(seed: int) -> None:
    question = "Who built the long bridge over the river?"
    words = question.split()
    changed = [
        (old, new)
        for old, new in zip(words, misspelt(question, random.Random(seed)).split(), strict=True)
        if old != new
    ]
    assert len(changed) <= 1
    for old, new in changed:
        assert abs(len(old) - len(new)) <= 1
        assert old[0] == new[0]


@pytest.mark.parametrize("seed", range(20))
def test_another_form_keeps_every_word_that_tells_what_is_asked(seed: int) -> None:
    question = "Who built the long bridge over the river?"
    asked = in_another_form(question, random.Random(seed))
    assert asked != question
    assert set(content_words(question)) <= set(content_words(asked))


def test_of_five_questions_nearly_three_stay_as_they_are(synonyms: Synonyms) -> None:
    question = "Who built the long bridge over the river?"
    same = sum(reworded(question, random.Random(seed), synonyms) == question for seed in range(2000))
    assert 0.5 < same / 2000 < 0.6
