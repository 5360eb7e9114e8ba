"""The disk becomes full while a library is written: said in one line, nothing lost, and done when there is room again.

Every case has a small disk of its own (tmpfs), with a filler that leaves it so and so much room.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from index import Library, LibraryError
from index.errors import PinciteError
from tests.test_damage import ROOT, WordEmbedder, answers, bad, questions, write_documents

pytestmark = pytest.mark.slow

POINTS = 20
# The second add needs about 320 kB, Chroma rebuilt beside the old one included; in one try of fifty twice as much.
NEEDED = 2**19
PLENTY = 4 * NEEDED
SIZE = 6 * 2**20
FILLER = "filler"


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of its own at `folder`; skips the test where that is not allowed."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs Linux and root: it mounts a small disk")
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"needs to mount a small disk: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, leave: int) -> None:
    """Take all the room but `leave` bytes."""
    (disk / FILLER).unlink(missing_ok=True)
    free = os.statvfs(disk)
    size = max(0, free.f_bavail * free.f_bsize - leave)
    with (disk / FILLER).open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size) if size else None


def _look(disks: str, texts: str) -> None:
    """In a fresh process: what is answered while the disks are full."""
    for disk in json.loads(disks):
        with Library(Path(disk) / "library", embedder=WordEmbedder()) as library:
            seen = {"answers": answers(library, json.loads(texts)), "documents": len(library.documents())}
        print(json.dumps(seen), flush=True)  # noqa: T201


def fresh_answers(disks: list[Path], texts: list[str]) -> list[dict[str, Any]]:
    program = "import sys\nfrom tests import test_disk_full\ntest_disk_full._look(*sys.argv[1:])"
    command = [sys.executable, "-c", program, json.dumps(list(map(str, disks))), json.dumps(texts)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    write_documents(folder / "first", 3)
    write_documents(folder / "second", 12, seed=1)
    return folder


@pytest.fixture(scope="module")
def first(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of the first texts, to be copied."""
    path = tmp_path_factory.mktemp("first") / "library"
    with Library(path, embedder=WordEmbedder(), create=True) as library:
        library.add(texts / "first")
    return path


def _opened(disk: Path) -> Library:
    return Library(disk / "library", embedder=WordEmbedder(), create=True)


def _as_json(value: object) -> Any:
    return json.loads(json.dumps(value))


def _fails(action: Callable[[], object], disk: Path) -> str:
    """The one line that it fails with, which names the disk; empty if it does not fail."""
    try:
        action()
    except PinciteError as error:
        said = str(error)
    else:
        return ""
    assert "\n" not in said
    assert str(disk) in said
    return said


def test_an_add_that_fills_the_disk_loses_nothing_and_can_be_done_again(
    texts: Path, first: Path, tmp_path: Path
) -> None:
    asked = questions(texts / "first")
    with ExitStack() as stack:
        disks = [stack.enter_context(small_disk(tmp_path / str(point))) for point in range(POINTS)]
        failures = []
        before = None
        held: dict[Path, Library] = {}
        for point, disk in enumerate(disks):
            shutil.copytree(first, disk / "library")
            library = _opened(disk)
            before = before or answers(library, asked)
            fill(disk, NEEDED * point // POINTS if point < POINTS - 1 else PLENTY)
            failures.append(_fails(lambda library=library: library.add(texts / "second"), disk))  # type: ignore[misc]
            known = {row.id for row in library.documents()}
            assert len(known) in (3, 15)
            if len(known) == 3:
                assert answers(library, asked) == before
            if point % 2:
                library.close()
            else:
                held[disk] = stack.enter_context(library)
        assert sum(map(bool, failures)) > POINTS // 2
        assert not failures[-1]
        for seen in fresh_answers(disks, asked):
            assert seen["documents"] in (3, 15)
            if seen["documents"] == 3:
                assert seen["answers"] == _as_json(before)
        for disk in disks:
            (disk / FILLER).unlink()
            library = held.get(disk) or stack.enter_context(_opened(disk))
            library.add(texts / "second")
            assert len(library.documents()) == 15
            assert library._nearest.is_current()
            assert _unsound(library) == []
        stack.pop_all().close()


def _unsound(library: Library) -> list[str]:
    return [text for text in bad(library) if not text.startswith("free disk")]


def test_a_rebuild_that_fills_the_disk_leaves_the_library_as_it_was(texts: Path, first: Path, tmp_path: Path) -> None:
    asked = questions(texts / "first")
    for point in range(4):
        with small_disk(tmp_path / str(point)) as disk:
            shutil.copytree(first, disk / "library")
            with _opened(disk) as library:
                before = answers(library, asked)
            fill(disk, 60_000 * point)
            with pytest.raises(LibraryError, match="library") as caught:
                Library(disk / "library", embedder=WordEmbedder(), rebuild=True)
            assert "\n" not in str(caught.value)
            [seen] = fresh_answers([disk], asked)
            assert seen == {"answers": _as_json(before), "documents": 3}
            (disk / FILLER).unlink()
            with Library(disk / "library", embedder=WordEmbedder(), rebuild=True) as library:
                assert answers(library, asked) == before
                assert _unsound(library) == []


def test_an_export_that_fills_the_disk_names_it_and_leaves_nothing_there(texts: Path, tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk") as disk,
        Library(tmp_path / "library", embedder=WordEmbedder(), create=True) as (library),
    ):
        library.add(texts)
        for point in range(4):
            fill(disk, 30_000 * point)
            assert _fails(lambda: library.export(disk / "copy"), disk)
            assert sorted(path.name for path in disk.iterdir()) == [FILLER]
        (disk / FILLER).unlink()
        library.export(disk / "copy")
        assert (disk / "copy").stat().st_size > 100_000
        assert bad(library) == []


def test_a_new_library_on_a_full_disk_is_refused_in_one_line(texts: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        for point in range(6):
            fill(disk, 20_000 * point)
            said = _fails(lambda: _add_new(disk, texts), disk)
            assert said
            assert os.strerror(errno.ENOSPC) in said or "full" in said or "disk" in said
        (disk / FILLER).unlink()
        _add_new(disk, texts)
        with _opened(disk) as library:
            assert _unsound(library) == []


def _add_new(disk: Path, texts: Path) -> None:
    with _opened(disk) as library:
        library.add(texts)
