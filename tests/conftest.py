"""What tests share: the shipped article in a library of its own, and an environment without keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from index import Library
from index.library import SHIPPED_ARTICLES
from rag import Assistant

ARTICLE = SHIPPED_ARTICLES / "russia-dprk.txt"
SETTINGS = (
    "PINCITE_HOME",
    "PINCITE_CHROMA_URL",
    "PINCITE_EMBEDDING",
    "PINCITE_THRESHOLD",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_MODEL",
)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PINCITE_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """The shipped article; not to be changed."""
    with Library(tmp_path_factory.mktemp("shipped") / "library", create=True) as library:
        library.add(SHIPPED_ARTICLES)
        yield library


@pytest.fixture(scope="session")
def assistant(library: Library) -> Assistant:
    return Assistant.open(library, environ={})


@pytest.fixture(scope="session")
def article() -> str:
    return ARTICLE.read_text(encoding="utf-8")
