from __future__ import annotations

import pytest

from index import Document, Library, Passage
from rag.checking import Checked, Checker, passage_of, supported, unsure
from rag.citations import Citation, Citations, Sentence, Verdict, whole_words
from rag.reader import local_reader

VETO = "In late March of 2024 Russia vetoed a United Nations Security Council resolution."


def test_the_same_quote_keeps_its_number(library: Library) -> None:
    passage = library.search("What did Russia veto?")[0].passage
    first, second = passage.sentences[:2]
    numbering = Citations()
    cited = [numbering.cite(passage, span, Verdict.SUPPORTED, 1.0) for span in (first, second, first)]
    assert [citation.number for citation in cited] == [1, 2, 1]
    assert all(citation.quote == passage.document.text[citation.start : citation.end] for citation in cited)


def test_a_citation_says_all_of_where_its_quote_stands() -> None:
    text = "Bread is baked.\nStorks fly south."
    document = Document("b", "/b.pdf", "Birds", text, "sha of b", (0, 16), "2026-11-28T17:04:14Z")
    passage = Passage(document, 0, 33, ((0, 15), (7, 22)), "")
    numbering = Citations()
    of_first_page, over_its_end = (numbering.cite(passage, span, Verdict.PARTLY, 0.5) for span in passage.sentences)
    assert of_first_page == Citation(
        1, "b", "Birds", "/b.pdf", 0, 15, 1, "Bread is baked.", "sha of b", "2026-11-28", Verdict.PARTLY, 0.5
    )
    assert (over_its_end.number, over_its_end.page, over_its_end.quote) == (2, 1, text[7:22])


def test_a_sentence_shows_its_numbers_or_that_it_has_none(library: Library) -> None:
    passage = library.search("What did Russia veto?")[0].passage
    citation = Citations().cite(passage, passage.sentences[0], Verdict.SUPPORTED, 1.0)
    assert Sentence("So it was.", (citation,), Verdict.SUPPORTED).marked == "So it was. [1]"
    assert Sentence("So it was.", (), Verdict.NOT_FOUND).marked == "So it was. [not found in the library]"
    assert Sentence("So it was.", (), Verdict.CONTRADICTED).marked == "So it was. [the library says otherwise]"


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


def test_texts_together_support_what_any_of_them_says() -> None:
    texts = ["Sirius is the brightest star of the night sky.", "Lemons are sour, and most of them are yellow."]
    assert supported("Lemons are sour", texts, local_reader())
    assert not supported("The moon is made of cheese.", texts, local_reader())
    assert not supported("Lemons are sour.", [], local_reader())


def test_a_short_answer_is_found_as_whole_words_however_they_are_wrapped() -> None:
    found = whole_words("in  1990").search("Berlin in 19901 and in\n1990.")
    assert found is not None
    assert found.span() == (20, 27)


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


def test_what_a_model_wrote_is_unsure_where_the_reader_is_not_sure(veto: Passage) -> None:
    assert unsure(Checked(veto, veto.sentences[:1], Verdict.SUPPORTED, 0.6)).verdict is Verdict.PARTLY
    assert unsure(Checked(veto, veto.sentences[:1], Verdict.SUPPORTED, 0.9)).verdict is Verdict.SUPPORTED


def test_without_passages_nothing_can_be_said(library: Library) -> None:
    assert Checker([], local_reader(), library.embed_passages).check("Lemons are sour.") is None


def test_what_is_given_as_a_quote_must_stand_in_the_source_to_the_letter(veto: Passage, library: Library) -> None:
    said = "the 14 year long North Korea UN Panel of Experts mandate"
    right = check(f"Russia vetoed a resolution to extend “{said}” in March 2024.", [veto], library)
    wrong = check(f"Russia vetoed a resolution to extend “{said.replace('14', '15')}” in March 2024.", [veto], library)
    assert right.verdict is Verdict.SUPPORTED
    assert (wrong.verdict, wrong.wrong) == (Verdict.PARTLY, said.replace("14", "15"))
