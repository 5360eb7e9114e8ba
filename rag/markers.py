"""A text that a model wrote, read as it grows: its sentences, and the markers of passages in them.

What the markers point at, and whether it supports the text, is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from index.passages import split_sentences

_MARKER = r"\[\d{1,3}(?:\s*,\s*\d{1,3})*\]"
_MARKERS = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_MARKERS_AFTER_END = re.compile(rf"([.!?…][\"”’)]*)\s*((?:{_MARKER}\s*)+)")
_SHOWN_MARKERS = re.compile(rf"\s*{_MARKER}|</?passages?\b[^<>]*>\s*")
_MAYBE_MARKER = re.compile(r"\s*(?:\[[\d,\s]{0,12}|</?p?[^<>]{0,300})?$")
_TAG = re.compile(r"</?passages?\b[^<>]*>")
_MARKUP = re.compile(r"^(?:[-*•–]|\d{1,2}[.)]|#{1,6})\s+|\*\*|__|`")


@dataclass(frozen=True, slots=True)
class Written:
    """A sentence that a model wrote, and the numbers of the passages that it names."""

    text: str
    markers: tuple[int, ...]


class Draft:
    """A model's text as it grows: what may be shown of it, and its sentences as they are complete."""

    def __init__(self) -> None:
        self.text = ""
        self._rest = ""
        self._shown = ""

    def add(self, piece: str) -> Iterator[str | Written]:
        """Text to show, without markers and what may become one; and sentences. What is shown after one begins anew."""
        self.text += piece
        self._rest += piece
        finished, rest = complete_sentences(self._rest, final=False)
        if finished:
            self._rest, self._shown = rest, ""
        yield from finished
        visible = _shown(self._rest)
        if len(visible) > len(self._shown):
            yield visible[len(self._shown) :]
            self._shown = visible

    def end(self) -> list[Written]:
        """What is left when the model has ended."""
        return complete_sentences(self._rest, final=True)[0]


def _shown(text: str) -> str:
    """`text` without markers, and without an end that may become one."""
    return _MAYBE_MARKER.sub("", _SHOWN_MARKERS.sub("", text))


def complete_sentences(text: str, *, final: bool) -> tuple[list[Written], str]:
    """Sentences that `text` has finished, and the unfinished rest.

    "It was so. [1] It" -> ([Written("It was so.", (1,))], "It"). With `final` the rest is a sentence too.
    """
    text = _TAG.sub(" ", text)
    text = _MARKERS_AFTER_END.sub(lambda match: f" {match[2].strip()}{match[1]} ", text)
    spans = split_sentences(text)
    unfinished = 0 if final else 1
    if not final and spans and text[spans[-1][0]] == "[":
        unfinished = 2  # half a marker belongs to the sentence before it
    finished = len(spans) - unfinished
    sentences = []
    for start, end in spans[: max(0, finished)]:
        raw = text[start:end]
        markers = [int(number) for match in _MARKERS.findall(raw) for number in match.split(",")]
        bare = re.sub(r"\s+([.,;:!?…])", r"\1", " ".join(_MARKUP.sub("", _MARKERS.sub(" ", raw)).split()))
        if re.search(r"\w", bare):
            sentences.append(Written(bare, tuple(dict.fromkeys(markers))))
    rest = text[spans[max(0, finished)][0] :] if unfinished and spans else ""
    return sentences, rest
