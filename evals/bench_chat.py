"""The chat window under people: how soon it is there and answers, many at once, many turns; `make bench-chat`.

A window is started as `pincite chat` on loopback, with no language model, and used as the browser uses it, over
Gradio's queue. Where many ask at once, each one's questions bear a mark, so that an answer that went to another is
known.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import httpx

from evals.samples import SHIPPED_SUITE, read_suite
from evals.statistics import percentile
from evals.timing import environ_of, machine, pincite, served

# What a finished sentence of an answer has, in the page's markup.
_SENTENCE = 'class=\\"tick\\"'
_ASKED = re.compile(r'class=\\"asked\\">([^<]*)<')
_STARTS = 5
_WARM_UP = 100


@dataclass(frozen=True, slots=True)
class Turn:
    """Seconds to the first sentence (or the end, if there is none) and to the end; what went wrong, "" if nothing."""

    first: float
    whole: float
    wrong: str


class Person:
    """A session of the window, over Gradio's queue."""

    def __init__(self, address: str, mark: str) -> None:
        self.mark = mark
        self._asked: list[str] = []
        self._http = httpx.Client(base_url=address, timeout=300, trust_env=False)
        self._session = f"{mark}{os.urandom(6).hex()}"
        config = self._http.get("/config").json()
        by_id = {part["id"]: part for part in config["components"]}

        def listener(name: str, event: str) -> tuple[int, list[int]]:
            parts = {part["id"] for part in config["components"] if part["props"].get("elem_id") == name}
            return next(
                (item["id"], item["inputs"])
                for item in config["dependencies"]
                if any(part in parts and on == event for part, on in item["targets"])
            )

        self._function, inputs = listener("box", "submit")
        self._new, _ = listener("new", "click")
        self._data = [None if by_id[part]["type"] == "state" else by_id[part]["props"].get("value") for part in inputs]

    def ask(self, question: str, *, marked: bool = True) -> Turn:
        question = f"{question} ({self.mark})" if marked else question
        self._asked.append(question)
        start = time.perf_counter()
        data = [question, *self._data[1:]]
        sent = {"data": data, "fn_index": self._function, "session_hash": self._session, "trigger_id": None}
        joined = self._http.post("/gradio_api/queue/join", json=sent)
        if joined.status_code != 200:
            return Turn(0.0, time.perf_counter() - start, joined.text[:200])
        event = joined.json()["event_id"]
        first, seen = 0.0, ""
        with self._http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self._session}) as stream:
            for line in stream.iter_lines():
                if event not in line:
                    continue
                seen = seen or (line if "process_generating" in line else "")
                if not first and _SENTENCE in line.rpartition('class=\\"asked\\"')[2]:
                    first = time.perf_counter() - start
                if marked and self.mark not in line and re.search(r"\(k\d+x\)", line):
                    return Turn(first, time.perf_counter() - start, "crossed")
                message = json.loads(line.removeprefix("data:"))
                if message["msg"] == "process_completed":
                    break
        whole = time.perf_counter() - start
        if not message.get("success", True):
            return Turn(first, whole, str(message.get("output", {}).get("error") or message)[:200])
        shown = _ASKED.findall(seen)
        return Turn(first or whole, whole, "" if shown == self._asked else f"crossed: {shown}")

    def begin_anew(self) -> None:
        sent = {"data": [None], "fn_index": self._new, "session_hash": self._session, "trigger_id": None}
        self._http.post("/gradio_api/run/predict", json=sent).raise_for_status()
        self._asked = []

    def close(self) -> None:
        self._http.close()


def window(home: Path, first: str = "") -> AbstractContextManager[tuple[str, int]]:
    """Address and process id of a window with its library in `home`."""
    return served(pincite("chat", first=first), "/healthz", environ_of(home))


def start(home: Path) -> None:
    """From the command until the page is answered, the library indexed."""
    seconds = []
    for _ in range(_STARTS):
        began = time.perf_counter()
        with window(home) as (address, _):
            httpx.get(address, trust_env=False).raise_for_status()
            seconds.append(time.perf_counter() - began)
    click.echo(
        f"page up, library indexed: median of {_STARTS} {statistics.median(seconds):.2f} s, most {max(seconds):.2f} s"
    )


def first(home: Path, questions: Sequence[str]) -> None:
    with window(home) as (address, _):
        person = Person(address, "k0x")
        person.ask(questions[0], marked=False)
        turns = []
        for number, question in enumerate(questions):
            if number % 10 == 0:
                person = Person(address, f"k{number}x")
            turns.append(person.ask(question, marked=False))
    _stop_at_errors(turns)
    times = [1000 * turn.first for turn in turns]
    p50, p95 = (percentile(times, q) for q in (50, 95))
    click.echo(f"first sentence of a local answer: {len(times)} questions, p50 {p50:,.0f} ms, p95 {p95:,.0f} ms")


def load(home: Path, questions: Sequence[str], people: int, turns: int) -> None:
    with window(home) as (address, _), ThreadPoolExecutor(people) as pool:

        def converse(number: int) -> list[Turn]:
            person = Person(address, f"k{number}x")
            made = [person.ask(questions[(number + turn) % len(questions)]) for turn in range(turns)]
            person.close()
            return made

        began = time.perf_counter()
        made = [turn for one in pool.map(converse, range(people)) for turn in one]
        seconds = time.perf_counter() - began
    crossed = sum(turn.wrong.startswith("crossed") for turn in made)
    failed = sum(bool(turn.wrong) for turn in made) - crossed
    times = [turn.whole for turn in made]
    click.echo(
        f"{people} people at once, {turns} turns each: {crossed} crossed, {failed} failed; a turn p50 "
        f"{percentile(times, 50):.2f} s, p95 {percentile(times, 95):.2f} s, most {max(times):.2f} s; "
        f"{len(made) / seconds:.1f} turns a second"
    )
    _stop_at_errors(made)


