"""The child process that performs a task and may be killed; a check is one too."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import asdict, replace
from functools import cache
from multiprocessing import connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults.boundaries import Boundaries
from tests.faults.check import Checked, check_pincite, check_plain
from tests.faults.journal import Journal
from tests.faults.place import Task
from tests.faults.series import Series

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext

_ROOT = Path(__file__).resolve().parent.parent.parent
_SECONDS_TO_CHECK = 240.0


def perform(task: Task) -> None:
    """What a child process does."""
    place = task.place.make()
    if task.started is None:
        if task.store == "pincite":
            Boundaries(place.trace, task.fatal).install()
        try:
            series = Series(task)
            series.run(task.kinds or series.endless())
        except Exception:
            Journal(place.journal).note(error=traceback.format_exc())
            raise
        return
    try:
        checked = (check_pincite if task.store == "pincite" else check_plain)(task, task.started)
    except Exception as error:
        checked = Checked(unusable=True, manual=[f"{type(error).__name__}: {error}"])
    place.result.write_text(json.dumps(asdict(checked)))


@cache
def _forks() -> ForkServerContext:
    """Children of a process that has imported what they need, and has opened nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.child", "chromadb"])
    return context


# start() reaps the children of other threads; one that is reaped twice at once gets 255 for its exit code.
_STARTING = threading.Lock()


class Child:
    """A process that performs a task; a `fresh` one imports everything itself."""

    def __init__(self, task: Task, *, fresh: bool = False) -> None:
        self._process: Any
        if fresh:
            command = [sys.executable, "-m", "tests.faults", "--task", json.dumps(asdict(task))]
            self._process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        else:
            self._process = _forks().Process(target=_quietly, args=(task,))
            with _STARTING:
                self._process.start()

    def kill(self) -> None:
        self._process.kill()

    def wait(self, seconds: float | None = None) -> int | None:
        """The exit code, negative for a signal; None if it still runs after so many seconds."""
        if isinstance(self._process, subprocess.Popen):
            try:
                return self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                return None
        connection.wait([self._process.sentinel], seconds)
        with _STARTING:
            code = self._process.exitcode
        return None if code is None else int(code)


def _quietly(task: Task) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    perform(task)


def check(task: Task, *, fresh: bool) -> Checked:
    """Check in a process of its own: a damaged index may take it down."""
    place, known = task.place, Journal.read(task.place.journal)
    place.result.unlink(missing_ok=True)
    if task.keep:
        shutil.rmtree(place.before, ignore_errors=True)
        if place.store.is_dir():
            shutil.copytree(place.store, place.before)
    child = Child(replace(task, started=time.monotonic()), fresh=fresh)
    code = child.wait(_SECONDS_TO_CHECK)
    if code is None:
        child.kill()
        child.wait()
    if code == 0 and place.result.is_file():
        checked = Checked(**json.loads(place.result.read_text()))
    else:
        checked = Checked(unusable=True, manual=[f"the checking process ended with {code}"])
    if checked.unusable:
        checked.acknowledged = len(known.held)
        checked.lost = list(known.held)
    target = known.held if known.target is None else known.target
    checked.bystanders = sum(target.get(path) == known.held[path] for path in checked.lost)
    if task.keep and checked.problems and place.before.is_dir():
        kept = Path(task.keep) / f"{place.work.name}-{task.seed}-{task.round}"
        for name in ("before", "journal.jsonl", "trace"):
            if (place.work / name).exists():
                kept.mkdir(parents=True, exist_ok=True)
                shutil.move(place.work / name, kept / name)
    return checked
