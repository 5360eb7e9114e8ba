"""Which library is opened, with which embedding model: by what is given, else by the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_data_path

from index.embedder import Embedder, local_embedder
from index.library import Library
from index.portable import place_copy

SHIPPED_ARTICLES = Path(__file__).resolve().parent.parent / "articles"


def default_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the default library lies: in PINCITE_HOME, else in the user's data directory."""
    home = environ.get("PINCITE_HOME")
    return (Path(home).expanduser() if home else user_data_path("pincite", appauthor=False)) / "library"


def open_library(
    path: Path | str | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    create: bool = False,
    rebuild: bool = False,
    read_only: bool = False,
) -> Library:
    """The library at `path`; with no path the default one, which is made from the shipped article if it is new.

    The embedding is the model that ships, or the OpenAI model that PINCITE_EMBEDDING names. `create`, `rebuild` and
    `read_only` are those of `Library`.
    """
    if read_only and path is None and not (default_path(environ) / "ledger.sqlite").is_file():
        open_library(None, environ).close()
    library = Library(
        path or default_path(environ),
        embedder=_embedder(environ),
        create=create or path is None,
        rebuild=rebuild,
        chroma=environ.get("PINCITE_CHROMA_URL") or None,
        read_only=read_only,
    )
    if path is None and library.writable and library.is_new:
        library.add(SHIPPED_ARTICLES)
    return library


def import_library(file: Path | str, path: Path | str, environ: Mapping[str, str] = os.environ) -> Library:
    """A new library at `path` from what `Library.export` wrote; nothing is embedded again. Raises LibraryError."""
    place_copy(Path(file), Path(path))
    return open_library(path, environ, rebuild=True)


def _embedder(environ: Mapping[str, str]) -> Embedder:
    model = environ.get("PINCITE_EMBEDDING")
    if not model:
        return local_embedder()
    from index.embedder.llamaindex import openai_embedder

    return openai_embedder(model, environ)
