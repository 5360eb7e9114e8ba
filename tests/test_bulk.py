"""Several processes read and embed, through a real Ray: the result is that of one, hash for hash, whoever dies."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evals.samples import SHIPPED_SETS
from index import Library, LibraryError
from tests.test_library import LetterEmbedder
from tests.test_terminal import PINCITE

pytestmark = pytest.mark.slow

with_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="needs the extra: pip install 'pincite[bulk]'"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    lines = (SHIPPED_SETS / "clapnq" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines[:70]):
        text = json.loads(line)["text"]
        # Of most the beginning alone: to embed all takes seconds, thrice. One that stays whole has two passages.
        (folder / f"{number:03}.txt").write_text(text if number < 15 else text[: 100 + 3 * number], encoding="utf-8")
    (folder / "damaged.pdf").write_bytes(b"%PDF-1.7 and no more")
    return folder


def content(path: Path) -> list[object]:
    """All that is stored, but for the numbers of passages."""
    with Library(path) as library:
        assert all(finding.ok for finding in library.check())
        ledger = library._ledger
        return [
            (row.id, row.path, row.sha256, ledger.embeddings(ledger.passage_ids(row.id))[1].tobytes())
            for row in library.documents()
        ]


@pytest.fixture(scope="module")
def alone(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    path = tmp_path_factory.mktemp("alone") / "library"
    with Library(path, create=True) as library:
        report = library.add(folder)
    assert (len(report.added), len(report.failed)) == (70, 1)
    return content(path)


def started(path: Path, folder: Path, workers: int) -> subprocess.Popen[str]:
    command = [PINCITE, "--library", str(path), "add", str(folder), "--workers", str(workers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@with_ray
def test_two_workers_store_what_one_process_stores(folder: Path, alone: list[object], tmp_path: Path) -> None:
    with started(tmp_path / "library", folder, 2) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert out.count("Added ") == 70
    assert "damaged.pdf" in err
    assert content(tmp_path / "library") == alone


@with_ray
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the worker's process in /proc")
def test_a_killed_worker_changes_nothing(folder: Path, alone: list[object], tmp_path: Path) -> None:
    with started(tmp_path / "library", folder, 1) as process:
        killed = 0
        while not killed and process.poll() is None:
            killed = _worker(process.pid)
            time.sleep(0.01)
        assert killed, "no worker was seen at work"
        os.kill(killed, signal.SIGKILL)
        process.communicate(timeout=120)
    assert content(tmp_path / "library") == alone


def _worker(ancestor: int) -> int:
    """The process of a worker of that process's which is at work; 0 if there is none."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::Worker.prepare") and _descends(int(path.parent.name), ancestor):
                return int(path.parent.name)
        except OSError:
            continue
    return 0


def _descends(process: int, ancestor: int) -> bool:
    while process not in (0, ancestor):
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return process == ancestor


def test_another_embedding_model_is_not_for_workers(folder: Path, tmp_path: Path) -> None:
    expected = pytest.raises(LibraryError, match="Workers embed with the model that ships")
    with Library(tmp_path / "library", embedder=LetterEmbedder(), create=True) as library, expected:
        library.add(folder, workers=1)
