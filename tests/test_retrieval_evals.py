"""How retrieval is measured, on cases whose results follow by hand; the real library on a handful of passages."""

from __future__ import annotations

import doctest
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import evals.retrieval.chunking
import evals.retrieval.llamaindex
import evals.retrieval.measure
import evals.retrieval.peers
import evals.retrieval.places
from evals.reader.sets import document_of
from evals.retrieval import cost as costs
from evals.retrieval.__main__ import main
from evals.retrieval.chunking import main as chunking
from evals.retrieval.corpora import Query, questions_of, read_corpus, sets_of
from evals.retrieval.growth import Growing, grown
from evals.retrieval.llamaindex import found_in
from evals.retrieval.measure import MEASURES, all_found, first_rank, found, ndcg, within
from evals.retrieval.peers import peers
from evals.retrieval.places import Evidence, Place
from evals.retrieval.plot import draw
from evals.retrieval.quality import quality
from evals.retrieval.systems import SUM, Entrant, InLibrary, pincite
from index import Document
from index.embedder import Embedder, Matrix
from index.passages import cut_passages
from rag.reader.examples import is_held_aside

TOWER = "The Lantern Tower was built in 1190. Monks paid for it."
HARBOUR = "The harbour of Velm freezes every January. Ice breakers keep one lane open."
BREAD = "Rye bread needs sour dough. It is baked for an hour."
DOCUMENTS = [
    {"doc_id": "tower", "title": "Lantern Tower", "text": TOWER},
    {"doc_id": "harbour", "title": "Velm", "text": HARBOUR},
    {"doc_id": "bread", "title": "Bread", "text": BREAD},
    {"doc_id": "again", "title": "Bread, again", "text": BREAD},
]


def question(text: str, *evidence: dict[str, object]) -> dict[str, object]:
    return {"id": text, "question": text, "answers": [], "evidence": list(evidence)}


QUESTIONS = [
    question("Who paid for the tower?", {"doc_id": "tower", "start": 37, "end": 55}),
    question(
        "When was the tower built?",
        {"doc_id": "tower", "start": 31, "end": 35},
        {"doc_id": "tower", "start": 28, "end": 34},
        {"doc_id": "tower", "start": 37, "end": 42},
    ),
    question("What does rye bread need?", {"doc_id": "again"}),
    question("Who is the king of Velm?"),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "sets" / "small"
    folder.mkdir(parents=True)
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, DOCUMENTS)))
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, QUESTIONS)))
    return folder.parent


class SharedWords:
    """Whole documents, by the number of words that they share with the question."""

    name = "shared words"

    def __init__(self, folder: Path, embedder: Embedder | None) -> None:
        self._documents: list[Document] = []

    def __enter__(self) -> SharedWords:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add(self, documents: Sequence[Document]) -> None:
        self._documents += documents

    def search(self, question: str, k: int) -> list[Place]:
        def shared(document: Document) -> int:
            return len(set(question.lower().split()) & set(document.text.lower().split()))

        best = sorted(self._documents, key=shared, reverse=True)
        return [Place(document.id, 0, len(document.text)) for document in best[:k]]


def test_the_examples_in_the_docstrings_are_right() -> None:
    for module in (
        evals.retrieval.chunking,
        evals.retrieval.measure,
        evals.retrieval.places,
        evals.retrieval.llamaindex,
    ):
        assert doctest.testmod(module).failed == 0


# Sets


def test_a_set_is_read_with_its_evidence_as_distinct_places(data: Path) -> None:
    corpus = read_corpus(data / "small", 100, 100)
    assert [document.id for document in corpus.documents] == ["tower", "bread", "harbour"]
    paid, built, bread = corpus.queries
    assert paid == Query("Who paid for the tower?", (Evidence(Place("tower", 37, 55)),))
    assert built.evidence == (Evidence(Place("tower", 28, 35)), Evidence(Place("tower", 37, 42)))
    assert bread.evidence == (Evidence(Place("bread", 0, len(BREAD)), whole=True),)
    assert questions_of(data / "small") == [query.text for query in corpus.queries]


