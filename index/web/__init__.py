"""One page or file from the web, on a person's request. An address that leads into a private network is refused."""

from __future__ import annotations

from collections.abc import Callable

from index.documents import Document, document_of
from index.formats import Parser
from index.web.addresses import Address, is_public
from index.web.client import fetch, resolve_name
from index.web.content import Fetched

__all__ = ["Address", "Fetched", "fetch", "is_public", "read_address", "resolve_name"]


def read_address(address: str, parser: Parser, allowed: Callable[[Address], bool] = is_public) -> Document:
    """The page or file at `address` as a document, whose path is the address that it was found at.

    Raises DocumentError if it cannot be fetched or read.
    """
    found = fetch(address, allowed=allowed)
    data = found.data
    if found.charset:  # what the server says of a page goes before what the page says of itself
        data = data.decode(found.charset, "replace").encode("utf-8-sig")
    return document_of(data, found.address, found.suffix, parser)
