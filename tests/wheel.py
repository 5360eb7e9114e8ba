"""The wheel in an empty environment, outside the checkout: `make wheel`, or `python -m tests.wheel`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import click
import httpx

from evals.timing import environ_of, free_port
from tests.service import COMMAND, ROOT, started

CONTAINERS = "How many containers has North Korea supplied to Russia?"
MOST = 100e6  # bytes, of a wheel


@click.command()
@click.option("--out", default=ROOT / "dist", type=click.Path(path_type=Path), help="Where the wheel is put.")
def main(out: Path) -> None:
    """Build the wheel, install it, and do with it what the README promises; exit code 1 if something does not hold."""
    with tempfile.TemporaryDirectory() as folder:
        held = True
        for promise, measured, holds in at_work(Path(folder), out):
            held &= holds
            click.echo(f"{'held' if holds else 'NOT HELD':<9} {promise}: {measured}")
    sys.exit(not held)


def at_work(folder: Path, out: Path) -> Iterator[tuple[str, str, bool]]:
    """Each promise with what was measured, and whether it holds."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(ROOT)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    wheel = max(out.glob("pincite-*.whl"), key=lambda path: path.stat().st_mtime)
    size = wheel.stat().st_size
    yield "the wheel is under 100 MB", f"{size / 1e6:.1f} MB", size < MOST

    begun = time.monotonic()
    venv.create(folder / "env", with_pip=True)
    bin_folder = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    python = bin_folder / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(wheel)], check=True, stderr=subprocess.DEVNULL)
    installed = time.monotonic() - begun
    environ = environ_of(folder / "home")

    def pincite(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [bin_folder / "pincite", *arguments], cwd=folder, env=environ, capture_output=True, text=True
        )

    asked = pincite("ask", CONTAINERS, "--json")
    first = time.monotonic() - begun
    answer = json.loads(asked.stdout or "{}")
    holds = asked.stderr == "" and answer.get("short") == "7,000" and bool(answer["citations"])
    yield "pip install, then a first cited answer", f"{installed:.0f} s, {first - installed:.1f} s more", holds
    size = sum(path.stat().st_size for path in (folder / "env").rglob("*") if path.is_file() and not path.is_symlink())
    yield "the environment", f"{size / 1e6:,.0f} MB", True

    (folder / "leeks.md").write_text("# Leeks\n\nLeeks were first grown by the Egyptians.\n")
    added = pincite("add", "leeks.md")
    yield "add", added.stdout.splitlines()[0].replace(f"{folder}{os.sep}", ""), added.returncode == 0
    told = pincite("ask", "Who first grew leeks?").stdout.splitlines()[0]
    yield "what was added is answered", told, "Egyptians" in told
    checked = pincite("check", "leeks.md")
    yield "check", checked.stderr.strip(), checked.returncode == 0
    scored = pincite("eval", "--questions", "10", "--json")
    outcomes = json.loads(scored.stdout or "{}").get("outcomes", [])
    yield "eval", f"{len(outcomes)} answers scored", scored.returncode == 0 and len(outcomes) == 10

    address = f"http://127.0.0.1:{(port := free_port())}"
    says = f"Pincite is at {address}  (Ctrl-C stops it)\n"
    command = ["-c", COMMAND, "chat", "--port", str(port)]
    with started(command, environ, says, python=python, cwd=folder):
        page = httpx.get(address)
        yield "chat", f"a page of {len(page.content):,} bytes", page.status_code == 200


if __name__ == "__main__":
    main()
