"""Files into documents: text whose character offsets stay good; nothing here cuts or stores it."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from index.errors import DocumentError
from index.passages import split_blocks

SUFFIXES = (".txt", ".text", ".md", ".markdown")


@dataclass(frozen=True, slots=True)
class Document:
    """A text and where it came from.

    `text` is what `open(path, encoding=...)` reads: decoded, without a byte-order mark, line ends as "\\n".
    Offsets of passages and citations count its characters (code points).
    """

    id: str
    path: str
    title: str
    text: str
    sha256: str

    def __repr__(self) -> str:
        return f"Document({self.title!r}, {len(self.text):,} characters, {self.path!r})"


def find_files(path: Path) -> list[Path]:
    """`path` itself if it is a file, else the readable files under it, sorted. DocumentError if there are none."""
    if path.is_dir():
        files = sorted(_walk(path))
        if not files:
            raise DocumentError(
                f"No documents in {path}: Pincite reads {', '.join(SUFFIXES)}. Add a folder that holds some."
            )
        return files
    if not path.exists():
        raise DocumentError(f"No such file or folder: {path}. Check the spelling, or give its full path.")
    if not path.is_file():
        raise DocumentError(f"Not a regular file: {path}. Add a text or Markdown file, or a folder of them.")
    return [path]


def read_document(path: Path) -> Document:
    """Read a text or Markdown file. Raises DocumentError if it cannot be read, is not text, or is empty."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DocumentError(f"Cannot read {path}: {error.strerror or error}. Check its permissions.") from error
    text = _decode(data, path)
    if not text.strip():
        raise DocumentError(f"Nothing to read in {path}: the file is empty. Add a file with text in it.")
    location = str(path.resolve())
    return Document(
        id=hashlib.sha256(location.encode("utf-8", "surrogatepass")).hexdigest()[:12],
        path=location,
        title=_title(text) or path.stem,
        text=text,
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(root, name)
            if path.suffix.lower() in SUFFIXES and not name.startswith(".") and path.is_file():
                yield path


def _decode(data: bytes, path: Path) -> str:
    not_text = DocumentError(f"Not a text file: {path}. Save it as text or Markdown, then add that.")
    encoding = "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in data or data.startswith(b"%PDF-"):
        raise not_text
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        best = from_bytes(data).best()
        if best is None:
            raise not_text from None
        text = str(best)
    if sum(character < " " and character not in "\t\n\r\f\v\x1b" for character in text) > len(text) // 100:
        raise not_text
    return io.StringIO(text, newline=None).read()


def _title(text: str) -> str | None:
    """The heading that the text opens with, if it does."""
    first = next(iter(split_blocks(text[:2000])), None)
    return first.heading if first else None
