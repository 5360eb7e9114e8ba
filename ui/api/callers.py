"""Who asks by a program: their tokens, what they may see, and how often they may ask."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from index import Library, Part
from rag import SettingError

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{16,}=*")  # RFC 6750, and too long to be guessed
_MAKE_ONE = 'python -c "import secrets; print(secrets.token_urlsafe())"'


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. Where there are `tags` they see the documents that bear all of them, and know of no others."""

    name: str
    tags: tuple[str, ...] = ()

    def view(self, library: Library) -> Library | Part:
        if not self.tags:
            return library
        return Part(library, [row for row in library.documents() if {*self.tags} <= {*row.tags}])


ANYBODY = Caller("anybody")


class Callers:
    """Those who may ask, by the SHA-256 of their tokens; anybody where there are none."""

    def __init__(self, by_digest: Mapping[bytes, Caller]) -> None:
        self._by_digest = dict(by_digest)

    @classmethod
    def of(cls, environ: Mapping[str, str] = os.environ, *, shared: bool = False) -> Callers:
        """As PINCITE_TOKENS says: "name:token", more of them with commas between, each also with "@tag" or "@tag+tag".

        `shared`: others than this machine reach the address, which then must have tokens. Raises SettingError.
        """
        text = environ.get("PINCITE_TOKENS", "").strip()
        if shared and not text:
            raise SettingError(
                "Others could reach this address, and nothing says who may. Set PINCITE_TOKENS=name:token (more of "
                f"them with commas between). Make a token with: {_MAKE_ONE}"
            )
        by_digest: dict[bytes, Caller] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            name, _, rest = entry.partition(":")
            token, at, tags = rest.partition("@")
            named = tuple(tag.strip() for tag in tags.split("+")) if at else ()
            if not name or not _TOKEN.fullmatch(token) or not all(named):
                raise SettingError(
                    f"PINCITE_TOKENS is not understood at {name!r}. Set it to name:token or name:token@tag; a token "
                    f"has 16 letters, digits or -._~+/ or more. Make one with: {_MAKE_ONE}"
                )
            if _digest(token) in by_digest:
                raise SettingError(f"PINCITE_TOKENS has the token of {name!r} twice. Give everybody one of their own.")
            by_digest[_digest(token)] = Caller(name, named)
        return cls(by_digest)

    def __bool__(self) -> bool:
        return bool(self._by_digest)

    def of_header(self, authorization: str) -> Caller | None:
        """Whose token an Authorization header bears; None if it is nobody's."""
        if not self._by_digest:
            return ANYBODY
        scheme, _, token = authorization.partition(" ")
        return self._by_digest.get(_digest(token.strip())) if scheme.lower() == "bearer" else None


def _digest(token: str) -> bytes:
    # What is looked up is a digest: how long that takes tells nothing of a token.
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
