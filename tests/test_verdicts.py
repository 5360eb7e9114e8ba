"""Verdicts of the reader that ships on claims about the shipped article; `test_checking` has their rules."""

from __future__ import annotations

import pytest

from index import Library, Passage
from rag.checking import Checked, Checker, passage_of
from rag.citations import Verdict
from rag.reader import local_reader

VETO = "In late March of 2024 Russia vetoed a United Nations Security Council resolution."


@pytest.fixture
def veto(library: Library) -> Passage:
    return library.search("What did Russia veto in March 2024?")[0].passage


def check(claim: str, passages: list[Passage], library: Library) -> Checked:
    found = Checker(passages, local_reader(), library.embed_passages).check(claim)
    assert found is not None
    return found


def test_the_sentence_that_says_what_is_claimed_is_found(veto: Passage, library: Library) -> None:
    found = check(VETO, [veto], library)
    assert found.verdict is Verdict.SUPPORTED
    assert "vetoing a United Nations Security Council resolution" in veto.document.text[slice(*found.spans[0])]


def test_what_stands_there_to_the_letter_is_supported_whatever_the_reader_thinks(
    veto: Passage, library: Library
) -> None:
    for span in veto.sentences:
        found = check(veto.document.text[slice(*span)], [veto], library)
        assert (found.verdict, found.spans, found.score) == (Verdict.SUPPORTED, (span,), 1.0)


def test_what_is_claimed_is_found_in_whichever_passage_it_stands(library: Library, veto: Passage) -> None:
    others = [hit.passage for hit in library.search("How many containers were supplied?")]
    found = check(VETO, [passage for passage in others if passage != veto] + [veto], library)
    assert found.passage == veto


@pytest.mark.parametrize(
    ("claim", "verdicts"),
    [
        (VETO.replace("2024", "2019"), {Verdict.PARTLY, Verdict.CONTRADICTED}),
        (VETO.replace("vetoed", "did not veto"), {Verdict.CONTRADICTED, Verdict.NOT_FOUND}),
        ("Lionel Messi lifted the trophy in Qatar.", {Verdict.NOT_FOUND}),
        ("", {Verdict.NOT_FOUND}),
    ],
)
def test_another_number_or_another_matter_is_not_supported(
    claim: str, verdicts: set[Verdict], veto: Passage, library: Library
) -> None:
    assert check(claim, [veto], library).verdict in verdicts


def test_a_short_claim_is_not_taken_to_the_letter_out_of_a_sentence(library: Library) -> None:
    passage = passage_of("It is not true that Russia left. Nobody in the town believed the old story any more.")
    assert check("Russia left.", [passage], library).verdict is not Verdict.SUPPORTED


def test_a_question_states_nothing(veto: Passage, library: Library) -> None:
    assert check("Did Russia veto a resolution in March 2024?", [veto], library).verdict is Verdict.NOT_FOUND


def test_a_right_claim_with_a_wrong_mark_is_found_where_it_stands(library: Library, veto: Passage) -> None:
    other = next(h.passage for h in library.search("How many live in poverty?") if h.passage != veto)
    found = Checker([other, veto], local_reader(), library.embed_passages).check(VETO, [other])
    assert found is not None
    assert (found.verdict, found.passage) == (Verdict.SUPPORTED, veto)


def test_what_is_given_as_a_quote_must_stand_in_the_source_to_the_letter(veto: Passage, library: Library) -> None:
    said = "the 14 year long North Korea UN Panel of Experts mandate"
    right = check(f"Russia vetoed a resolution to extend “{said}” in March 2024.", [veto], library)
    wrong = check(f"Russia vetoed a resolution to extend “{said.replace('14', '15')}” in March 2024.", [veto], library)
    assert right.verdict is Verdict.SUPPORTED
    assert (wrong.verdict, wrong.wrong) == (Verdict.PARTLY, said.replace("14", "15"))