def test_documents_of_the_questions_are_all_there_and_others_up_to_the_number_of_passages(data: Path) -> None:
    def chosen(passages: int) -> set[str]:
        return {document.id for document in read_corpus(data / "small", 100, passages).documents}

    assert chosen(0) == chosen(2) == {"tower", "bread"}
    assert chosen(3) == {"tower", "bread", "harbour"}


def test_only_sets_with_a_corpus_and_questions_are_searched(data: Path) -> None:
    (data / "dialogues").mkdir()
    (data / "dialogues" / "questions.jsonl").touch()
    assert sets_of(data) == [data / "small"]


def test_of_what_was_kept_aside_only_questions_on_such_documents_are_asked(data: Path) -> None:
    aside = next(name for name in map(str, range(100)) if is_held_aside(name))
    learnt = next(name for name in map(str, range(100)) if not is_held_aside(name))
    documents = [{"doc_id": name, "title": "", "text": f"{BREAD} {name}"} for name in (aside, learnt)]
    questions = [
        question("bread?", {"doc_id": aside}),
        question("oats?", {"doc_id": learnt}),
        question("both?", {"doc_id": aside}, {"doc_id": learnt}),
    ]
    for folder in (data / "small", data / "qed"):
        folder.mkdir(exist_ok=True)
        (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, documents)))
        (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, questions)))
    assert len(read_corpus(data / "small", 100, 100, aside=True).queries) == 3  # nothing was learnt from it
    corpus = read_corpus(data / "qed", 100, 100, aside=True)
    assert [query.text for query in corpus.queries] == ["bread?"]
    assert [document.id for document in corpus.documents] == [aside, learnt]


def test_evidence_of_a_whole_document_is_held_by_any_part_of_it_and_other_evidence_by_half() -> None:
    part = Place("a", 0, 10)
    assert Evidence(Place("a", 0, 100), whole=True).held_by(part)
    assert not Evidence(Place("a", 0, 100)).held_by(part)
    assert not Evidence(Place("b", 0, 10), whole=True).held_by(part)
    assert not Evidence(Place("a", 10, 100), whole=True).held_by(part)


# Measures

A, B, C = (Evidence(Place(name, 0, 10)) for name in "abc")
HITS = [Place("x", 0, 100), Place("a", 0, 100), Place("a", 0, 50), Place("c", 0, 100)]


def test_a_question_is_found_if_any_of_its_evidence_is_and_all_of_it_is_another_measure() -> None:
    assert [found(HITS, [A, B], k=k) for k in (1, 2, 5)] == [0, 1, 1]
    assert (all_found(HITS, [A, B]), all_found(HITS, [A, C]), all_found(HITS, [A, C], k=3)) == (0, 1, 0)


def test_the_rank_counts_that_is_the_first_to_hold_evidence_among_ten() -> None:
    assert first_rank(HITS, [C, A]) == 1 / 2
    assert first_rank([Place("x", n, n + 1) for n in range(10)] + HITS, [A]) == 0
    assert first_rank([], [A]) == 0


def test_evidence_gains_once_at_its_first_hit() -> None:
    best = 1 + 1 / math.log2(3)
    assert ndcg(HITS, [A, C]) == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / best)
    assert ndcg(HITS, [B]) == 0
    assert ndcg([Place("a", 0, 10), Place("c", 0, 10)], [C, A]) == pytest.approx(1)


def test_a_hit_that_holds_everything_is_no_better_than_the_best_order() -> None:
    many = [Evidence(Place("a", 10 * n, 10 * n + 5)) for n in range(12)]
    assert ndcg([Place("a", 0, 1000)], many) == pytest.approx(1)


