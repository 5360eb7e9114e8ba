"""The sentences of documents by the stems in them, and whether some of them might answer a question, by words alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from index import Document
from index.lexical import content_words
from index.passages import cut_passages
from rag.reader.swaps import stem

# How many neighbouring sentences are read together, and the share of the question's other words in them from which
# they might be an answer; where the library knows a smaller share of them than `_KNOWN`, words cannot tell.
_WINDOW = 3
_MIGHT_ANSWER = 0.5
_KNOWN = 0.4

YEAR = re.compile(r"(?<![\w.,-])(1[0-9]{3}|20[0-9]{2})(?=s?\b)(?![,.]\d)")


class Sentences:
    """Every sentence of a library, as the stems in it, in its heading and in its title; found by stem."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self.texts: list[str] = []
        self.years: set[int] = set()
        places: dict[str, list[int]] = {}
        place = 0
        for document in documents:
            title = stems(document.title)
            for cut in cut_passages(document.text):
                context = [*title, *stems(cut.heading)]
                for start, end in cut.sentences:
                    text = " ".join(document.text[start:end].split())
                    self.texts.append(text)
                    self.years.update(int(year) for year in YEAR.findall(text))
                    for word in {*context, *stems(text)}:
                        places.setdefault(word, []).append(place)
                    place += 1
            place += _WINDOW  # no window reaches from one document into the next
        self._size = place
        self._places = {word: np.array(numbers, np.int32) for word, numbers in places.items()}
        self._in_window = lru_cache(maxsize=256)(self._windows_with)

    def might_answer(self, others: Sequence[str], new: Sequence[Sequence[str]]) -> bool:
        """Whether some window holds one of `new`, all its stems in one sentence, and most of the question's others.

        Also if too few of the others are known to the library to tell.
        """
        held = np.zeros(self._size, np.bool_)
        for words in new:
            if words and all(word in self._places for word in words):
                held |= self._spread(self._together(words))
        if not held.any():
            return False
        known = [word for word in others if word in self._places]
        if len(known) < 2 or _KNOWN * len(others) > len(known):
            return True
        counts = sum((self._in_window(word).astype(np.int16) for word in known), np.zeros(self._size, np.int16))
        return bool(counts[held].max() >= _MIGHT_ANSWER * len(known))

    def hold_both(self, first: str, second: str) -> bool:
        """Whether some sentence holds both names: they may be part of each other, or one thing."""
        words = [*stems(first), *stems(second)]
        return all(word in self._places for word in words) and bool(self._together(words).size)

    def _together(self, words: Sequence[str]) -> npt.NDArray[np.int32]:
        together = self._places[words[0]]
        for word in words[1:]:
            together = np.intersect1d(together, self._places[word], assume_unique=True)
        return together

    def _windows_with(self, word: str) -> npt.NDArray[np.bool_]:
        return self._spread(self._places[word])

    def _spread(self, places: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
        """For each window, by its last sentence, whether it holds one of `places`."""
        windows = np.zeros(self._size, np.bool_)
        for step in range(_WINDOW):
            windows[places + step] = True
        return windows


@lru_cache(maxsize=50_000)
def stems(text: str) -> list[str]:
    """The stems of the content words of `text`, each once; a number is one word."""
    words = content_words(re.sub(r"(?<=\d),(?=\d{3})", "", text))
    return list(dict.fromkeys(stem(word) for word in words if len(word) > 1 or word.isdigit()))
