"""The rules of a verdict by themselves, with a reader whose probabilities are stated here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from index import Document, Passage
from index.embedder import Matrix
from rag.checking import SURE_FROM, Checked, Checker, passage_of, sentence_of, supported, unsure
from rag.citations import Citations, Verdict
from rag.reader import Reader, Support, local_reader

SHIPS, OIL, BREAD = "Ships came to the port.", "Oil was sold there.", "Bread was baked."
TEXT = f"{SHIPS} {OIL} {BREAD}"
CLAIM = "Ships came to sell oil."  # nearest to SHIPS by three words, then to OIL by one
S, P, C, N = Verdict.SUPPORTED, Verdict.PARTLY, Verdict.CONTRADICTED, Verdict.NOT_FOUND
WORDS = "ships came to oil bread coal wood".split()


def embed(texts: Sequence[str]) -> Matrix:
    """1 for each of WORDS that is in the text: texts are as near as they share words. Nothing to embed is an error."""
    assert texts
    rows = [[word in text.lower().replace(".", " ").split() for word in WORDS] for text in texts]
    return np.array(rows, np.float32).reshape(-1, len(WORDS))


class ReaderByHand(Reader):
    """Gives a text the probabilities (supported, contradicted) that are stated for it, any other one none.

    The rules decide at numbers that the reader that ships does not give when asked to.
    """

    def __init__(self, alone: Mapping[str, tuple[float, float]], whole: Mapping[str, Support] | None = None) -> None:
        self.alone, self.whole = alone, whole or {}
        self.asked: list[tuple[str, str]] = []  # claim and context

    def judge(self, claim: str, texts: Sequence[tuple[str, str]]) -> npt.NDArray[np.float64]:
        self.asked += [(claim, context) for context, _ in texts]
        rows = [(*self.alone.get(text, (0, 0)), 0) for _, text in texts]
        return np.array(rows, np.float64).reshape(-1, 3)

    def support(self, claim: str, passages: Sequence[Passage]) -> list[Support]:
        self.asked += [(claim, passage.context) for passage in passages]
        return [self.whole.get(passage.text, Support(0, 0, 1, 0)) for passage in passages]


def texts_of(found: Checked) -> tuple[str, ...]:
    return tuple(found.passage.document.text[slice(*span)] for span in found.spans)


def checked(
    claim: str,
    alone: Mapping[str, tuple[float, float]] | None = None,
    whole: Mapping[str, Support] | None = None,
    *,
    texts: Sequence[str] = (TEXT,),
    named: Sequence[int] = (),
) -> tuple[Verdict, tuple[str, ...], float, str]:
    """Verdict, the sentences that decide, score and what is wrong; `named` are numbers of the texts."""
    passages = [passage_of(text) for text in texts]
    found = Checker(passages, ReaderByHand(alone or {}, whole), embed).check(claim, [passages[n] for n in named])
    assert found is not None
    return found.verdict, texts_of(found), found.score, found.wrong


@pytest.mark.parametrize(
    ("alone", "whole", "expected"),
    [
        # The nearest sentence, by itself.
        ({SHIPS: (0.35, 0.0)}, None, (S, (SHIPS,), 0.35)),
        ({SHIPS: (0.35, 0.65)}, None, (S, (SHIPS,), 0.35)),
        ({SHIPS: (0.0, 0.74)}, None, (N, (SHIPS,), 0.0)),
        ({SHIPS: (0.0, 0.75)}, None, (C, (SHIPS,), 0.0)),
        # More is read where it may be so.
        ({SHIPS: (0.029, 0.0), OIL: (0.9, 0.0)}, None, (N, (SHIPS,), 0.029)),
        ({SHIPS: (0.03, 0.0), OIL: (0.35, 0.0)}, None, (S, (OIL,), 0.35)),
        ({SHIPS: (0.34, 0.0), OIL: (0.34, 0.0)}, None, (N, (SHIPS,), 0.34)),
        ({SHIPS: (0.1, 0.0), OIL: (0.2, 0.0)}, None, (N, (SHIPS,), 0.2)),
        ({SHIPS: (0.2, 0.0), OIL: (0.1, 0.0)}, None, (N, (SHIPS,), 0.2)),
        ({SHIPS: (0.1, 0.0), BREAD: (0.9, 0.0)}, None, (N, (SHIPS,), 0.1)),
        ({SHIPS: (0.1, 0.0), f"{SHIPS} {OIL}": (0.35, 0.0)}, None, (S, (SHIPS, OIL), 0.35)),
        # What is contradicted, only another sentence alone can support.
        ({SHIPS: (0.1, 0.75), OIL: (0.5, 0.0)}, None, (S, (OIL,), 0.5)),
        ({SHIPS: (0.1, 0.75), OIL: (0.2, 0.0), f"{SHIPS} {OIL}": (0.9, 0.0)}, None, (C, (SHIPS,), 0.2)),
        ({SHIPS: (0.1, 0.75)}, Support(0.9, 0.0, 0.1, 0), (C, (SHIPS,), 0.1)),
        # At last the passage is read whole.
        ({SHIPS: (0.03, 0.0)}, Support(0.35, 0.5, 0.05, 1), (S, (OIL,), 0.35)),
        ({SHIPS: (0.02, 0.0)}, Support(0.9, 0.0, 0.1, 1), (N, (SHIPS,), 0.02)),
        ({SHIPS: (0.1, 0.0)}, Support(0.2, 0.41, 0.39, 2), (C, (BREAD,), 0.2)),
        ({SHIPS: (0.1, 0.0)}, Support(0.2, 0.4, 0.4, 2), (N, (SHIPS,), 0.1)),
    ],
)
def test_a_verdict_is_what_the_least_that_decides_says(
    alone: dict[str, tuple[float, float]], whole: Support | None, expected: tuple[Verdict, tuple[str, ...], float]
) -> None:
    assert checked(CLAIM, alone, {TEXT: whole} if whole else None) == (*expected, "")


@pytest.mark.parametrize(
    ("claim", "text", "alone", "whole", "expected"),
    [
        # A number that is missing makes it partly supported, whatever the reader thinks.
        ("Ships came to the port in 1990, 12 of them.", SHIPS, 0.9, None, (P, (SHIPS,), 0.9, "12, 1990")),
        ("Ships came to the port in 1990, 12 of them.", SHIPS, 0.02, None, (P, (SHIPS,), 0.02, "12, 1990")),
        ("Ships bought grain and coal in 1990.", SHIPS, 0.02, None, (N, (SHIPS,), 0.02, "")),
        ("Ships came in 1990 and 12.", TEXT, 0.1, Support(0.5, 0, 0.5, 1), (P, (OIL,), 0.5, "12, 1990")),
        ("12 ships came.", f"{SHIPS} It was 12.", 0.1, Support(0.5, 0, 0.5, 0), (S, (SHIPS,), 0.5, "")),
        # A "not", a "may" or a word that turns it contradicts, whatever the reader thinks.
        ("Ships never came to the port.", SHIPS, 0.9, None, (C, (SHIPS,), 0.9, "")),
        ("Ships came to port.", "Ships may have come; ships might have came to port.", 0.9, None, None),
        ("A private northern port was sold.", "A public southern port was sold.", 0.9, None,
         (C, ("A public southern port was sold.",), 0.9, "private, northern")),
        ("Bread never was baked.", TEXT, 0.0, Support(0.9, 0, 0.1, 2), (C, (BREAD,), 0.0, "")),
        ("To ships bread never was baked.", TEXT, 0.1, Support(0.9, 0, 0.1, 2), (C, (BREAD,), 0.9, "never")),
    ],
)  # fmt: skip
def test_what_must_agree_decides_whatever_the_reader_thinks(
    claim: str,
    text: str,
    alone: float,
    whole: Support | None,
    expected: tuple[Verdict, tuple[str, ...], float, str] | None,
) -> None:
    found = checked(claim, {SHIPS: (alone, 0), text: (alone, 0)}, {text: whole} if whole else None, texts=[text])
    assert found == (expected or (C, (text,), 0.9, ""))


def test_a_sentence_that_reads_as_support_and_disagrees_is_none() -> None:
    claim, other = "To ships the port was closed, to oil.", "The port was open to oil."
    alone, texts = {SHIPS: (0.1, 0.0), other: (0.9, 0.0)}, [f"{SHIPS} {other}"]
    assert checked(claim, alone, texts=texts) == (N, (SHIPS,), 0.9, "")
    assert checked(claim.replace("closed", "open"), alone, texts=texts) == (S, (other,), 0.9, "")


def test_a_number_may_stand_in_the_title() -> None:
    document = Document("", "", "Ships of 1990", SHIPS, "")
    passage = Passage(document, 0, len(SHIPS), ((0, len(SHIPS)),), "")
    claim, reader = "In 1990 ships came to the port.", ReaderByHand({SHIPS: (0.1, 0)}, {SHIPS: Support(0.9, 0, 0.1, 0)})
    found = Checker([passage], reader, embed).check(claim)
    assert found == Checked(passage, passage.sentences, S, 0.9)
    assert reader.asked == [(claim, "Ships of 1990")] * 2  # the sentence, then the passage whole


def test_the_reader_is_asked_of_the_claim_each_time() -> None:
    reader = ReaderByHand({SHIPS: (0.1, 0)})
    Checker([passage_of(TEXT, "Ports")], reader, embed).check(CLAIM)
    assert reader.asked == [(CLAIM, "Ports")] * 4  # the nearest sentence, the next one, both, the passage whole


def test_two_near_sentences_are_read_together_in_their_order_and_each_with_the_one_before() -> None:
    near, nearest = "Ships had coal.", "Ships came with coal and wood."
    text, claim = f"Bread. {near} Bread. {nearest}", "Ships came with wood and with coal."
    for together in (f"Bread. {nearest}", f"Bread. {near}", f"{near} {nearest}"):
        found = checked(claim, {nearest: (0.1, 0), together: (0.9, 0)}, texts=[text])
        assert (found[0], " ".join(found[1])) == (S, together)
    assert (
        checked(claim, {nearest: (0.1, 0), f"{nearest} Bread.": (0.9, 0)}, texts=[f"{nearest} Bread. {near}"])[0] is N
    )
    for together in (f"{near} {nearest}", f"{nearest} {nearest}"):
        assert checked(claim, {nearest: (0.1, 0), together: (0.9, 0)}, texts=[near, nearest])[0] is N


def test_of_equally_near_sentences_the_first_is_read_first_and_one_that_is_named_before_it() -> None:
    texts, alone = (
        ["Ships had coal.", "Ships had wood."],
        {"Ships had coal.": (0.5, 0.0), "Ships had wood.": (0.5, 0.0)},
    )
    assert checked("Ships.", alone, texts=texts)[1] == ("Ships had coal.",)
    assert checked("Ships.", alone, texts=texts, named=[1])[1] == ("Ships had wood.",)
    assert checked("Ships, coal.", alone, texts=texts, named=[1])[1] == ("Ships had coal.",)  # nearer by a whole word
    many = [f"{word} had {letter}." for word in ("Bread", "Ships") for letter in "abcdefghij"]
    assert checked("Ships.", texts=many)[1] == ("Ships had a.",)


@pytest.mark.parametrize(
    ("supporting", "named", "verdict"),
    [(0, [], S), (1, [], S), (2, [], N), (4, [], N), (4, [4], S), (1, [4], S), (2, [4], N), (1, [0, 4], S)],
)
def test_what_is_named_and_the_two_nearest_others_are_read_whole(
    supporting: int, named: list[int], verdict: Verdict
) -> None:
    texts = ["Ships came to sell coal.", "Ships came to buy coal.", "Ships had coal.", "Ships.", "Bread."]
    whole = {texts[supporting]: Support(0.5, 0, 0.5, 0)}
    found = checked("Ships came for coal and to trade.", {texts[0]: (0.1, 0)}, whole, texts=texts, named=named)
    assert found[:2] == (verdict, (texts[supporting if verdict is S else 0],))


def test_of_passages_read_whole_the_one_that_supports_most_counts() -> None:
    texts = ["Ships came to sell coal.", "Ships came to buy coal."]
    whole = {texts[0]: Support(0.5, 0, 0.5, 0), texts[1]: Support(0.6, 0, 0.4, 0)}
    assert checked("Ships came for coal.", {texts[0]: (0.1, 0)}, whole, texts=texts)[1:3] == ((texts[1],), 0.6)


@pytest.mark.parametrize("claim", ["Did ships come? ", "...", ""])
def test_what_states_nothing_is_not_found_and_stands_by_what_is_named(claim: str) -> None:
    assert checked(claim, {SHIPS: (0.9, 0)}, texts=[TEXT, BREAD]) == (N, (SHIPS,), 0.0, "")
    assert checked(claim, {SHIPS: (0.9, 0)}, texts=[TEXT, BREAD], named=[1]) == (N, (BREAD,), 0.0, "")


def test_what_stands_there_to_the_letter_is_supported_by_the_sentences_that_it_touches() -> None:
    text = f"Before it all. {TEXT}"
    spans = tuple((start + 15, end + 15) for start, end in passage_of(TEXT).sentences)
    passage = Passage(Document("", "", "", text, ""), 15, len(text), spans, "")
    checker = Checker([passage], ReaderByHand({}), embed)
    for claim, sentences in (
        ("Ships came to the port.", (SHIPS,)),
        ("to the port. Oil was", (SHIPS, OIL)),
        ("there. Bread was baked", None),
        ("Oil was sold  there. Bread", (OIL, BREAD)),
    ):
        found = checker.check(claim)
        assert found is not None
        assert (found.verdict, found.score, texts_of(found)) == (
            (S, 1.0, sentences) if sentences else (N, 0.0, (BREAD,))
        )


def test_a_sentence_that_only_meets_what_stands_there_is_not_cited() -> None:
    text, spans = "(a b c d e.)(f g h i j.)", ((0, 12), (12, 24))
    checker = Checker([Passage(Document("", "", "", text, ""), 0, 24, spans, "")], ReaderByHand({}), embed)
    for start, end in spans:
        assert checker.check(text[start:end]) == Checked(checker.passages[0], ((start, end),), S, 1.0)


def test_what_stands_to_the_letter_in_several_passages_is_that_of_the_named_one() -> None:
    passages = [passage_of(TEXT, "a"), passage_of(TEXT, "b")]
    found = Checker(passages, ReaderByHand({}), embed).check(SHIPS, [passages[1]])
    assert found == Checked(passages[1], passages[1].sentences[:1], S, 1.0)


@pytest.mark.parametrize(
    ("quote", "expected"),
    [
        ("“Ships came to our port, ”", (P, (SHIPS,), 0.0, "Ships came to our port")),
        ('"ships came to the harbour"', (P, (SHIPS,), 0.0, "ships came to the harbour")),
        ("“Ships came to port X.”", (P, (SHIPS,), 0.0, "Ships came to port X")),
        ("“Ships came to  the port.”", (S, (SHIPS,), 0.9, "")),
        ("“came to our port”", (S, (SHIPS,), 0.9, "")),  # of four words
    ],
)
def test_a_quote_of_five_words_must_stand_there(
    quote: str, expected: tuple[Verdict, tuple[str, ...], float, str]
) -> None:
    assert checked(f"It says {quote}, of ships.", {SHIPS: (0.9, 0)}) == expected


def test_without_a_sentence_there_is_nothing_to_hold_a_claim_against() -> None:
    for passages in ([], [passage_of("")]):
        assert Checker(passages, ReaderByHand({}), embed).check(CLAIM) is None
    assert checked(CLAIM, {SHIPS: (0.9, 0)}, texts=["", TEXT])[0] is S


def test_what_a_model_wrote_is_sure_from_a_higher_score() -> None:
    passage = passage_of(TEXT)
    for verdict, score, then in ((S, SURE_FROM, S), (S, SURE_FROM - 0.01, P), (C, 0.1, C), (N, 0.1, N)):
        found = Checked(passage, passage.sentences[:1], verdict, score, "wrong")
        assert unsure(found) == Checked(passage, passage.sentences[:1], then, score, "wrong")


def test_a_sentence_cites_what_its_verdict_rests_on() -> None:
    passage, numbering = passage_of(TEXT, "a"), Citations()
    for verdict, moved, citations in ((S, True, 2), (P, False, 2), (C, False, 2), (N, False, 0)):
        found = Checked(passage, passage.sentences[:2], verdict, 0.5, "wrong")
        made = sentence_of(CLAIM, found, numbering, moved=True)
        assert (made.text, made.verdict, made.score, made.wrong, made.moved) == (CLAIM, verdict, 0.5, "wrong", moved)
        assert [(c.number, c.document, c.verdict, c.score) for c in made.citations] == [
            (number, "a", verdict, 0.5) for number in (1, 2)[:citations]
        ]
        assert not sentence_of(CLAIM, found, numbering).moved


def test_a_text_is_a_passage_of_its_own() -> None:
    document = Document("a", "a", "a", TEXT, "")
    spans = tuple((TEXT.index(sentence), TEXT.index(sentence) + len(sentence)) for sentence in (SHIPS, OIL, BREAD))
    assert passage_of(TEXT, "a") == Passage(document, 0, len(TEXT), spans, "")
    assert passage_of(TEXT).document.id == ""


def test_texts_together_support_what_any_of_them_says() -> None:
    texts = ["Sirius is the brightest star of the night sky.", "Lemons are sour, and most of them are yellow."]
    assert supported("Lemons are sour", texts, local_reader())
    assert not supported("The moon is made of cheese.", texts, local_reader())
    assert not supported("Lemons are sour.", [], local_reader())
    assert supported(
        "“Lemons are sour and yellow fruit.”", ["Lemons are sour and", "yellow fruit of small trees."], local_reader()
    )
