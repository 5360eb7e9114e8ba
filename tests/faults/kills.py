"""The kills: at seeded times, at every step boundary, and of a large library."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.faults.boundaries import Boundaries
from tests.faults.child import Child, check
from tests.faults.journal import Journal
from tests.faults.place import Place, Task
from tests.faults.report import Totals
from tests.faults.series import FIXED, OFTEN, SELDOM
from tests.faults.stores import STORES

STEPS = 30  # operations that a series does while kills may fall

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Setting:
    work: Path
    seed: int = 0
    passages: int = 240
    dimensions: int = 64
    fresh: bool = True  # whether checks, and some series, start as new processes
    sample: int = 1000
    keep: str = ""  # a folder for what had a problem

    def task(self, store: str, name: str, number: int, **more: Any) -> Task:
        task = Task(
            str(self.work.resolve() / name), store, self.seed, number, self.passages, self.dimensions, self.sample,
            self.keep, complete=number % 2 == 0,
        )  # fmt: skip
        return replace(task, **more)


def measured(setting: Setting) -> float:
    """Seconds that a process needs for the operations of a series, the library being there."""
    seconds = 0.0
    for number in range(2):
        task = setting.task("pincite", "measured", number, kinds=(["add"] * 2 + OFTEN * 5 + SELDOM)[:STEPS])
        started = time.monotonic()
        _finish(task)
        seconds = time.monotonic() - started
    shutil.rmtree(task.work)
    return seconds


def _finish(task: Task) -> None:
    """A series that nothing kills."""
    if Child(task).wait() != 0:
        raise RuntimeError("\n".join(Journal.read(task.place.journal).errors))


def random_kills(setting: Setting, store: str, kills: int, seconds: float, totals: Totals, say: Say) -> None:
    """Kill at seeded times up to `seconds` after a process's start; each goes on from what the last one left."""
    number, place = 0, Place(setting.work.resolve() / store).make()
    Journal.begin(place.journal, {}, 0)
    times = random.Random(f"{setting.seed}-kills")  # noqa: S311
    while totals.kills < kills:
        fresh = setting.fresh and number % 6 == 5
        task = setting.task(store, store, number)
        place.trace.unlink(missing_ok=True)
        child = Child(task, fresh=fresh)
        child.wait(times.uniform(0.01, seconds + (1.0 if fresh else 0.0)))
        child.kill()
        code = child.wait()
        totals.kills += code == -signal.SIGKILL
        totals.step[Boundaries.step(Boundaries.read(place.trace)) or "between steps"] += store == "pincite"
        known = Journal.read(place.journal)
        if code != -signal.SIGKILL and not known.errors:
            known.errors.append(f"the series ended with {code}")
        checked = check(task, fresh=setting.fresh)
        totals.operation[known.phase] += 1
        before = len(totals.problems)
        totals.count(f"{store}, kill {number}", known, checked)
        for problem in totals.problems[before:] if store == "pincite" else ():
            say(problem)
        totals.seconds += [] if checked.unusable else [checked.seconds]
        if checked.unusable or (store == "plain" and checked.manual):
            shutil.rmtree(place.store, ignore_errors=True)  # by hand: add everything again
            checked.held = {}
        Journal.begin(place.journal, checked.held, checked.model)
        number += 1
        if number % 10 == 0:
            say(f"{store}: {number} kills, {totals.failures} problems")
        if number > kills + 20:
            break


def injected_kills(setting: Setting, totals: Totals, say: Say, *, every: int = 1, workers: int = 2) -> None:
    """Kill at every boundary of one fixed series, or at every so many."""
    small = setting.task("pincite", "boundaries", 0, passages=24, kinds=FIXED)
    _finish(small)
    boundaries = Boundaries.read(small.place.trace)
    say(f"{len(boundaries)} step boundaries in a series of {len(FIXED)} operations")

    def one(number: int) -> None:
        name = f"boundary-{number}"
        task = setting.task("pincite", name, 0, passages=24, kinds=FIXED, fatal=number, complete=number % 2 == 0)
        code = Child(task).wait()
        known = Journal.read(task.place.journal)
        if code != -signal.SIGKILL:
            known.errors.append(f"the series ended with {code} before its boundary")
        checked = check(task, fresh=False)
        where = Boundaries.read(task.place.trace)[-1]
        totals.injected += 1
        totals.count(f"{where} ({number})", known, checked)
        totals.boundary[where.split(" ")[1]] += 1
        if not checked.problems and not known.errors:
            shutil.rmtree(task.work)
        if number % 25 < every:
            say(f"boundary {number} of {len(boundaries)}, {totals.failures} problems")

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, range(1, len(boundaries) + 1, every)))


def big(setting: Setting, kills: int, say: Say) -> tuple[Totals, Totals]:
    """Kills while many passages are added, and while their index is built anew."""
    both = Totals(), Totals()
    for store, totals in zip(STORES, both, strict=True):
        place = Place(setting.work.resolve() / f"big-{store}").make()
        Journal.begin(place.journal, {}, 0)
        times = random.Random(f"{setting.seed}-big")  # noqa: S311
        started = time.monotonic()
        Child(setting.task(store, f"measured-{store}", 0, kinds=["add"])).wait()
        adding = time.monotonic() - started
        say(f"{store}: added in {adding:.1f} s")
        parts = [("add", adding)] * kills + [("rebuild", adding / 2)] * (kills if store == "pincite" else 0)
        kinds = {"add": ["add", "change", "mixed", "add"] * 10, "rebuild": ["add"] + ["rebuild"] * 20}
        for number, (kind, seconds) in enumerate(parts):
            task = setting.task(store, f"big-{store}", number, kinds=kinds[kind], copy=False)
            child = Child(task)
            child.wait(times.uniform(0.3, 1.0) * seconds)
            child.kill()
            totals.kills += child.wait() == -signal.SIGKILL
            known = Journal.read(place.journal)
            checked = check(task, fresh=True)
            totals.count(f"{store}, big kill {number}", known, checked)
            totals.seconds += [] if checked.unusable else [checked.seconds]
            if checked.unusable:
                shutil.rmtree(place.store, ignore_errors=True)
            Journal.begin(place.journal, checked.held, checked.model)
            say(
                f"{store}: killed during {known.phase}, {checked.passages:,} passages held, answered after "
                f"{checked.seconds:.1f} s{'' if checked.current or store == 'plain' else ' by exact search'}"
            )
    return both
