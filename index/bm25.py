"""The passages that share a question's words, by BM25 (Robertson and Zaragoza 2009) over the ledger's word index.

Which words stand where is SQLite's FTS5's business: it changes in the ledger's own transaction and needs no files and
no rebuild. Its own ranking needs 2 µs for each passage with a word of the question, a tenth of a second in a library of
200,000. So a word's passages are read once, with what it counts for in each, and kept while the library does not
change; a question then adds up arrays. The scores are those of FTS5's bm25() (k1 1.2, b 0.75, Porter stems).
"""

from __future__ import annotations

import math
import sqlite3
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from index.ledger import Ledger
from index.lexical import search_words
from index.schema import TOKENIZER

_K1, _B = 1.2, 0.75
_RARE_AT_LEAST = 1e-6  # the weight of a word that stands in more than half of the passages
_MOST_WORDS = 64
_MOST_KEPT = 20_000_000  # of (passage, weight), eight bytes each


@dataclass(frozen=True, slots=True)
class _Postings:
    """Of one word: where in the ledger's order the passages are that hold it, and what it adds to their scores."""

    places: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]


class Bm25:
    """Safe to share between threads. Raises LibraryError where the ledger is damaged."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._generation = -1
        self._ids = np.empty(0, np.int64)
        self._norms: npt.NDArray[Any] = np.empty(0)
        self._scores = np.empty(0, np.float32)  # all zero but during a search
        self._postings: OrderedDict[str, _Postings] = OrderedDict()
        self._kept = 0
        self._stemmer = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._stemmer.execute(f"CREATE VIRTUAL TABLE said USING fts5(word, tokenize='{TOKENIZER}')")
        self._stemmer.execute("CREATE VIRTUAL TABLE stems USING fts5vocab(said, instance)")

    def close(self) -> None:
        self._stemmer.close()

    def search(self, question: str, k: int, among: frozenset[int] | None = None) -> list[tuple[int, float]]:
        """The `k` best (passage id, score) of those that hold a word of the question, best first; all scores > 0.

        `among` these ids. How rare a word is, is a matter of the whole library.
        """
        with self._lock:
            self._follow()
            found = [self._of(stem) for stem in self._stems(search_words(question)[:_MOST_WORDS])]
            found = [postings for postings in found if len(postings.places)]
            if not found:
                return []
            for postings in found:
                self._scores[postings.places] += postings.weights
            places = np.concatenate([postings.places for postings in found])
            scores = self._scores[places]
            self._scores[places] = 0
            if among is not None:
                there = np.isin(self._ids[places], np.fromiter(among, np.int64, len(among)))
                places, scores = places[there], scores[there]
        # A passage stands here once for each of its words, so the best `k` are among so many of the highest.
        most = min(len(scores), k * len(found))
        if most < len(scores):
            high = np.argpartition(-scores, most - 1)[:most]
            places, scores = places[high], scores[high]
        places, first = np.unique(places, return_index=True)
        scores = scores[first]
        best = np.argsort(-scores, kind="stable")[:k]
        return [(int(self._ids[places[n]]), float(scores[n])) for n in best]

    def _follow(self) -> None:
        """Forget what was true of an earlier state of the library."""
        generation = self._ledger.generation
        if generation == self._generation:
            return
        self._ids, lengths = self._ledger.words.lengths()
        self._norms = _K1 * (1 - _B + _B * lengths / max(1.0, float(lengths.mean()) if len(lengths) else 1.0))
        self._scores = np.zeros(len(self._ids), np.float32)
        self._postings.clear()
        self._kept = 0
        self._generation = generation

    def _stems(self, words: list[str]) -> list[str]:
        """As the word index has them, each once."""
        self._stemmer.execute("INSERT INTO said(rowid, word) VALUES (1, ?)", (" ".join(words),))
        try:
            rows = self._stemmer.execute("SELECT term FROM stems ORDER BY offset").fetchall()
        finally:
            self._stemmer.execute("DELETE FROM said")
        return list(dict.fromkeys(row[0] for row in rows))

    def _of(self, stem: str) -> _Postings:
        known = self._postings.get(stem)
        if known is None:
            known = self._postings[stem] = self._read(stem)
            self._kept += len(known.places)
            while self._kept > _MOST_KEPT and len(self._postings) > 1:
                self._kept -= len(self._postings.popitem(last=False)[1].places)
        self._postings.move_to_end(stem)
        return known

    def _read(self, stem: str) -> _Postings:
        ids, counts = np.unique(self._ledger.words.standing(stem), return_counts=True)
        places = np.searchsorted(self._ids, ids)
        there = places < len(self._ids)
        there[there] = self._ids[places[there]] == ids[there]  # a change since is followed by the next search
        places, counts = places[there], counts[there]
        others = len(self._ids) - len(places)
        rarity = max(math.log((others + 0.5) / (len(places) + 0.5)), _RARE_AT_LEAST)
        weights = rarity * counts * (_K1 + 1) / (counts + self._norms[places])
        return _Postings(places.astype(np.int32), weights.astype(np.float32))