def test_only_what_stands_in_the_first_characters_that_are_read_counts() -> None:
    wanted = [Evidence(Place("a", 0, 60)), Evidence(Place("b", 0, 40))]
    assert within([Place("a", 0, 100), Place("b", 0, 100)], wanted, characters=200) == 1
    assert within([Place("a", 0, 100), Place("b", 0, 100)], wanted, characters=120) == 0.8
    assert within([Place("a", 0, 100), Place("a", 0, 100), Place("b", 0, 100)], wanted, characters=200) == 0.6
    assert within([Place("b", 0, 20), Place("b", 10, 30)], wanted) == 0.3
    assert within([], wanted) == 0


def test_the_tables_hold_the_means_of_each_set_and_the_best_by_set_is_bold(data: Path) -> None:
    corpus = read_corpus(data / "small", 100, 100)
    lines = list(quality([corpus], [Entrant("words", SharedWords)]))
    (row,) = [line for line in lines if line.startswith("| shared words")]
    assert row.split(" | ")[1:] == ["1.000", "1.000", "1.000", "1.000", "1.000", "1.000", "1.000 |"]
    assert "| small | **1.000** |" in lines


def test_a_system_that_finds_nothing_has_zero_in_every_measure() -> None:
    assert {measure([], [A]) for _, measure in MEASURES} == {0}


# Growth


def test_a_corpus_grows_to_the_passages_asked_for_real_ones_first_and_the_same_each_time() -> None:
    real = [document_of(str(row["doc_id"]), str(row["title"]), str(row["text"])) for row in DOCUMENTS]
    documents = list(grown(real, 100))
    assert documents[:4] == real
    assert sum(len(cut_passages(document.text)) for document in documents) == 100
    assert documents == list(grown(real, 100))
    assert [document.id for document in grown(real, 2)] == ["tower", "harbour"]


class Axes:
    """The first text is the first axis, the second one the second, and so on."""

    fingerprint = "axes"

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        return np.eye(len(texts), 384, dtype=np.float32)

    def embed_question(self, question: str) -> Matrix:
        row: Matrix = self.embed_passages([question])[0]
        return row


def test_later_texts_get_the_vector_of_a_first_one_turned_towards_another() -> None:
    """Of the first two, the centre is (0.5, 0.5); one lies (0.5, -0.5) from it, the other (-0.5, 0.5)."""
    embedder = Growing(Axes(), 2)
    rows = embedder.embed_passages(["a", "b", "c", "d", "e", "f", "g"])
    assert rows.shape == (7, 384)
    assert rows[:2, :2].tolist() == [[1, 0], [0, 1]]
    assert list(np.linalg.norm(rows, axis=1)) == pytest.approx([1] * 7)
    ratios = {round(float(row[0] / row[1]), 3) for row in rows[2:]}
    assert ratios <= {1.5, 0.667, -6.0, -0.167}  # 0.6 / 0.4 and 1.2 / -0.2, or the other way round
    assert len(ratios) > 1
    assert np.array_equal(rows[2:4], embedder.embed_passages(["c", "d"]))


# The library that is measured


def test_each_way_to_search_a_library_finds_the_passage_in_one_store(data: Path, tmp_path: Path) -> None:
    corpus = read_corpus(data / "small", 100, 100)
    names = []
    for entrant in pincite(None):
        with entrant.make(tmp_path / entrant.store, None) as system:
            system.add(corpus.documents)
            assert system.search("Who paid for the Lantern Tower?", 1) == [Place("tower", 0, len(TOWER))]
            assert len(system.search("bread", 2)) <= 2
        names.append(system.name)
    assert names == ["Pincite: dense", "Pincite: BM25", "Pincite: sum", "Pincite: sum, reader"]


def test_a_library_that_is_empty_or_a_question_without_a_word_gives_no_place(tmp_path: Path) -> None:
    for entrant in pincite(None)[:3]:
        with entrant.make(tmp_path / entrant.store, None) as system:
            assert system.search("?", 10) == []


def test_what_was_added_later_is_found_too(tmp_path: Path) -> None:
    with SUM.make(tmp_path / "library", None) as system:
        assert isinstance(system, InLibrary)
        system.add([document_of("tower", "", TOWER)])
        assert len(system.search("the harbour", 10)) == 1
        system.add([document_of("tower", "", TOWER), document_of("harbour", "", HARBOUR)])
        assert system.search("the harbour", 10)[0].document == "harbour"


