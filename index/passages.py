"""Text cut into sentences and passages with exact offsets; nothing here reads files or knows of models.

Why our own splitter: a citation is a sentence, so its borders are what this project exists for. The libraries
that give exact offsets either need Python 3.11 (nupunkt), have had no release for years (pysbd, syntok,
blingfire) or download their data (nltk).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PASSAGE_CHARACTERS = 1000

Span = tuple[int, int]

_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof rev hon st jr gen col maj capt lt cmdr adm sgt gov sen rep pres vs eg ie cf al approx ca dept "
    "est bros mt".split()
)
# These are abbreviations only before a number: "Fig. 3", "Mar. 5", but "She studied art. It was ..."
_BEFORE_NUMBERS = frozenset(
    "no nos fig figs eq sec ch vol art p pp jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
# After these, and after "U.S." and the like, only the words below are taken to open a sentence.
_MAYBE_LAST = frozenset("inc ltd co corp sr".split())
_OPENERS = frozenset(
    "the a an in on at it he she they we i you this that these those his her its their but and so then there however "
    "as for when if after before since while although".split()
)

_END = re.compile(r"(?:(?<![.!?…])[.!?…]+[\"'”’»)\]]*(?=\s|$))|(?:[。！？]+[”’」』）]*)")
_BLANK = re.compile(r"\n[^\S\n]*\n\s*")
_ITEM = re.compile(r"\s*(?:[-*+•·–—>|#]|\d{1,3}[.)]|\(?[a-z][.)])\s")
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘]+$")
_LONGEST_WORD = 100  # a longer one is no abbreviation
_MARKDOWN_HEADING = re.compile(r"#{1,6}\s+(.*)$")
_LABELLED = re.compile(r"[^:]{1,30}:\s+\S")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a list item or a heading: `text[start:end]`, and the sentences in it."""

    start: int
    end: int
    sentences: tuple[Span, ...]
    heading: str | None


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a passage lies in its document: `text[start:end]`, its sentences, and the heading that it stands under."""

    start: int
    end: int
    sentences: tuple[Span, ...]
    heading: str


def split_sentences(text: str) -> list[Span]:
    """The sentences of `text` in order, as (start, end) character offsets without the white space around them."""
    return [span for block in split_blocks(text) for span in block.sentences]


def split_blocks(text: str) -> list[Block]:
    """The blocks of `text` in order. What lies between two blocks is white space only."""
    blocks = []
    start = 0
    for separator in [*_BLANK.finditer(text), None]:
        stop = separator.start() if separator else len(text)
        for line_start, line_end in _logical_lines(text, start, stop):
            heading = _heading(text[line_start:line_end])
            sentences = [(line_start, line_end)] if heading is not None else _sentences(text, line_start, line_end)
            blocks.append(Block(line_start, line_end, tuple(sentences), heading))
        start = separator.end() if separator else stop
    return blocks


def opening_heading(text: str) -> str:
    """The heading that the text opens with; "" if it opens with none."""
    first = next(iter(split_blocks(text[:2000])), None)
    return (first.heading if first else None) or ""


def cut_passages(text: str) -> list[Cut]:
    """Passages of whole sentences, up to PASSAGE_CHARACTERS each.

    They follow each other without overlap, hold every sentence once, and end before a heading: a heading belongs
    to what stands under it.
    """
    passages: list[Cut] = []
    current: list[Span] = []
    heading = current_heading = ""

    def close() -> None:
        if current:
            passages.append(Cut(current[0][0], current[-1][1], tuple(current), current_heading))
            current.clear()

    last_was_heading = False
    for block in split_blocks(text):
        is_heading = block.heading is not None
        if is_heading and not last_was_heading:
            close()
        if is_heading:
            heading = block.heading or ""
        last_was_heading = is_heading
        if current and not is_heading and block.end - current[0][0] > PASSAGE_CHARACTERS:
            if current[-1][1] - current[0][0] > PASSAGE_CHARACTERS // 3:
                close()  # better a short passage than a paragraph torn in two
        for span in block.sentences:
            if current and span[1] - current[0][0] > PASSAGE_CHARACTERS:
                close()
            if not current:
                current_heading = heading
            current.append(span)
        if current and is_heading:
            current_heading = heading
    close()
    return passages


def _logical_lines(text: str, start: int, stop: int) -> list[Span]:
    """Lines of one paragraph, with hard-wrapped ones joined."""
    lines: list[Span] = []
    last_line = (start, start)
    for match in re.compile(r"[^\n]+").finditer(text, start, stop):
        line_start, line_end = _trim(text, match.start(), match.end())
        if line_start == line_end:
            continue
        if lines and _continues(text, lines[-1][0], last_line, (line_start, line_end), match):
            lines[-1] = (lines[-1][0], line_end)
            last_line = (match.start(), line_end)
        else:
            lines.append((line_start, line_end))
            last_line = lines[-1]
    return lines


def _continues(text: str, start: int, last_line: Span, line: Span, match: re.Match[str]) -> bool:
    """Whether `line` goes on with the logical line that began at `start` and holds `last_line` last."""
    if _MARKDOWN_HEADING.match(text, start, last_line[1]) or _ITEM.match(match.group()):
        return False
    if text[line[0]].islower():
        return True
    return 50 <= last_line[1] - last_line[0] <= 120 and not _LABELLED.match(text, *last_line)


def _heading(line: str) -> str | None:
    """The heading that `line` is, or None. In plain text: a short line that no full stop ends and no label opens."""
    markdown = _MARKDOWN_HEADING.match(line)
    if markdown:
        return markdown.group(1).rstrip().rstrip("#").rstrip()
    if len(line) > 80 or "\n" in line or _ITEM.match(line) or _LABELLED.match(line):
        return None
    if line[-1] in ".!?…。！？,;\"'”’)" or not line[0].isalnum() or line[0].islower() or _END.search(line):
        return None
    return line.rstrip(":")


def _sentences(text: str, start: int, stop: int) -> list[Span]:
    spans = []
    here = start
    for match in _END.finditer(text, start, stop):
        if match.end() == stop or _is_end(text, here, match, stop):
            spans += _pieces(text, here, match.end())
            here = match.end()
    return spans + _pieces(text, here, stop)


def _pieces(text: str, start: int, stop: int) -> list[Span]:
    """The span without white space around it; one too long for a passage is cut where a clause or a word ends."""
    pieces = []
    start, stop = _trim(text, start, stop)
    while stop - start > PASSAGE_CHARACTERS:
        limit = start + PASSAGE_CHARACTERS
        ends = [end + len(mark) for mark in ("; ", ": ", ", ", " ") if (end := text.rfind(mark, start, limit)) > start]
        clause = [end for end in ends if end > start + PASSAGE_CHARACTERS // 2]
        cut = clause[0] if clause else limit
        pieces.append(_trim(text, start, cut))
        start, stop = _trim(text, cut, stop)
    if start < stop:
        pieces.append((start, stop))
    return pieces


def _is_end(text: str, start: int, match: re.Match[str], stop: int) -> bool:
    if text[match.start()] in "。！？":
        return True
    following = text[match.end() : min(stop, match.end() + 40)].lstrip().lstrip("\"'“‘«([")
    if not following or following[0].islower() or following[0] in ",;:)":
        return False
    if match.group()[0] != ".":
        return True
    word = _LAST_WORD.search(text, max(start, match.start() - _LONGEST_WORD), match.start())
    if word is None:
        return True
    bare = word.group().lower()
    if len(match.group()) > 1 and match.group().startswith(".."):
        return True
    if word.start() == start and re.fullmatch(r"\d{1,3}|[a-z]|[ivx]+", bare):
        return False  # the number of a list item
    if bare in _BEFORE_NUMBERS:
        return not following[0].isdigit()
    if bare in _ABBREVIATIONS:
        return False
    initials = len(bare) == 1 and word.group().isupper() and bare != "i"  # "J. Smith"
    dotted = re.fullmatch(r"(?:[^\W\d]{1,2}\.)+[^\W\d]{1,2}", bare) and bare not in {"a.m", "p.m"}  # "U.S."
    if initials or dotted or bare in _MAYBE_LAST:
        return following.split(None, 1)[0].lower().strip(",") in _OPENERS
    return True


def _trim(text: str, start: int, stop: int) -> Span:
    while start < stop and text[start].isspace():
        start += 1
    while stop > start and text[stop - 1].isspace():
        stop -= 1
    return start, stop
