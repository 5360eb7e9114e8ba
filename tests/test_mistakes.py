"""docs/mistakes.md: what a user is told after each likely mistake is what the command says, to the letter."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

from evals.timing import environ_of
from index import Library
from tests.conftest import ARTICLE
from tests.samples import pdf
from tests.service import ROOT
from tests.test_disk_full import fill, small_disk
from tests.window import window

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("stocked")]

PAGE = ROOT / "docs" / "mistakes.md"
SHOWN = re.findall(r"^## (.+?)\n.*?^```\n\$ (.+?)\n(.+?)\n```$", PAGE.read_text("utf-8"), re.M | re.S)
UNREACHABLE = "http://127.0.0.1:9"


@contextmanager
def port_in_use(home: Path) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 7860)):
        yield


@contextmanager
def window_open(home: Path) -> Iterator[None]:
    with window(home):
        yield


@contextmanager
def disk_full(home: Path) -> Iterator[None]:
    shutil.rmtree(home)
    with small_disk(home) as disk:
        fill(disk, 0)
        yield


@contextmanager
def old_python(home: Path) -> Iterator[None]:
    python = Path("python3.9")
    python.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.25\nexit 1\n')
    python.chmod(0o755)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, ".")
    yield


@contextmanager
def library_of_another_model(home: Path) -> Iterator[None]:
    with Library(home / "library", create=True) as library:
        library.add(ARTICLE)
    yield


SETTINGS_OF: dict[str, Callable[[Path], AbstractContextManager[None]]] = {
    "The port is in use": port_in_use,
    "Another process has the library": window_open,
    "The disk is full": disk_full,
    "The wrong Python": old_python,
    "Another embedding model": library_of_another_model,
}


@pytest.mark.parametrize(("mistake", "command", "said"), SHOWN, ids=[mistake for mistake, _, _ in SHOWN])
def test_a_likely_mistake_is_answered_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: str, command: str, said: str
) -> None:
    here, home = tmp_path / "here", tmp_path / "home"
    here.mkdir()
    monkeypatch.chdir(here)
    Path("notes.md").write_text("# Notes\n\nLeeks were first grown by the Egyptians.\n")
    Path("scan.pdf").write_bytes(pdf([[]]))
    environ = environ_of(home, HTTPS_PROXY=UNREACHABLE, NO_PROXY="")
    for name in ("MAKEFLAGS", "MAKELEVEL"):  # of a make that runs the tests
        environ.pop(name, None)
    environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), str(here), environ["PATH"]])
    made = SETTINGS_OF.get(mistake)
    with made(home) if made else nullcontext():
        words = shlex.split(command)
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            environ[name] = value
        if not shutil.which(words[0], path=environ["PATH"]):
            pytest.skip(f"no {words[0]} here")
        run = subprocess.run(words, capture_output=True, text=True, env=environ)
    assert run.returncode in (1, 2)
    told = run.stderr.strip().replace(str(home), "~/.local/share/pincite").replace(str(here), "~")
    told = re.sub(r"process \d+ \(-c chat\)", "process 4711 (pincite chat)", told)
    told = re.sub(r"\nmake: .*", "", told)  # its own line
    assert told == said


def test_ten_and_more_are_shown() -> None:
    assert len(SHOWN) >= 10
    assert set(SETTINGS_OF) <= {mistake for mistake, _, _ in SHOWN}
