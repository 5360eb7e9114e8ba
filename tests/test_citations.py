from __future__ import annotations

import pytest

from index import Library
from rag.citations import Citations, Sentence, Verdict, numbers, support
from rag.reader import local_reader

VETO = "In late March of 2024 Russia vetoed a United Nations Security Council resolution."


def test_the_same_quote_keeps_its_number(library: Library) -> None:
    passage = library.search("What did Russia veto?")[0].passage
    first, second = passage.sentences[:2]
    numbering = Citations()
    cited = [numbering.cite(passage, span, Verdict.SUPPORTED, 1.0) for span in (first, second, first)]
    assert [citation.number for citation in cited] == [1, 2, 1]
    assert all(citation.quote == passage.document.text[citation.start : citation.end] for citation in cited)


def test_a_sentence_shows_its_numbers_or_that_it_has_none(library: Library) -> None:
    passage = library.search("What did Russia veto?")[0].passage
    citation = Citations().cite(passage, passage.sentences[0], Verdict.SUPPORTED, 1.0)
    assert Sentence("So it was.", (citation,), Verdict.SUPPORTED).marked == "So it was. [1]"
    assert Sentence("So it was.", (), Verdict.NOT_FOUND).marked == "So it was. [not found in the library]"


def test_support_finds_the_sentence_that_says_it(library: Library) -> None:
    passage = library.search("What did Russia veto in March 2024?")[0].passage
    found = support(VETO, passage, local_reader())
    assert found.verdict is Verdict.SUPPORTED
    assert "vetoing a United Nations Security Council resolution" in passage.document.text[slice(*found.span)]


@pytest.mark.parametrize(
    "claim",
    [
        "In late March of 2019 Russia vetoed a United Nations Security Council resolution.",
        "Lionel Messi lifted the trophy in Qatar.",
        "",
    ],
)
def test_another_number_or_another_matter_is_not_supported(library: Library, claim: str) -> None:
    passage = library.search("What did Russia veto in March 2024?")[0].passage
    assert support(claim, passage, local_reader()).verdict is Verdict.NOT_FOUND


def test_numbers_are_compared_without_their_thousands_separators() -> None:
    assert numbers("7,000 of 4.5% in 2024, at 10:30.") == {"7000", "4.5", "2024", "10:30"}
