"""How long a cold `pincite ask` takes, whole process, and a question in a warm one; `make bench`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import click

from evals.timing import environ_of, machine, seconds_of

QUESTION = "How many containers has North Korea supplied to Russia?"
ROUNDS = 10


def main() -> None:
    with tempfile.TemporaryDirectory() as home:

        def process(*command: str) -> float:
            return seconds_of(
                partial(subprocess.run, command, env=environ_of(Path(home)), check=True, capture_output=True)
            )

        ask = (str(Path(sys.executable).parent / "pincite"), "ask", QUESTION)
        first = process(*ask)
        cold = [process(*ask) for _ in range(ROUNDS)]
        floor = [process(sys.executable, "-c", "import chromadb, onnxruntime") for _ in range(ROUNDS)]
        warm = _warm(Path(home) / "library")
    click.echo(machine())
    click.echo(f"first pincite ask, which indexes the shipped article: {first:.2f} s")
    click.echo(
        f"pincite ask, whole process: median of {ROUNDS} {statistics.median(cold):.2f} s, most {max(cold):.2f} s"
    )
    click.echo(f"of which importing chromadb and onnxruntime takes: {statistics.median(floor):.2f} s")
    click.echo(f"a question in a warm process: median of {ROUNDS} {statistics.median(warm):.3f} s")


def _warm(library: Path) -> list[float]:
    from rag import Assistant

    with Assistant.open(library, environ={}) as assistant:
        assistant.ask(QUESTION)
        return [assistant.ask(QUESTION).timings["total"] for _ in range(ROUNDS)]


if __name__ == "__main__":
    main()
