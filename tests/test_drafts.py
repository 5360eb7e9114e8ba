from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from index import Library
from rag import QuestionError, Sentence, Verdict, check
from rag.drafts import LONGEST_DRAFT, claims
from ui.commands import pincite

DRAFT = Path(__file__).parent / "data" / "draft.txt"
WRONG = {1, 3, 6, 8, 9}  # of the draft's sentences, from 0: each has one word that is not the article's


@pytest.fixture(scope="module")
def sentences(library: Library) -> list[Sentence]:
    return check(DRAFT.read_text("utf-8"), library=library)


def test_of_ten_sentences_the_five_that_are_wrong_in_one_word_are_found_and_no_other(sentences: list[Sentence]) -> None:
    found = {n for n, sentence in enumerate(sentences) if sentence.verdict is not Verdict.SUPPORTED}
    assert len(sentences) == 10
    assert found == WRONG


def test_each_verdict_rests_on_the_exact_characters_of_the_article(sentences: list[Sentence], article: str) -> None:
    for sentence in sentences:
        assert sentence.citations or sentence.verdict is Verdict.NOT_FOUND
        for citation in sentence.citations:
            assert article[citation.start : citation.end] == citation.quote
            assert citation.verdict is sentence.verdict


def test_a_text_can_be_held_against_passages_that_are_given_instead_of_a_library() -> None:
    passages = ["Leeks were first grown in Egypt.", "The Romans ate them raw, and Nero every day."]
    found = check("Leeks were first grown in Egypt. Nero ate them every day. They cost 9 coins.", passages=passages)
    assert [sentence.verdict is Verdict.SUPPORTED for sentence in found] == [True, True, False]
    assert [citation.document for sentence in found[:2] for citation in sentence.citations] == ["1", "2"]


def test_against_no_passage_nothing_is_found() -> None:
    (found,) = check("Leeks are green.", passages=[])
    assert (found.verdict, found.citations) == (Verdict.NOT_FOUND, ())


def test_headings_lists_and_marks_of_citation_are_no_claims() -> None:
    text = "# Leeks\n\n- They are **green** [1].\n- They are long. [2][3]\n\nA heading\n\nThey grow slowly."
    assert claims(text) == ["They are green.", "They are long.", "They grow slowly."]


@pytest.mark.parametrize("text", ["", " \n", "# Only a heading", "x " * LONGEST_DRAFT])
def test_what_holds_no_sentence_or_too_many_is_refused_with_what_to_do(text: str, library: Library) -> None:
    with pytest.raises(QuestionError, match=r"Give a draft|in parts"):
        check(text, library=library)


def test_the_command_ends_with_5_unless_all_is_supported(library: Library, tmp_path: Path) -> None:
    run, where = CliRunner(), ["--library", str(library.path)]
    fine = tmp_path / "fine.txt"
    fine.write_text("North Korea has supplied 7,000 containers of artillery rounds to Russia.", "utf-8")
    ended = run.invoke(pincite, ["check", str(fine), *where])
    assert ended.exit_code == 0, ended.output
    assert "1. supported [1]" in ended.output
    ended = run.invoke(pincite, ["check", "-", "--json", *where], input="Russia sent 9,000 containers to North Korea.")
    assert ended.exit_code == 5
    (sentence,) = json.loads(ended.stdout)
    assert sentence["verdict"] != "supported"


def test_a_file_that_is_no_text_is_wrong_usage(library: Library, tmp_path: Path) -> None:
    file = tmp_path / "picture.txt"
    file.write_bytes(b"\xff\xfe\x00\xd8")
    ended = CliRunner().invoke(pincite, ["check", str(file), "--library", str(library.path)])
    assert ended.exit_code == 2
    assert "UTF-8" in ended.output
