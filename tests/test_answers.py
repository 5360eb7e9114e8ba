from __future__ import annotations

import json

import pytest

import rag
from index import Library, LibraryError
from rag import Answer, Assistant, Message, QuestionError, Sentence, Verdict
from rag.errors import SettingError
from rag.prompts import REFUSAL
from tests.conftest import ARTICLE

pytestmark = pytest.mark.slow

CONTAINERS = "How many containers has North Korea supplied to Russia?"


def test_an_answer_quotes_the_article_to_the_letter(assistant: Assistant, article: str) -> None:
    answer = assistant.ask(CONTAINERS)
    assert answer.answered
    assert "7,000" in answer.text
    first = answer.citations[0]
    assert "7,000 containers" in first.quote
    assert article[first.start : first.end] == first.quote
    assert (first.number, first.title, first.path) == (1, "russia-dprk", str(ARTICLE))


def test_every_citation_of_every_answer_stands_in_the_article(answers: list[Answer], article: str) -> None:
    citations = [citation for answer in answers for citation in answer.citations]
    assert len(citations) >= 40
    for answer in answers:
        places = [(hit.passage.document.id, hit.passage.start, hit.passage.end) for hit in answer.hits]
        for cited in answer.citations:
            assert any(
                cited.document == document and start <= cited.start < cited.end <= end
                for document, start, end in places
            )
    assert all(article[citation.start : citation.end] == citation.quote for citation in citations)


def test_without_a_model_the_sentences_are_the_sources_own_in_reading_order(assistant: Assistant) -> None:
    answer = assistant.ask("What are the two diplomatic objectives of North Korea?")
    assert answer.model == "extractive"
    assert [sentence.text for sentence in answer.sentences] == [citation.quote for citation in answer.citations]
    assert [citation.start for citation in answer.citations] == sorted(citation.start for citation in answer.citations)
    assert [citation.number for citation in answer.citations] == list(range(1, len(answer.citations) + 1))
    assert all(sentence.verdict is Verdict.SUPPORTED for sentence in answer.sentences)


@pytest.mark.parametrize(
    "question",
    ["Who won the 2022 World Cup?", "How do I bake sourdough bread?", "What is the capital of Peru?", "asdf qwer zxcv"],
)
def test_what_the_library_does_not_cover_is_declined_with_the_nearest_passages(
    assistant: Assistant, question: str
) -> None:
    answer = assistant.ask(question)
    assert not answer.answered
    assert answer.text == REFUSAL
    assert not answer.sentences
    assert not answer.citations
    assert len(answer.hits) == 8


def test_confidence_is_higher_for_what_the_library_covers(assistant: Assistant) -> None:
    covered, not_covered = assistant.ask(CONTAINERS), assistant.ask("Who won the 2022 World Cup?")
    assert 0 <= not_covered.confidence < 0.5 <= covered.confidence <= 1


def test_the_threshold_is_a_setting_from_answering_all_to_almost_none(library: Library) -> None:
    always = Assistant.open(library, environ={"PINCITE_THRESHOLD": "0"})
    never = Assistant.open(library, environ={"PINCITE_THRESHOLD": "1"})
    assert always.ask("Who won the 2022 World Cup?").answered
    assert not never.ask("What is the boiling point of lead?").answered
    for wrong in ("half", "2", "-1", "nan"):
        with pytest.raises(SettingError, match="PINCITE_THRESHOLD"):
            Assistant.open(library, environ={"PINCITE_THRESHOLD": wrong})


def test_hits_come_best_first_with_the_scores_of_each_stage(assistant: Assistant) -> None:
    hits = assistant.ask(CONTAINERS).hits
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({hit.fused for hit in hits}) == len(hits)


def test_asking_twice_gives_the_same_answer(assistant: Assistant) -> None:
    once, again = assistant.ask(CONTAINERS).to_dict(), assistant.ask(CONTAINERS).to_dict()
    assert {**once, "timings": None} == {**again, "timings": None}


def test_an_answer_is_one_json_object_with_its_fields(assistant: Assistant) -> None:
    values = json.loads(json.dumps(assistant.ask(CONTAINERS).to_dict()))
    assert list(values) == [*Answer.__slots__[:4], "short", *Answer.__slots__[4:]]
    assert values["sentences"][0]["citations"][0] == values["citations"][0]
    assert values["citations"][0]["verdict"] == "supported"
    assert set(values["timings"]) == {"retrieve", "write", "read", "total"}


def test_ask_is_stream_consumed(assistant: Assistant) -> None:
    reply = assistant.stream(CONTAINERS)
    pieces = list(reply)
    assert all(isinstance(piece, Sentence) for piece in pieces)
    assert tuple(pieces) == reply.answer.sentences == assistant.ask(CONTAINERS).sentences


def test_a_follow_up_is_read_with_the_question_before_it(assistant: Assistant) -> None:
    history = [
        Message("user", "Who called the arms transfer a mega deal?"),
        Message("assistant", "Anwita Basu described it so."),
    ]
    answer = assistant.ask("And what is her job?", history)
    assert "Head of Europe at Country Risk at Fitch Solutions" in answer.text


@pytest.mark.parametrize(("question", "reason"), [(" \n", "empty"), ("x" * 1_000_000, "1,000,000 characters")])
def test_a_question_that_cannot_be_asked_says_what_to_do(assistant: Assistant, question: str, reason: str) -> None:
    with pytest.raises(QuestionError, match=reason):
        assistant.ask(question)


@pytest.mark.parametrize(
    "question", ["\ud800 broken?", "\0", "<script>alert(1)</script>", "'; DROP TABLE passages; --"]
)
def test_any_other_text_is_a_question(assistant: Assistant, question: str) -> None:
    assert json.dumps(assistant.ask(question).to_dict()).encode()


def test_the_plain_functions_answer_from_the_default_library_a_path_or_an_open_library(library: Library) -> None:
    by_default = rag.answer(CONTAINERS)
    by_library = rag.answer(CONTAINERS, library=library)
    assert by_default.text == by_library.text
    assert library.search("still open")
    assert list(rag.stream_answer(CONTAINERS, library=library)) == list(by_library.sentences)
    with pytest.raises(LibraryError, match="No library at"):
        rag.answer(CONTAINERS, library="nowhere")
