from __future__ import annotations

from index import Document, Passage
from rag.checking import passage_of
from rag.citations import Citation, Citations, Sentence, Verdict, whole_words


def test_the_same_quote_keeps_its_number() -> None:
    passage = passage_of("Bread is baked. Storks fly south.")
    first, second = passage.sentences
    numbering = Citations()
    cited = [numbering.cite(passage, span, Verdict.SUPPORTED, 1.0) for span in (first, second, first)]
    assert [citation.number for citation in cited] == [1, 2, 1]
    assert [citation.quote for citation in cited] == ["Bread is baked.", "Storks fly south.", "Bread is baked."]


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


def test_a_sentence_shows_its_numbers_or_that_it_has_none() -> None:
    passage = passage_of("Bread is baked. Storks fly south.")
    citation = Citations().cite(passage, passage.sentences[0], Verdict.SUPPORTED, 1.0)
    assert Sentence("So it was.", (citation,), Verdict.SUPPORTED).marked == "So it was. [1]"
    assert Sentence("So it was.", (), Verdict.NOT_FOUND).marked == "So it was. [not found in the library]"
    assert Sentence("So it was.", (), Verdict.CONTRADICTED).marked == "So it was. [the library says otherwise]"


def test_a_short_answer_is_found_as_whole_words_however_they_are_wrapped() -> None:
    found = whole_words("in  1990").search("Berlin in 19901 and in\n1990.")
    assert found is not None
    assert found.span() == (20, 27)
