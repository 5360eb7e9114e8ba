"""Files into documents: text whose character offsets stay good; nothing here cuts or stores it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from index.errors import DocumentError
from index.formats import SUFFIXES as PARSED_SUFFIXES
from index.formats import Parsed, Parser
from index.formats.charsets import decode
from index.formats.parsed import one_line
from index.passages import split_blocks

TEXT_SUFFIXES = (".txt", ".text", ".md", ".markdown")
SUFFIXES = TEXT_SUFFIXES + PARSED_SUFFIXES
MAX_BYTES = 256 * 2**20

_CONTROLS = [chr(code) for code in range(32) if chr(code) not in "\t\n\r\f\v\x1b"]
_BINARY = (b"%PDF-", b"PK\x03\x04", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\xd0\xcf\x11\xe0", b"{\\rtf")
_NEWER = {
    ".doc": ".docx", ".rtf": ".docx", ".odt": ".docx", ".ppt": ".pptx", ".odp": ".pptx", ".xls": ".xlsx",
    ".ods": ".xlsx",
}  # fmt: skip
_SURROGATE = re.compile("[\ud800-\udfff]")


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


@dataclass(frozen=True, slots=True)
class Found:
    """The files to read, sorted, and (path, reason) of what was found but cannot be taken."""

    files: list[Path] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


def find_files(path: Path) -> Found:
    """`path` itself if it is a file, else the readable files under it, without hidden ones.

    Links inside a folder are followed to files of that folder only. Raises DocumentError if there is nothing.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, FileNotFoundError):
            raise DocumentError(
                f"No such file or folder: {printable(path)}. Check the spelling, or give its full path."
            ) from None
        raise DocumentError(f"Cannot read {printable(path)}: {reason}. Check it and its permissions.") from error
    if stat.S_ISDIR(status.st_mode):
        found = _Walk(path).found()
        if not found.files and not found.failed:
            raise DocumentError(
                f"No documents in {printable(path)}: Pincite reads {', '.join(SUFFIXES)}. Add a folder that holds some."
            )
        return found
    if not stat.S_ISREG(status.st_mode):
        raise DocumentError(
            f"Not a regular file: {printable(path)}. Add a file that Pincite reads ({', '.join(SUFFIXES)}), "
            "or a folder of them."
        )
    return Found([path])


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
        parsed = Parsed(text, _title(text) or "")
    stem = PurePath(location).stem
    return Document(
        id=hashlib.sha256(location.encode()).hexdigest()[:12],
        path=location,
        title=parsed.title or one_line(stem) or stem,
        text=parsed.text,
        sha256=hashlib.sha256(data).hexdigest(),
        pages=parsed.pages,
    )


def printable(path: Path | str) -> str:
    """The path for a message of one line: what cannot be printed is escaped, as in a Python string."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in str(path)
    )


class _Walk:
    """The readable files of one folder and its subfolders."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._files: list[str] = []
        self._links: list[str] = []
        self._failed: list[tuple[str, str]] = []

    def found(self) -> Found:
        folders = [str(self._root)]
        while folders:
            folders += self._subfolders(folders.pop())
        prefix = str(self._root)
        known = {self._real_root + file[len(prefix) :] for file in self._files} if self._links else set()
        for link in self._links:
            target = os.path.realpath(link)
            if target not in known:
                known.add(target)
                self._files.append(link)
        return Found(sorted(map(Path, self._files)), sorted(self._failed))

    def _subfolders(self, folder: str) -> Iterator[str]:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if not entry.name.startswith("."):
                        yield from self._take(entry)
        except OSError as error:
            self._fail(folder, f"Cannot list {{}}: {error.strerror or error}. Check its permissions.")

    def _take(self, entry: os.DirEntry[str]) -> Iterator[str]:
        """Put the entry where it belongs; yield it if it is a folder to look into."""
        readable = os.path.splitext(entry.name)[1].lower() in SUFFIXES
        try:
            if entry.is_symlink():
                self._take_link(entry.path, readable)
            elif entry.is_dir(follow_symlinks=False):
                yield entry.path
            elif entry.is_file(follow_symlinks=False):
                if readable:
                    self._files.append(entry.path)
            elif readable:
                self._fail(entry.path, "Not a regular file: {}. Put a copy with its text in its place.")
        except OSError as error:
            self._fail(entry.path, f"Cannot read {{}}: {error.strerror or error}. Check it and its permissions.")

    def _take_link(self, link: str, readable: bool) -> None:
        target = os.path.realpath(link)
        inside = target == self._real_root or target.startswith(os.path.join(self._real_root, ""))
        if os.path.isdir(link):
            if not inside:
                self._fail(link, "Not followed: {}, a link out of the folder. Add the folder that it leads to.")
        elif not readable:
            return
        elif not stat.S_ISREG(os.stat(link).st_mode):
            self._fail(link, "Not a regular file: {}. Put a copy with its text in its place.")
        elif not inside:
            self._fail(link, "Not followed: {}, a link out of the folder. Add the file that it leads to.")
        else:
            self._links.append(link)

    def _fail(self, path: str, reason: str) -> None:
        self._failed.append((path, reason.replace("{}", printable(path))))


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
    return _SURROGATE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def _empty(location: str) -> DocumentError:
    return DocumentError(f"Nothing to read in {printable(location)}: the file is empty. Add a file with text in it.")


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _title(text: str) -> str | None:
    """The heading that the text opens with, if it does."""
    first = next(iter(split_blocks(text[:2000])), None)
    return first.heading if first else None
