"""The word search gives what SQLite's own ranking gives."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from index import Document, Library
from index.bm25 import Bm25
from index.documents import read_document
from index.ledger import Ledger
from index.word_index import _varints

WORDS = (
    "stork river Victoria running runs ran north-west café naïve 7,000 it's the of and weapons tested testing".split()
)


def document(number: int, chance: np.random.Generator) -> Document:
    sentences = [" ".join(chance.choice(WORDS, chance.integers(3, 30))) + "." for _ in range(chance.integers(1, 60))]
    return Document(f"{number}", f"{number}", f"Title {number} stork", " ".join(sentences), f"{number}")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Of random words, and real text beside it."""
    chance = np.random.default_rng(0)
    with Library(tmp_path_factory.mktemp("words"), create=True) as library:
        library.add_documents([document(number, chance) for number in range(40)])
        library.add_documents([read_document(Path(__file__).parents[1] / "articles" / "russia-dprk.txt")])
        library.remove("7")
        yield library


def by_sqlite(library: Library, query: str) -> dict[int, float]:
    with closing(sqlite3.connect(library.path / "ledger.sqlite")) as db:
        rows = db.execute("SELECT rowid, -rank FROM words WHERE words MATCH ?", (query,)).fetchall()
    return dict(rows)


@pytest.mark.parametrize(
    ("question", "query"),
    [
        ("stork", "stork"),
        ("Did the storks run on Victoria?", "storks OR run OR victoria"),
        ("naive cafe in the North-West", "naive OR cafe OR north OR west"),
        ("Which weapons did Russia test in Ukraine?", "weapons OR russia OR test OR ukraine"),
        ("the of and", "the OR of OR and"),
        ("7,000 containers", "7 OR 000 OR containers"),
        ("under_scored stork", "under OR scored OR stork"),
    ],
)
def test_scores_are_those_of_fts5(made: Library, question: str, query: str) -> None:
    expected = by_sqlite(made, query)
    with closing(Ledger(made.path / "ledger.sqlite", read_only=True)) as ledger, closing(Bm25(ledger)) as words:
        found = words.search(question, 1000)
        assert dict(found) == pytest.approx(expected, rel=1e-5)
        scores = [score for _, score in found]
        assert scores == sorted(scores, reverse=True)
        assert words.search(question, 3) == found[:3]
        assert words.search(question, 1000) == found


def test_a_word_that_stands_nowhere_finds_nothing(made: Library) -> None:
    with closing(Ledger(made.path / "ledger.sqlite", read_only=True)) as ledger, closing(Bm25(ledger)) as words:
        assert words.search("xylophone", 10) == words.search("", 10) == words.search("?!", 10) == []


def test_what_is_added_and_removed_is_followed(tmp_path: Path) -> None:
    def passages(library: Library) -> list[str]:
        return [hit.passage.document.id for hit in library.search("stork", 50) if hit.lexical]

    one, two = (Document(name, name, name, f"A stork stands here, it is {name}.", name) for name in ("one", "two"))
    with Library(tmp_path / "library", create=True) as library:
        assert passages(library) == []
        library.add_documents([one])
        assert passages(library) == ["one"]
        library.add_documents([two])
        assert sorted(passages(library)) == ["one", "two"]
        library.remove("one")
        assert passages(library) == ["two"]


def test_threads_that_search_at_once_find_what_each_finds_alone(made: Library) -> None:
    questions = ["stork river", "weapons tested", "Victoria runs", "Russia and the DPRK"] * 10
    with closing(Ledger(made.path / "ledger.sqlite", read_only=True)) as ledger, closing(Bm25(ledger)) as words:
        alone = {question: words.search(question, 20) for question in questions}
        together: list[tuple[str, list[tuple[int, float]]]] = []
        threads = [
            threading.Thread(target=lambda q=question: together.append((q, words.search(q, 20))))
            for question in questions
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(together) == len(questions)
    assert all(found == alone[question] for question, found in together)


def test_variable_length_numbers_are_read_as_sqlite_writes_them() -> None:
    assert _varints(b"").tolist() == []
    assert _varints(b"\x00\x7f\x81\x00\x82\x2b\xff\x7f\x81\x80\x00").tolist() == [0, 127, 128, 299, 16383, 16384]
