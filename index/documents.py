"""Files into documents: text whose character offsets stay good; nothing here cuts or stores it."""

from __future__ import annotations

import hashlib
import os
import re
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path, PurePath

from index.errors import DocumentError
from index.formats import SUFFIXES as PARSED_SUFFIXES
from index.formats import Parsed, Parser
from index.formats.charsets import decode, without_surrogates
from index.formats.parsed import one_line
from index.passages import opening_heading

TEXT_SUFFIXES = (".txt", ".text", ".md", ".markdown")
SUFFIXES = TEXT_SUFFIXES + PARSED_SUFFIXES
MAX_BYTES = 256 * 2**20

_CONTROLS = [chr(code) for code in range(32) if chr(code) not in "\t\n\r\f\v\x1b"]
_BINARY = (b"%PDF-", b"PK\x03\x04", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\xd0\xcf\x11\xe0", b"{\\rtf")
_NEWER = {
    ".doc": ".docx", ".rtf": ".docx", ".odt": ".docx", ".ppt": ".pptx", ".odp": ".pptx", ".xls": ".xlsx",
    ".ods": ".xlsx",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """A text and where it came from.

    `text` of a text or Markdown file is what `open(path, encoding=...)` reads: decoded, without a byte-order mark,
    line ends as "\\n". Of any other it is what its parser read, put in order once (see `index.formats`).
    Offsets of passages and citations count its characters (code points). `pages` holds the offset at which each page
    starts, page 1 first; it is empty where there are no pages. `added` is when it came into its library, in ISO 8601;
    "" before.
    """

    id: str
    path: str
    title: str
    text: str
    sha256: str
    pages: tuple[int, ...] = ()
    added: str = ""

    def page(self, offset: int) -> int | None:
        """The number of the page, from 1, that the character at `offset` stands on; None where there are no pages."""
        return max(1, bisect_right(self.pages, offset)) if self.pages else None

    def __repr__(self) -> str:
        return f"Document({self.title!r}, {len(self.text):,} characters, {self.path!r})"


def read_document(path: Path, parser: Parser | None = None) -> Document:
    """Read a file; for what is neither text nor Markdown with `parser`, or with one of its own.

    Raises DocumentError if it cannot be read, is damaged, encrypted or too large, or holds no text.
    """
    return document_of(read_bytes(path), os.path.realpath(path), path.suffix, parser)


def is_web_address(text: str) -> bool:
    """Whether a person means a web address, not a file: it starts with http:// or https://."""
    return re.match(r"\s*https?://", text, re.IGNORECASE) is not None


def read_bytes(path: Path) -> bytes:
    """All of the file as it was at one time: it is read again if it changed meanwhile.

    Raises DocumentError if it cannot be read, is larger than MAX_BYTES, or has a name that no text can hold.
    """
    name = printable(path)
    if not _is_unicode(os.path.realpath(path)):
        raise DocumentError(f"Cannot take {name}: its name is not valid text. Rename it, then add it again.")
    try:
        for _ in range(2):
            if not path.is_file():
                raise DocumentError(f"Not a regular file: {name}. Put a copy with its text in its place.")
            with path.open("rb") as file:
                before = os.fstat(file.fileno())
                data = file.read(MAX_BYTES + 1)
                after = os.fstat(file.fileno())
            if len(data) > MAX_BYTES:
                raise DocumentError(
                    f"Cannot read {name}: it is larger than {MAX_BYTES // 2**20} MiB. Split it, then add the parts."
                )
            if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
                return data
    except OSError as error:
        raise DocumentError(f"Cannot read {name}: {error.strerror or error}. Check its permissions.") from error
    raise DocumentError(f"Cannot read {name}: it changes while it is read. Add it when it is finished.")


def digest(path: Path) -> str:
    """The file's SHA-256, by which an unchanged one is known without being parsed. Raises DocumentError."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def document_of(data: bytes, location: str, suffix: str, parser: Parser | None = None) -> Document:
    """What `read_document` makes of a file at `location` (a path or an address) that holds `data`."""
    if not data.strip():
        raise _empty(location)
    if suffix.lower() in PARSED_SUFFIXES:
        parsed = _parsed(data, location, suffix.lower(), parser)
    else:
        text = _decoded(data, location, suffix.lower())
        if not text.strip():
            raise _empty(location)
        parsed = Parsed(text, opening_heading(text))
    stem = PurePath(location).stem
    return Document(
        id=document_id(location),
        path=location,
        title=parsed.title or one_line(stem) or stem,
        text=parsed.text,
        sha256=hashlib.sha256(data).hexdigest(),
        pages=parsed.pages,
    )


def document_id(text: str) -> str:
    """The id of the document that `text`, its path, tells from all others."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def printable(path: Path | str) -> str:
    """The path for a message of one line: what cannot be printed is escaped, as in a Python string."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in str(path)
    )


def _parsed(data: bytes, location: str, suffix: str, parser: Parser | None) -> Parsed:
    if parser is None:
        with Parser() as own:
            return _parsed(data, location, suffix, own)
    try:
        return parser.parse(data, suffix)
    except DocumentError as error:
        raise DocumentError(f"Cannot read {printable(location)}: {error}") from error


def _decoded(data: bytes, location: str, suffix: str) -> str:
    save_as = f"Save it as {_NEWER[suffix]}" if suffix in _NEWER else "Save it as text or Markdown"
    not_text = DocumentError(f"Not a text file: {printable(location)}. {save_as}, then add that.")
    if data.startswith(_BINARY):
        raise not_text
    text = decode(data)
    if text is None or sum(map(text.count, _CONTROLS)) > len(text) // 100:
        raise not_text
    return without_surrogates(text.replace("\r\n", "\n").replace("\r", "\n"))


def _empty(location: str) -> DocumentError:
    return DocumentError(f"Nothing to read in {printable(location)}: the file is empty. Add a file with text in it.")


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
