"""What is shown of the passages that were found: the sentences that matter."""

from __future__ import annotations

import json

import pytest

from index import Hit, Library
from index.passages import split_sentences
from rag import Assistant, QuestionError
from rag.excerpts import excerpts
from rag.reader import Reading, local_reader
from rag.retrieve import Found
from tests.conftest import ARTICLE
from tests.test_reader import Rows, passage_of
from tests.test_terminal import ran

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("stocked")]


def found(score: float, *evidence: float) -> Found:
    passage = passage_of(" ".join(f"Sentence {number} is here." for number in range(len(evidence))))
    return Found(Hit(passage, score, 0.0, 0.0, 0.0), Reading(0.0, 0.0, passage.sentences[0], 0.0, evidence))


def test_sentences_near_enough_to_the_best_are_kept_and_those_that_follow_each_other_are_one() -> None:
    # .2 of the passage's score, .5 of the evidence, 4 of the cosine, which is 1 for all: down to 3.6 below the best.
    made = excerpts("Who?", [found(10.0, 4.0, 3.0, -9.0, 0.0), found(0.0, 1.0, 0.7)], Rows())
    assert [excerpt.quotes for excerpt in made] == [
        ["Sentence 0 is here. Sentence 1 is here.", "Sentence 3 is here."],
        ["Sentence 0 is here."],
    ]
    assert made[0].spans == ((0, 39), (60, 79))


def test_a_sentence_is_nearer_by_its_cosine_and_a_passage_with_none_left_is_left_out() -> None:
    made = excerpts("Who?", [found(0.0, 0.0, 0.0), found(0.0, 0.0)], Rows(1.0, 0.2, 0.0))
    assert [excerpt.quotes for excerpt in made] == [["Sentence 0 is here. Sentence 1 is here."]]
    assert excerpts("Who?", [], Rows()) == []


def test_a_search_finds_whole_sentences_of_the_documents_whether_or_not_they_answer(assistant: Assistant) -> None:
    made = assistant.search("How many containers has North Korea supplied to Russia?")
    assert "7,000 containers" in " ".join(made[0].quotes)
    for excerpt in made:
        document = excerpt.hit.passage.document
        borders = {place for span in split_sentences(document.text) for place in span}
        assert all(place in borders for span in excerpt.spans for place in span)
    assert assistant.search("Who won the 2022 World Cup?")
    with pytest.raises(QuestionError):
        assistant.search(" ")


def test_an_empty_library_has_nothing_on_anything(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Library(tmp_path_factory.mktemp("empty"), create=True) as library:
        assert Assistant(library, local_reader()).search("Who?") == []


def test_the_command_prints_the_sentences_with_their_places(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = str(tmp_path_factory.mktemp("home"))
    text = ARTICLE.read_text(encoding="utf-8")
    run = ran("search", "What did Russia veto?", "--json", PINCITE_HOME=home)
    assert run.returncode == 0, run.stderr
    first = json.loads(run.stdout)[0]
    assert any("veto" in quote["text"] for quote in first["quotes"])
    assert all(text[quote["start"] : quote["end"]] == quote["text"] for quote in first["quotes"])
    shown = ran("search", "What did Russia veto?", PINCITE_HOME=home)
    quote = first["quotes"][0]
    assert shown.stdout.splitlines()[0].startswith(f"{first['title']}, characters {quote['start']}–{quote['end']}")
    assert "veto" in shown.stdout
    assert ran("search", " ", PINCITE_HOME=home).returncode == 2