def full(home: Path, question: str) -> None:
    with window(home, "import ui.chat; ui.chat.WAITING = 2") as (address, _), ThreadPoolExecutor(48) as pool:
        people = [Person(address, f"k{number}x") for number in range(48)]
        wrong = [turn.wrong for turn in pool.map(lambda person: person.ask(question), people)]
    refused = [text for text in wrong if text]
    click.echo(f"48 at once where 2 may wait: {len(wrong) - len(refused)} answered, {len(refused)} told: {refused[:1]}")


def soak(home: Path, questions: Sequence[str], turns: int) -> None:
    """A person's conversations of 20 turns, one after the other; Linux alone says what a process holds."""
    with window(home) as (address, process):
        rows: list[tuple[int, float, int, int]] = []
        person = Person(address, "k0x")
        made = []
        for number in range(turns + 1):
            if number % 20 == 0:
                person.begin_anew()
            if number % 50 == 0:
                rows.append((number, *_held(process)))
                click.echo(
                    f"after {number} turns: {rows[-1][1]:.0f} MB, {rows[-1][2]} threads, {rows[-1][3]} open files"
                )
            made.append(person.ask(questions[number % len(questions)]))
    _stop_at_errors(made)
    warm = next((row for row in rows if row[0] >= min(_WARM_UP, turns // 2)), rows[0])
    last = rows[-1]
    click.echo(
        f"{turns} turns: memory {warm[1]:.0f} MB after {warm[0]}, {last[1]:.0f} at the end "
        f"({last[1] / warm[1] - 1:+.1%}), threads {warm[2]} and {last[2]}, open files {warm[3]} and {last[3]}"
    )


def searchable(folder: Path, passages: int) -> None:
    """From giving a page of text to a large library until it is found."""
    import numpy as np

    from index import Library

    chance = np.random.default_rng(0)
    words = [f"{a}{b}{c}" for a in "bdfglmnprst" for b in ("ale", "oru", "imi", "une") for c in ("n", "sta", "rix")]
    with Library(folder / "large", create=True) as library:
        texts = folder / "texts"
        texts.mkdir()
        number = 0
        while library.passage_count < passages:
            for _ in range(20):
                number += 1
                paragraphs = [" ".join(chance.choice(words, 120)).capitalize() + "." for _ in range(100)]
                (texts / f"{number}.txt").write_text("\n\n".join(paragraphs), "utf-8")
            library.add(texts)
        seconds = []
        for page in range(5):
            file = folder / f"page{page}.txt"
            body = " ".join(chance.choice(words, 350))
            file.write_text(f"The lighthouse of Zarquon{page} was lit in 19{page}7. {body}.", "utf-8")
            began = time.perf_counter()
            library.add(file)
            hits = library.search(f"When was the lighthouse of Zarquon{page} lit?", 3)
            seconds.append(time.perf_counter() - began)
            if not any(f"Zarquon{page}" in hit.passage.text for hit in hits):
                raise SystemExit("the page was not found")
        click.echo(
            f"a page of text into {library.passage_count:,} passages until it is found: "
            f"median of 5 {statistics.median(seconds):.2f} s, most {max(seconds):.2f} s"
        )


def _held(process: int) -> tuple[float, int, int]:
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    values = dict(re.findall(r"^(\w+):\s+(\d+)", status, re.MULTILINE))
    return int(values["VmRSS"]) / 1024, int(values["Threads"]), len(list(Path(f"/proc/{process}/fd").iterdir()))


def _stop_at_errors(turns: Sequence[Turn]) -> None:
    wrong = [turn.wrong for turn in turns if turn.wrong]
    if wrong:
        raise SystemExit(f"{len(wrong)} turns went wrong, the first: {wrong[0]}")


@click.command(help=__doc__)
@click.argument("parts", nargs=-1, type=click.Choice(["start", "first", "load", "full", "soak", "searchable"]))
@click.option("--people", default=32, show_default=True)
@click.option("--turns", default=20, show_default=True, help="Of each of the people.")
@click.option("--soak", "soaked", default=500, show_default=True, help="Turns of the soak.")
@click.option("--passages", default=10_000, show_default=True, help="Of the large library.")
def main(parts: tuple[str, ...], people: int, turns: int, soaked: int, passages: int) -> None:
    click.echo(machine())
    samples = read_suite(SHIPPED_SUITE).samples
    asked = [sample.question for kind in ("fact", "why") for sample in samples if sample.type == kind]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        with window(home):
            pass
        does: dict[str, Any] = {
            "start": lambda: start(home),
            "first": lambda: first(home, asked),
            "load": lambda: load(home, asked, people, turns),
            "full": lambda: full(home, asked[0]),
            "soak": lambda: soak(home, asked, soaked),
            "searchable": lambda: searchable(Path(folder), passages),
        }
        for part in parts or does:
            does[part]()


if __name__ == "__main__":
    main()
