"""What tests share: the shipped article in a library of its own, its reader, and an environment without keys."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from evals.samples import SHIPPED_SUITE, Sample, read_suite
from index import Library, Passage, open_library
from index.encoder import Encoder
from index.opening import SHIPPED_ARTICLES
from rag import Answer, Assistant
from rag.reader import Reader, Reading, Support, local_reader
from tests.window import browser_with_a_cache
from ui.settings import SETTINGS

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

ARTICLE = SHIPPED_ARTICLES / "russia-dprk.txt"

LONGEST = (
    "test_chat",
    "test_hostile",
    "test_pictures",
    "test_terminal",
    "test_bulk",
    "test_damage",
    "test_completions",
)


def pytest_configure(config: pytest.Config) -> None:
    """Of several processes that share the tests each keeps to a core, and so its models to one thread."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, so that no process is left with one of them at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


def pytest_collection_finish() -> None:
    """What collecting has loaded stays to the end: the garbage collector need not look at it again and again."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PINCITE_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def shipped_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("shipped_home")
    open_library(None, {"PINCITE_HOME": str(home)}).close()
    return home


@pytest.fixture
def stocked(shipped_home: Path, tmp_path: Path) -> None:
    """The default library is there already: to make it takes a second."""
    shutil.copytree(shipped_home, tmp_path / "home")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """The shipped article; not to be changed."""
    with Library(tmp_path_factory.mktemp("shipped") / "library", create=True) as library:
        library.add(SHIPPED_ARTICLES)
        yield library


class RememberingReader(Reader):
    """The reader that ships. What it has read it does not read again: tests ask the same suite time and again."""

    def __init__(self) -> None:
        self._encoder = local_reader()._encoder
        self._readings: dict[object, list[Reading]] = {}
        self._supports: dict[object, list[Support]] = {}
        self._judged: dict[object, npt.NDArray[np.float64]] = {}

    @cached_property
    def _of_claims(self) -> Encoder:
        return local_reader()._of_claims

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        asked = _key(question, passages)
        if asked not in self._readings:
            self._readings[asked] = super().read(question, passages)
        return self._readings[asked]

    def support(self, claim: str, passages: Sequence[Passage]) -> list[Support]:
        asked = _key(claim, passages)
        if asked not in self._supports:
            self._supports[asked] = super().support(claim, passages)
        return self._supports[asked]

    def judge(self, claim: str, texts: Sequence[tuple[str, str]]) -> npt.NDArray[np.float64]:
        asked = claim, tuple(texts)
        if asked not in self._judged:
            self._judged[asked] = super().judge(claim, texts)
        return self._judged[asked]


def _key(text: str, passages: Sequence[Passage]) -> object:
    return text, tuple((passage.context, passage.text, passage.start) for passage in passages)


@pytest.fixture(scope="session")
def reader() -> Reader:
    return RememberingReader()


@pytest.fixture(scope="session")
def assistant(library: Library, reader: Reader) -> Assistant:
    return Assistant(library, reader)


@pytest.fixture(scope="session")
def samples() -> list[Sample]:
    """44 questions of the reference suite."""
    suite, kinds = read_suite(SHIPPED_SUITE).samples, {"fact": 22, "why": 10, "far_off": 12}
    return [s for kind, most in kinds.items() for s in [s for s in suite if s.type == kind][:most]]


def asked(assistant: Assistant, samples: Sequence[Sample]) -> list[Answer]:
    return [assistant.ask(sample.question) for sample in samples]


@pytest.fixture(scope="session")
def answers(assistant: Assistant, samples: list[Sample]) -> list[Answer]:
    return asked(assistant, samples)


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    with browser_with_a_cache() as browser:
        yield browser


@pytest.fixture(scope="session")
def article() -> str:
    return ARTICLE.read_text(encoding="utf-8")
