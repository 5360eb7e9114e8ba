"""EPUB: its chapters in the order of its spine, read as the HTML that they are."""

from __future__ import annotations

import html
import posixpath
import re
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from lxml import etree

from index.errors import DocumentError
from index.formats.archive import opened
from index.formats.html import blocks, decoded, parsed_tree
from index.formats.parsed import Parsed, chosen_title, clean, layout

_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)(\w{1,32});")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_CHAPTERS = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


def parse(data: bytes) -> Parsed:
    """Raises DocumentError if it is encrypted or damaged, or if it lacks a chapter that it names."""
    archive = opened(data, "EPUB")
    container = _xml(_member(archive, "META-INF/container.xml"))
    root = container.find(".//{*}rootfile")
    place = root.get("full-path", "") if root is not None else ""
    package = _xml(_member(archive, place))
    chapters = list(_chapters(package, posixpath.dirname(place)))
    locked = _encrypted(archive)
    if any(chapter in locked for chapter in chapters):
        raise DocumentError("it is encrypted (DRM). Get it without copy protection, then add that.")
    text = layout(block for chapter in chapters for block in blocks(_body(_member(archive, chapter))))
    title = package.findtext(".//{http://purl.org/dc/elements/1.1/}title")
    text = clean(text)
    return Parsed(text, chosen_title(title, text))


def _chapters(package: Any, folder: str) -> Iterator[str]:
    items = {item.get("id"): item for item in package.iterfind(".//{*}manifest/{*}item")}
    for reference in package.iterfind(".//{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is None or item.get("media-type") not in _CHAPTERS or "nav" in (item.get("properties") or "").split():
            continue
        yield posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except KeyError:
        raise DocumentError(f"it lacks its part {name!r}. Get it anew, then add that.") from None


def _encrypted(archive: zipfile.ZipFile) -> frozenset[str]:
    """The parts that cannot be read without a key. Fonts may be so in a book that is not locked."""
    try:
        listed = _xml(archive.read("META-INF/encryption.xml"))
    except KeyError:
        return frozenset()
    return frozenset(unquote(reference.get("URI", "")) for reference in listed.iterfind(".//{*}CipherReference"))


def _xml(data: bytes) -> Any:
    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))


def _body(data: bytes) -> Any:
    """A chapter's body. An HTML parser takes <title/> for a start, so it only reads what is no XML."""
    text = decoded(data)
    plain = _ENTITY.sub(lambda match: html.unescape(match.group()), _DECLARATION.sub("", text))
    try:
        tree = _xml(plain.encode("utf-8", "replace"))
    except etree.XMLSyntaxError:
        tree = parsed_tree(text)
    body = tree.find(".//{*}body")
    return tree if body is None else body
