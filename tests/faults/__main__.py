"""`make faults`: see the package."""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from evals.timing import machine
from tests.faults import RUNS_HERE, WHY_NOT
from tests.faults.child import perform
from tests.faults.kills import STEPS, Setting, big, injected_kills, measured, random_kills
from tests.faults.place import Task
from tests.faults.report import Totals, hits, table
from tests.faults.stores import STORES

_SECONDS_TO_REOPEN = 5.0  # the promise for 10,000 passages


@click.command()
@click.option("--kills", default=120, show_default=True, help="Kills at seeded times.")
@click.option("--seed", default=0, show_default=True)
@click.option("--passages", type=int, help="How many passages the library holds: 240, with --big 10,000.")
@click.option("--big", "is_big", is_flag=True, help="Seconds to reopen a large library, instead of the rest.")
@click.option("--keep", default="", help="A folder for what is stored where there is a problem, as it was found.")
@click.option("--task", hidden=True)
def main(kills: int, seed: int, passages: int | None, is_big: bool, keep: str, task: str | None) -> None:
    """Kill a process that changes a library, again and again, and check what it leaves."""
    if not RUNS_HERE:
        click.echo(WHY_NOT)
        return
    if task:
        perform(Task(**json.loads(task)))
        return
    where, started = f"{machine()}, SQLite {sqlite3.sqlite_version}", time.monotonic()

    def say(line: str) -> None:
        click.echo(f"{time.monotonic() - started:6.0f} s  {line}", err=True)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if is_big:
            setting = Setting(Path(folder), seed, passages or 10_000, 384, sample=300, keep=keep)
            pincite, plain = big(setting, 4, say)
        else:
            setting = Setting(Path(folder), seed, passages or 240, keep=keep)
            pincite, plain = Totals(), Totals()
            seconds = measured(setting)
            say(f"{STEPS} operations take {seconds:.1f} s; kills fall into these")
            with ThreadPoolExecutor(2) as pool:
                runs = [
                    pool.submit(random_kills, setting, store, kills, seconds, totals, say)
                    for store, totals in zip(STORES, (pincite, plain), strict=True)
                ]
                for run in runs:
                    run.result()
            injected_kills(setting, pincite, say)
    click.echo(f"{where}; seed {seed}, {setting.passages:,} passages, {time.monotonic() - started:.0f} s\n")
    click.echo(f"{table(pincite, plain)}\n\n{hits(pincite)}")
    for problem in pincite.problems + plain.problems[:20]:
        click.echo(f"- {problem}")
    slow = is_big and max(pincite.seconds) > _SECONDS_TO_REOPEN
    if slow:
        click.echo(f"- reopening took more than {_SECONDS_TO_REOPEN:.0f} s")
    sys.exit(1 if pincite.failures or slow else 0)


if __name__ == "__main__":
    main()
