"""How long a cold `pincite ask` takes, whole process, and a question in a warm one; `make bench`."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

QUESTION = "How many containers has North Korea supplied to Russia?"
ROUNDS = 10


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        environ = os.environ | {"PINCITE_HOME": home}
        command = [str(Path(sys.executable).parent / "pincite"), "ask", QUESTION]
        first = _seconds(command, environ)
        cold = sorted(_seconds(command, environ) for _ in range(ROUNDS))
        floor = sorted(_seconds([sys.executable, "-c", "import chromadb, onnxruntime"], environ) for _ in range(ROUNDS))
        warm = _warm(Path(home) / "library")
    click.echo(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    click.echo(f"first pincite ask, which indexes the shipped article: {first:.2f} s")
    click.echo(f"pincite ask, whole process: median of {ROUNDS} {statistics.median(cold):.2f} s, most {cold[-1]:.2f} s")
    click.echo(f"of which importing chromadb and onnxruntime takes: {statistics.median(floor):.2f} s")
    click.echo(f"a question in a warm process: median of {ROUNDS} {statistics.median(warm):.3f} s")


def _seconds(command: list[str], environ: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, env=environ, check=True, capture_output=True)
    return time.perf_counter() - start


def _warm(library: Path) -> list[float]:
    from rag import Assistant

    with Assistant.open(library, environ={}) as assistant:
        assistant.ask(QUESTION)
        return [assistant.ask(QUESTION).timings["total"] for _ in range(ROUNDS)]


if __name__ == "__main__":
    main()
