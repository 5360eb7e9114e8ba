"""Several processes on one library at the same moment: one may write, the others are told so at once, and may read.

A process that is refused writes down when: by the system's monotonic clock, which all processes of a machine share. The
test takes the time from that until the process was gone; loading Python and models comes before it and does not count.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from index import Library
from tests.test_damage import ROOT, WordEmbedder, bad, write_documents

pytestmark = pytest.mark.slow

RUNS = 20

_PROGRAM = """
import sys, time
from pathlib import Path
from index import Library, LibraryError, LibraryReadOnly
from tests.test_damage import WordEmbedder

library, texts, barrier, number, count = sys.argv[1:]
import chromadb

def together(name):
    Path(barrier, f"{name} {number}").touch()
    while len(list(Path(barrier).glob(f"{name} *"))) < int(count):
        time.sleep(0.001)

for run in range(20):
    together(f"start{run}")
    path = Path(library, str(run))
    try:
        with Library(path, embedder=WordEmbedder(), create=True) as opened:
            try:
                added = opened.add(Path(texts, number))
                print(run, "added", len(added.added), flush=True)
            except LibraryReadOnly as error:
                print(run, "refused", error, flush=True)
                opened.search("some words")
                print(run, "answered", len(opened.documents()), flush=True)
            # The owner keeps it until everyone has had a turn.
            together(f"end{run}")
    except LibraryError as error:
        print(run, "error", error, flush=True)
        together(f"end{run}")
"""


@pytest.mark.parametrize("count", [2, 3, 4])
def test_of_processes_that_start_at_the_same_moment_one_writes(count: int, tmp_path: Path) -> None:
    for number in range(count):
        write_documents(tmp_path / "texts" / str(number), 1, seed=number)
    (tmp_path / "barrier").mkdir()
    runs = RUNS if count == 3 else RUNS // 2
    program = _PROGRAM.replace("range(20)", f"range({runs})")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, tmp_path / "library", tmp_path / "texts", tmp_path / "barrier",
             str(number), str(count)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )
        for number in range(count)
    ]  # fmt: skip
    lines: list[tuple[int, int, str, str]] = []
    for process in processes:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert errors == ""
        for run, what, rest in (line.split(" ", 2) for line in out.splitlines()):
            lines.append((process.pid, int(run), what, rest))
    for turn in range(runs):
        of = [(pid, what, rest) for pid, number, what, rest in lines if number == turn]
        assert not [rest for _, what, rest in of if what == "error"]
        [owner] = [pid for pid, what, _ in of if what == "added"]
        refusals = [rest for _, what, rest in of if what == "refused"]
        assert len(refusals) == count - 1
        assert all(f"in use by process {owner} " in refusal for refusal in refusals), refusals
        assert [what for _, what, _ in of].count("answered") == count - 1
        with Library(tmp_path / "library" / str(turn), embedder=WordEmbedder()) as library:
            assert len(library.documents()) == 1
            assert library._nearest.is_current()
            assert bad(library) == []


_REFUSED_AT = """
import sys, time
from pathlib import Path
from index.owner import Ownership

made = Ownership.__init__

note = sys.argv.pop(1)

def timed(self, folder, **how):
    made(self, folder, **how)
    if self.refusal:
        Path(note).write_text(str(time.monotonic()))

Ownership.__init__ = timed
from ui.terminal import main
sys.argv[0] = "pincite"
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="a clock that processes share is known of Linux and macOS")
def test_the_command_that_is_refused_names_the_owner_and_is_gone_within_a_second(tmp_path: Path) -> None:
    write_documents(tmp_path / "texts", 1)
    path = tmp_path / "library"
    with Library(path, create=True) as owner:
        owner.add(tmp_path / "texts")
        for turn in range(3):
            note = tmp_path / f"refused {turn}"
            command = [sys.executable, "-c", _REFUSED_AT, str(note), "--library", str(path), "add", str(tmp_path)]
            done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
            gone = time.monotonic() - float(note.read_text())
            assert done.returncode == 1
            [line] = done.stderr.splitlines()
            assert f"in use by process {os.getpid()} (" in line
            assert "--library" in line
            assert gone < 1, gone
        assert bad(owner) == []


def test_commands_on_one_new_library_at_the_same_moment_leave_it_sound(tmp_path: Path) -> None:
    write_documents(tmp_path / "texts", 2)
    path = tmp_path / "library"
    pincite = [sys.executable, "-c", "from ui.terminal import main; main()", "--library", str(path)]
    for _ in range(3):
        commands = [["add", str(tmp_path / "texts")], ["add", str(tmp_path / "texts")], ["list", "--json"]]
        processes = [
            subprocess.Popen([*pincite, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
            for command in commands
        ]
        ends = [(process.communicate(timeout=60), process.returncode) for process in processes]
        assert 0 in [code for _, code in ends[:2]]
        for (_, errors), code in ends[:2]:
            assert code == 0 or "in use by" in errors
        for (out, errors), code in ends[2:]:
            # Before the first add has made it there is no library; after that it is listed, whole.
            assert len(json.loads(out)) in (0, 2) if code == 0 else "No library at" in errors
        with Library(path) as library:
            assert len(library.documents()) == 2
            assert bad(library) == []
