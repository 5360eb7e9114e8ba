"""Bytes into text: by the byte-order mark, by what they declare, else by what they look like."""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LONE = "surrogatepass"
_SURROGATE = re.compile("[\ud800-\udfff]")


def decode(data: bytes, declared: str = "") -> str | None:
    """The text, without a byte-order mark and with its line ends as they are; None if these bytes are no text.

    Halves of surrogate pairs that stand alone in it are let through.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding, _LONE)
            except UnicodeDecodeError:
                continue
    try:
        if declared:
            return data.decode(declared)
    except (LookupError, UnicodeDecodeError):
        pass
    if b"\0" in data:
        return _wide(data)
    try:
        return data.decode("utf-8", _LONE)
    except UnicodeDecodeError:
        return _mostly_utf8(data) or _guessed(data)


def without_surrogates(text: str) -> str:
    """Each half of a surrogate pair that stands alone becomes U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: Western text in it has a zero in every other byte."""
    sample = data[: 2**20]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if len(data) % 2 or max(even, odd) < len(sample) // 5 or min(even, odd) > max(even, odd) // 20:
        return None
    try:
        return data.decode("utf-16-le" if odd > even else "utf-16-be")
    except UnicodeDecodeError:
        return None


def _mostly_utf8(data: bytes) -> str | None:
    """UTF-8 with a few stray bytes, which become U+FFFD; None where other encodings are likelier."""
    text = data.decode("utf-8", "replace")
    stray = text.count("\ufffd")
    beyond_ascii = len(text) - sum(map(text.count, map(chr, range(128)))) - stray
    return text if beyond_ascii > stray else None


def _guessed(data: bytes) -> str | None:
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    return None if best is None else str(best)
