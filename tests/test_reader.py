"""The reader that ships: what it says of a passage, and that its offsets are exact however long the passage is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from index import Document, Hit, Library, Passage
from index.embedder import Matrix
from index.passages import split_sentences
from rag.extract import asks_for_all, choose, find_evidence
from rag.reader import Reader, Reading, local_reader
from rag.retrieve import Found, Retriever, score_of

TEXT = "Rome was founded by Romulus in 753. It grew fast. Carthage was founded by Dido, a queen who had fled from Tyre."
FILLER = "The weather was fine that day, and nobody had anything to say about it. "


def passage_of(text: str, title: str = "Cities of old") -> Passage:
    document = Document("id", "path", title, text, "sha")
    return Passage(document, 0, len(text), tuple(split_sentences(text)), "")


def quote(passage: Passage, reading: Reading) -> str:
    return passage.document.text[slice(*reading.span)]


def test_the_answer_is_found_to_the_letter_and_so_is_the_sentence_that_holds_it() -> None:
    passage = passage_of(TEXT)
    for question, answer, sentence in (("Who founded Rome?", "Romulus", 0), ("Who founded Carthage?", "Dido", 2)):
        (reading,) = local_reader().read(question, [passage])
        assert answer in quote(passage, reading)
        assert int(np.argmax(reading.evidence)) == sentence
        assert len(reading.evidence) == 3


def test_a_passage_that_answers_stands_above_one_on_the_topic_and_one_on_another() -> None:
    passages = [passage_of(text) for text in (TEXT, "Rome lies on seven hills by the Tiber.", "Lemons are sour.")]
    readings = local_reader().read("Who founded Rome?", passages)
    assert readings[0].answerable > readings[1].answerable > readings[2].answerable
    assert readings[0].relevance > readings[2].relevance
    assert readings[0].span_score > 0 > readings[2].span_score


def test_a_passage_that_begins_inside_its_document_gives_offsets_of_the_document() -> None:
    start = TEXT.index("Carthage")
    passage = replace(passage_of(TEXT), start=start, sentences=((start, len(TEXT)),))
    (reading,) = local_reader().read("Who founded Carthage?", [passage])
    assert "Dido" in quote(passage, reading)


@pytest.mark.parametrize("before", [0, 20, 60])
def test_a_long_passage_is_read_in_windows_and_its_offsets_stay_exact(before: int) -> None:
    passage = passage_of(FILLER * before + TEXT + " " + FILLER * (60 - before))
    (reading,) = local_reader().read("Who founded Carthage?", [passage])
    assert "Dido" in quote(passage, reading)
    sentence = passage.sentences[int(np.argmax(reading.evidence))]
    assert "Dido" in passage.document.text[slice(*sentence)]
    assert np.isfinite(reading.evidence).all()


def test_a_passage_reads_the_same_alone_and_beside_others() -> None:
    passages = [passage_of(TEXT), passage_of(FILLER * 60)]
    together, alone = (
        local_reader().read("Who founded Rome?", passages),
        local_reader().read("Who founded Rome?", passages[:1]),
    )
    assert together[0].span == alone[0].span
    assert together[0].answerable == pytest.approx(alone[0].answerable, abs=1e-3)


def test_nothing_to_read_and_a_passage_without_words_are_no_errors() -> None:
    assert local_reader().read("Who?", []) == []
    assert local_reader().support("So it is.", []) == []
    (reading,) = local_reader().read("Who?", [passage_of("")])
    assert reading.span == (0, 0)
    assert reading.span_score == -np.inf


def test_a_claim_is_judged_with_shares_that_add_up_and_the_sentence_that_decides() -> None:
    (stated,) = local_reader().support("Carthage was founded by Dido.", [passage_of(TEXT)])
    (denied,) = local_reader().support("Carthage was founded by Romulus.", [passage_of(TEXT)])
    (absent,) = local_reader().support("Lemons are sour.", [passage_of(TEXT)])
    assert stated.supported + stated.contradicted + stated.not_stated == pytest.approx(1)
    assert stated.sentence == 2
    assert stated.supported > max(denied.supported, absent.supported)
    assert absent.not_stated > 0.5


def found(scores: list[float], question_answered: float = 4.0) -> Found:
    """A passage of as many sentences as there are logits of their evidence."""
    text = " ".join(f"Sentence {number} is here." for number in range(len(scores)))
    passage = passage_of(text)
    reading = Reading(1.0, question_answered, passage.sentences[0], 1.0, tuple(scores))
    return Found(Hit(passage, 1.0, 1.0, 1.0, 1.0), reading)


class Rows:
    """An embedder of two dimensions: of the n-th text the cosine to any question is the n-th of `cosines`, or 1."""

    fingerprint = "rows"

    def __init__(self, *cosines: float) -> None:
        self._cosines = cosines

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        cosines = np.array([*self._cosines, *([1.0] * len(texts))][: len(texts)], np.float32)
        return np.column_stack([cosines, np.sqrt(1 - cosines**2)])

    def embed_question(self, question: str) -> Matrix:
        return np.array([1.0, 0.0], np.float32)


def test_a_sentence_counts_for_less_as_it_is_farther_from_the_question_than_another() -> None:
    evidence = find_evidence("Who?", [found([2.0, 2.0])], Rows(0.8, 0.9))
    assert [item.text for item in evidence] == ["Sentence 1 is here.", "Sentence 0 is here."]
    assert evidence[1].score / evidence[0].score == pytest.approx(np.exp(8 * (0.8 - 0.9)))
    assert find_evidence("Who?", [], Rows()) == []


def test_the_best_sentence_stands_first_and_those_nearly_as_likely_follow_in_reading_order_up_to_a_few() -> None:
    evidence = find_evidence("Who?", [found([2.0, -4.0, 3.0, 2.0, 2.0, 2.0])], Rows())
    assert [item.text for item in choose("Who is here?", evidence)] == [
        f"Sentence {number} is here." for number in (2, 0, 3, 4)
    ]


def test_a_question_that_asks_for_more_gets_more_sentences_all_in_reading_order() -> None:
    evidence = find_evidence("Why?", [found([2.0, -4.0, 3.0, 2.0, 2.0, 2.0])], Rows())
    assert [item.text for item in choose("Why are they here?", evidence)] == [
        f"Sentence {number} is here." for number in (0, 2, 3, 4, 5)
    ]


def test_a_question_about_the_whole_gets_sentences_of_all_passages_in_reading_order() -> None:
    question = "What does the book say about storks?"
    many = [found([3.0]) for _ in range(9)]
    assert asks_for_all(question)
    assert len(find_evidence("Who breeds storks?", many, Rows())) == 5
    assert len(find_evidence(question, many, Rows())) == 9
    evidence = find_evidence(question, [found([2.0, 3.0, *[2.5] * 10])], Rows())
    assert choose(question, evidence)[0].text == "Sentence 1 is here."
    assert len(choose(question, evidence)) == 8


@pytest.mark.parametrize(
    ("question", "of_all"),
    [
        ("Summarise the article.", True),
        ("Can you give me the gist of this article?", True),
        ("What is this document about?", True),
        ("What does the article say about China?", True),
        ("List all countries that voted.", True),
        ("Overall, what does North Korea get out of the deal?", True),
        ("What are the main points?", True),
        ("Who is the article about?", False),
        ("What did Russia say about the veto?", False),
        ("List the kinds of weapons.", False),
        ("Which overall length has the bridge?", False),
    ],
)
def test_what_asks_for_the_whole_is_told_by_its_words(question: str, of_all: bool) -> None:
    assert asks_for_all(question) == of_all


def test_the_sentences_of_a_passage_that_does_not_answer_come_after_those_of_one_that_does() -> None:
    best = find_evidence("Who?", [found([3.0], question_answered=-4.0), found([1.0, 0.0])], Rows())[0]
    assert best.passage.text.startswith("Sentence 0 is here. Sentence 1")
    assert best.short == best.span


class Scripted(Reader):
    """Takes the later of the passages that it is given for the better, and all for as answerable as it was told."""

    def __init__(self, answerable: float) -> None:
        super().__init__()
        self.answerable = answerable
        self.given: list[list[Passage]] = []

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        self.given.append(list(passages))
        return [Reading(100.0 * n, self.answerable, (0, 0), 0.0, ()) for n in range(len(passages))]


def test_the_reader_puts_in_order_what_the_search_found(library: Library) -> None:
    hits = library.search("Who?", 12)
    found = Retriever(library, Scripted(9.0)).search("Who?")
    assert [item.hit.passage for item in found] == [hit.passage for hit in hits[5::-1]]
    assert [item.hit.score for item in found[:3]] == [
        pytest.approx(100 * n + 9 + 16 * hit.fused) for n, hit in ((5, hits[5]), (4, hits[4]), (3, hits[3]))
    ]


class Led(Scripted):
    """Takes the earlier passages for the better, and of each its last sentence for the likeliest evidence."""

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        before = sum(map(len, self.given))
        self.given.append(list(passages))
        evidence = [tuple(map(float, range(len(passage.sentences)))) for passage in passages]
        return [Reading(-100.0 * (before + n), 9.0, (0, 0), 0.0, evidence[n]) for n in range(len(passages))]


def test_a_ranking_goes_on_from_its_first_five_to_where_the_best_two_lead(library: Library) -> None:
    found = [hit.passage for hit in library.search("Who?", 13)]
    last = [passage.document.text[slice(*passage.sentences[-1])] for passage in found]
    led = [[hit.passage for hit in library.search(f"{sentence} Who?", 8)] for sentence in last[:2]]
    one, other = ([passage for passage in passages if passage not in found[:5]][:3] for passages in led)
    in_turn = [passage for pair in zip(one, other, strict=True) for passage in pair]
    expected = list(
        {(passage.start, passage.document.id): passage for passage in [*found[:5], *in_turn, *found]}.values()
    )
    reader = Led(9.0)
    retriever = Retriever(library, reader)
    read = retriever.search("Who?", 12)
    ranked = retriever.rank("Who?", read, 13)
    assert sum(map(len, reader.given)) == 12
    assert [hit.passage for hit in ranked] == expected
    assert retriever.rank("Who?", read, 3) == ranked[:3]


@pytest.mark.parametrize(
    ("question", "score"),
    [
        ("Who founded Carthage?", 18.0),
        ("in honour of which god is it", 18.0),
        ("Did Dido do it", 18.0),
        ("Dido founded Carthage.", 13.2),
        ("carthage founder", 13.2),
    ],
)
def test_whether_a_passage_answers_counts_for_less_where_nothing_is_asked(question: str, score: float) -> None:
    hit, reading = found([0.0]).hit, Reading(2.0, 8.0, (0, 0), 0.0, ())
    assert score_of(question, replace(hit, fused=0.5), reading) == pytest.approx(score)


def test_as_many_passages_are_read_as_are_wanted_whatever_the_first_say(library: Library) -> None:
    passages = [hit.passage for hit in library.search("Who?", 9)]
    sure = Scripted(9.0)
    assert len(Retriever(library, sure).search("Who?", 9)) == 9
    assert sure.given == [passages[:6], passages[6:]]


def test_more_passages_are_read_only_if_none_of_the_first_surely_answers(library: Library) -> None:
    passages = [hit.passage for hit in library.search("Who?", 12)]
    sure, unsure = Scripted(9.0), Scripted(-9.0)
    for reader in (sure, unsure):
        Retriever(library, reader).search("Who?")
    assert sure.given == [passages[:6]]
    assert unsure.given == [passages[:6], passages[6:]]
