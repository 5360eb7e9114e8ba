"""What a parser makes of a file, and how its text is put together; nothing here knows a format or a library."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from index.errors import DocumentError
from index.formats.charsets import without_surrogates

# The module of this package that reads each kind of file.
MODULES = {
    ".pdf": "pdf",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".docx": "docx",
    ".pptx": "pptx",
    ".xlsx": "xlsx",
    ".epub": "epub",
}
MAX_CHARACTERS = 50_000_000

_LINE_END = re.compile("\r\n|[\r\f\v\x1c\x1d\x1e\x85\u2028\u2029]")
_DROPPED = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f\ufeff\ufffe\uffff]")
_SOFT_HYPHEN = re.compile("\u00ad(?:[ \t]*\n[ \t]*)?")
_LISTED = ("- ", "| ")
_HEADING = re.compile(r"^#{1,6} +(\S.*)$", re.MULTILINE)
_NO_TITLE = re.compile(
    r"(?:untitled|(?:no )?title|(?:new )?document|dokument|(?:powerpoint[ -])?pr[eä]sentation|workbook|book|sheet|"
    r"table|slide|chapter|index|cover|unknown|none|null|default|click to .*|"
    r"microsoft (?:office )?(?:word|powerpoint|excel)\b.*|"
    r".*\.(?:docx?|pptx?|xlsx?|odt|rtf|pdf|dvi|ps|tex|indd|qxd|p65|html?|txt|md|cdr|ai))[\W\d]*|[\W_]*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """`text` is clean (see `clean`); `title` is "" where the file names none; `pages` holds each page's offset."""

    text: str
    title: str = ""
    pages: tuple[int, ...] = ()


def clean(text: str) -> str:
    """Line ends as "\\n", at most one blank line in a row, no other control characters, no lone surrogates.

    Soft hyphens go, and what one of them parted at a line's end is joined. No white space at the ends of lines.
    """
    text = _LINE_END.sub("\n", text)
    text = _SOFT_HYPHEN.sub("", _DROPPED.sub("", text))
    lines = (line.rstrip() for line in without_surrogates(text).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def layout(blocks: Iterable[str]) -> str:
    """Blocks put under each other: a blank line between two, but none between list items or between table rows.

    Raises DocumentError if they grow past MAX_CHARACTERS.
    """
    pieces: list[str] = []
    last = ""
    for block in capped(blocks):
        if not block:
            continue
        if pieces:
            together = block.startswith(_LISTED) and last[:2] == block[:2]
            pieces.append("\n" if together else "\n\n")
        pieces.append(block)
        last = block
    return "".join(pieces)


def capped(parts: Iterable[str]) -> Iterator[str]:
    """The parts, until they are longer than MAX_CHARACTERS together: then DocumentError."""
    total = 0
    for part in parts:
        total += len(part)
        if total > MAX_CHARACTERS:
            raise DocumentError(f"it holds more than {MAX_CHARACTERS:,} characters. Split it, then add the parts.")
        yield part


def paged(texts: Sequence[str]) -> Parsed:
    """Pages put after each other. A sentence that runs on over a page's end is not parted by a blank line."""
    pieces: list[str] = []
    pages: list[int] = []
    length = 0
    last = ""
    for text in capped(clean(text) for text in texts):
        if text and length:
            runs_on = last[-1].isalnum() or last[-1] in ",;-–—("
            gap = "\n" if runs_on and text[0].islower() else "\n\n"
            pieces.append(gap)
            length += len(gap)
        pages.append(length)
        pieces.append(text)
        length += len(text)
        last = text or last
    return Parsed("".join(pieces), pages=tuple(pages))


def row(cells: Iterable[str]) -> str:
    """A table's row as one Markdown line, "| a | b | c |", or "" if all its cells are empty."""
    texts = [" ".join(cell.split()) for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return f"| {' | '.join(texts)} |" if texts else ""


def one_line(text: str) -> str:
    """The text without line breaks and other control characters."""
    return " ".join(clean(text).split())


def chosen_title(metadata: object, text: str = "") -> str:
    """The metadata's title if it is a real one ("Document1" is none), else the first Markdown heading, else ""."""
    for candidate in (metadata, *_HEADING.findall(text[:100_000])[:1]):
        title = one_line(candidate) if isinstance(candidate, str) else ""
        if title and not _NO_TITLE.fullmatch(title):
            return title[:200]
    return ""
