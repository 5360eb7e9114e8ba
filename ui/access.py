"""Who may use the window, by the settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from rag import SettingError


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use the window, and for what.

    `signed_in`: names and passwords; without any, everybody who reaches it may ask. `may_change`: whether documents
    are added and removed in the window. `keeps`: whether conversations are kept.
    """

    signed_in: tuple[tuple[str, str], ...] = ()
    may_change: bool = True
    keeps: bool = True

    @classmethod
    def of(cls, environ: Mapping[str, str] = os.environ, *, shared: bool = False) -> Access:
        """As PINCITE_AUTH and PINCITE_HISTORY say; `shared`: others than this machine reach it. Raises SettingError.

        PINCITE_AUTH is "name:password", more of them with commas between; or "open": everybody may ask, and nobody
        change the library. A shared window must have one. Conversations are kept by default where it has none.
        """
        text = environ.get("PINCITE_AUTH", "").strip()
        if shared and not text:
            raise SettingError(
                "Others could reach this address, and nothing says who may. Set PINCITE_AUTH=name:password (more of "
                "them with commas between), or PINCITE_AUTH=open to let everybody ask and nobody change the library."
            )
        if text == "open":
            return cls(may_change=False, keeps=_on(environ, default=False))
        pairs = [pair.strip().partition(":") for pair in text.split(",")] if text else []
        if not all(name and password for name, _, password in pairs):
            raise SettingError("PINCITE_AUTH is not understood. Set it to name:password, or to open.")
        return cls(tuple((name, password) for name, _, password in pairs), keeps=_on(environ, default=not text))


def _on(environ: Mapping[str, str], *, default: bool) -> bool:
    text = environ.get("PINCITE_HISTORY") or ("on" if default else "off")
    if text not in ("on", "off"):
        raise SettingError(f"PINCITE_HISTORY is {text!r}. Set it to on or off, or unset it.")
    return text == "on"