def test_the_cost_is_a_row_for_each_size_and_system(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(function: Callable[..., object], *given: object) -> object:
        return function(*given)

    monkeypatch.setattr(costs, "apart", here)
    words = Entrant("words", SharedWords, own_model=True)

    def measured_costs() -> list[costs.Cost]:
        return list(costs.costs([data / "small"], [SUM, words], [3, 5], tmp_path, 4))

    measured = measured_costs()
    rows = [costs.HEAD, *(cost.row for cost in measured), *list(costs.stages_table(measured))[2:]]
    names = [(row.split(" | ")[0], row.split(" | ")[1]) for row in rows if "Pincite" in row or "words" in row]
    assert names == [("| 3", "Pincite: sum"), ("| 3", "shared words"), ("| 5", "Pincite: sum")]
    assert [row.split(" | ")[2] == "–" for row in rows[1:4]] == [False, False, True]
    assert [row.split(" | ")[0] for row in rows[-2:]] == ["| 3", "| 5"]
    points = costs.points_of(measured)
    assert {name: [size for size, _ in measured] for name, measured in points.items()} == {
        "Pincite: sum": [3, 5],
        "shared words": [3],
    }
    monkeypatch.setattr(costs, "add", None)  # what lies there is not added again, and its figures are those of then
    assert [cost.row.split(" | ")[2] for cost in measured_costs()] == [row.split(" | ")[2] for row in rows[1:4]]


def test_the_cost_is_drawn_the_same_way_each_time(tmp_path: Path) -> None:
    points = {"Pincite: sum": [(1000, 0.005), (10_000, 0.006)], "other": [(1000, 0.02)]}
    pictures = [tmp_path / name for name in ("one.svg", "two.svg")]
    for picture in pictures:
        draw(points, picture, "two cores")
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    assert b"</svg>" in pictures[0].read_bytes()


# Others


def test_a_piece_is_found_in_its_document_whatever_white_space_was_changed() -> None:
    text = "One  two.\n\nThree four."
    assert text[slice(*found_in(text, "two. Three"))] == "two.\n\nThree"
    with pytest.raises(ValueError, match="not in its document"):
        found_in(text, "five")


def test_a_retriever_that_is_not_installed_is_skipped_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evals.retrieval.peers, "find_spec", lambda name: None)
    entrants, lines = peers(tmp_path)
    assert entrants == []
    assert "Skipped: bm25s. Install it with: pip install bm25s PyStemmer" in lines
    assert any("--minilm FOLDER" in line for line in lines)
    monkeypatch.setattr(evals.retrieval.peers, "find_spec", lambda name: object())
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").touch()
    entrants, lines = peers(tmp_path)
    assert lines == []
    assert len({entrant.store for entrant in entrants}) == 4


def test_the_command_prints_the_tables_of_the_sets_named(data: Path) -> None:
    done = CliRunner().invoke(main, [str(data), "--set", "small", "--part", "quality"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "### small\n\n3 questions, 3 documents, 3 passages" in done.output
    assert "| Pincite: sum, reader | 1.000 | " in done.output


def test_a_set_that_is_not_there_is_named(data: Path) -> None:
    done = CliRunner().invoke(main, [str(data), "--set", "other"])
    assert done.exit_code == 1
    assert f"No set other in {data}. It holds: small." in done.output


def test_chunking_is_measured_by_whole_passages_and_by_the_sentences_that_matter(data: Path) -> None:
    done = CliRunner().invoke(chunking, [str(data), "--set", "small"], catch_exceptions=False)
    assert done.output.startswith("3 questions\n")
    rows = [line.strip("| ").split(" | ") for line in done.output.splitlines()[4:]]
    assert [row[0] for row in rows][1:] == [
        "the first 3 passages",
        "the first 5 passages",
        "the sentences that matter of the first six",
    ]
    assert rows[1][1] == "1.000"  # all three passages
    assert float(rows[3][2]) > float(rows[1][2])
