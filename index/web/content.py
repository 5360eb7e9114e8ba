"""What an address gave: its format and its charset, by what the server says and what the address ends in."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from index.errors import DocumentError
from index.web.addresses import Url

_OOXML = "application/vnd.openxmlformats-officedocument."
TYPES = {
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "application/x-pdf": ".pdf",
    _OOXML + "wordprocessingml.document": ".docx",
    _OOXML + "presentationml.presentation": ".pptx",
    _OOXML + "spreadsheetml.sheet": ".xlsx",
    "application/epub+zip": ".epub",
}
# What servers say of a file that they know nothing about; "" is saying nothing.
_GENERIC = (
    "",
    "application/octet-stream",
    "binary/octet-stream",
    "application/force-download",
    "application/x-download",
    "application/zip",
    "application/x-zip-compressed",
)
_ENDINGS = {
    ".txt": ".txt",
    ".text": ".txt",
    ".md": ".md",
    ".markdown": ".md",
    ".html": ".html",
    ".htm": ".html",
    ".xhtml": ".html",
    ".pdf": ".pdf",
    ".docx": ".docx",
    ".pptx": ".pptx",
    ".xlsx": ".xlsx",
    ".epub": ".epub",
}

# What the web means by these names (https://encoding.spec.whatwg.org/#names-and-labels), by Python's names.
_WEB_CODECS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
# Codecs of Python that are no charsets of pages; some take quadratic time.
_NO_CHARSETS = ("punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7", "mbcs", "oem")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address gave.

    `suffix` is the format, as of a file's name. `address` is where it lay after redirects, without "#...", in one
    spelling. Text and Markdown are UTF-8 if their charset was given and true; `charset` is for HTML: Python's name
    of what the server said, or None.
    """

    data: bytes = field(repr=False)
    suffix: str
    address: str
    charset: str | None = None

    @property
    def name(self) -> str:
        """The last part of the path, else the host: its title where it has none. Unfit for a file's name."""
        parts = urlsplit(self.address)
        return unquote(parts.path.rstrip("/").rpartition("/")[2]) or (parts.hostname or self.address)


def suffix_of(url: Url, said: str) -> str:
    kind = said.partition(";")[0].strip().lower()
    ending = _ENDINGS.get(PurePosixPath(unquote(urlsplit(url.target).path)).suffix.lower())
    if kind in _GENERIC and ending:
        return ending
    if kind == "text/plain" and ending == ".md":
        return ending
    if kind in TYPES:
        return TYPES[kind]
    shown = kind if re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]{1,80}", kind) else "something of no known type"
    raise DocumentError(
        f"{url} is {shown}. Pincite reads web pages, text, Markdown, PDF, Word, PowerPoint, Excel and EPUB: "
        "save it as one of them and add that."
    )


def charset_of(said: str) -> str | None:
    """Python's name of the charset in a Content-Type, if there is one and it is known."""
    named = re.search(r";\s*charset\s*=\s*[\"']?([A-Za-z0-9._:+-]+)", said, re.IGNORECASE)
    if named is None:
        return None
    try:
        name = codecs.lookup(named[1]).name
        with suppress(UnicodeError):
            b"?".decode(name)
    except LookupError:
        return None
    return None if name in _NO_CHARSETS else _WEB_CODECS.get(name, name)


def as_utf8(data: bytes, charset: str | None) -> bytes:
    """Text in UTF-8 if `charset` is true of it, else as it is: a byte-order mark knows better, and a guess may."""
    if charset is None or data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data
    try:
        return data.decode(charset).encode("utf-8")
    except UnicodeError:
        return data
