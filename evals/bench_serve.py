"""The server for programs under load: one, two and four processes, 1 to 64 clients; `make bench-serve`.

`pincite serve` on loopback, with no language model, is asked over OpenAI's protocol, as fast as the clients get
answers. Each answer is compared with the one that the same question got alone. With `--chroma` the processes share one
Chroma server, and what was added to it before. The cores that the servers used tell whether more processes could help;
with `--a-core-each` each process is a server by itself on a core of its own, as it would be on a machine of its own,
and the clients take them in turns.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from pathlib import Path

import click
import httpx

from evals.samples import SHIPPED_SUITE, read_suite
from evals.statistics import percentile
from evals.tables import head, row
from evals.timing import environ_of, machine, pincite, served

_CLIENTS = (1, 2, 4, 8, 16, 32, 64)


@contextmanager
def answering(home: Path, processes: int, chroma: str, core: int | None = None) -> Iterator[str]:
    """The address of a server of which every process has answered; it has that core, or all."""
    command = pincite("serve", "--processes", str(processes))
    if core is not None:
        command = ["taskset", "--cpu-list", str(core), *command]
    with served(command, "/readyz", environ_of(home, PINCITE_CHROMA_URL=chroma)) as (address, _):
        with ThreadPoolExecutor(4 * processes) as pool:
            list(pool.map(lambda question: _asked(address, question), ["Who is it about?"] * 8 * processes))
        yield address


@contextmanager
def chroma_server(folder: Path) -> Iterator[str]:
    command = [str(Path(sys.executable).parent / "chroma"), "run", "--path", str(folder)]
    with served(command, "/api/v2/heartbeat", os.environ, folder.parent) as (address, _):
        yield address


def load(
    addresses: Sequence[str], questions: Sequence[str], expected: dict[str, str], clients: int, most: int
) -> list[str]:
    """A row of the table: so many clients ask at the same time, each its next question when it has an answer."""

    def ask(address: str, question: str) -> tuple[float, bool]:
        begun = time.perf_counter()
        try:
            right = _asked(address, question) == expected[question]
        except (httpx.HTTPError, KeyError):
            right = False
        return time.perf_counter() - begun, right

    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        done = list(pool.map(ask, cycle(addresses), islice(cycle(questions), max(most, 3 * clients))))
    whole = time.perf_counter() - begun
    seconds = [one for one, _ in done]
    p50, p95, p99 = (percentile(seconds, q) for q in (50, 95, 99))
    wrong = sum(not right for _, right in done)
    return [
        f"{clients}",
        f"{len(done)}",
        f"{len(done) / whole:.2f}",
        f"{p50:.2f}",
        f"{p95:.2f}",
        f"{p99:.2f}",
        f"{wrong}",
    ]


def _asked(address: str, question: str) -> str:
    body = {"messages": [{"role": "user", "content": question}]}
    answer = httpx.post(f"{address}/v1/chat/completions", json=body, timeout=600, trust_env=False)
    content: str = answer.raise_for_status().json()["choices"][0]["message"]["content"]
    return content


def _cores_used(before: resource.struct_rusage, since: float) -> float:
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / (time.perf_counter() - since)


@click.command(help=__doc__)
@click.option("--processes", multiple=True, type=int, default=(1, 2, 4), show_default=True)
@click.option("--clients", multiple=True, type=int, default=_CLIENTS, show_default=True)
@click.option("--most", default=40, show_default=True, help="Questions for a row, or three for each client if more.")
@click.option("--chroma/--exact", default=False, help="One Chroma server behind them, or exact search in each.")
@click.option("--a-core-each", is_flag=True, help="Each process a server of its own, on a core of its own.")
def main(processes: tuple[int, ...], clients: tuple[int, ...], most: int, chroma: bool, a_core_each: bool) -> None:
    click.echo(machine())
    questions = [sample.question for sample in read_suite(SHIPPED_SUITE).samples if sample.type in ("fact", "why")]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        if chroma:
            with chroma_server(Path(folder, "chroma")) as shared:
                _measure(home, questions, processes, clients, most, shared, a_core_each)
        else:
            _measure(home, questions, processes, clients, most, "", a_core_each)


def _measure(
    home: Path,
    questions: list[str],
    processes: Sequence[int],
    clients: Sequence[int],
    most: int,
    chroma: str,
    a_core_each: bool,
) -> None:
    subprocess.run(
        pincite("list"), env=environ_of(home, PINCITE_CHROMA_URL=chroma), stdout=subprocess.DEVNULL, check=True
    )
    expected: dict[str, str] = {}
    names = ["processes", "clients", "questions", "a second", "p50, s", "p95, s", "p99, s", "wrong or failed"]
    click.echo(f"\n{head(*names)}")
    used = []
    for number in processes:
        before, since = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        cores = sorted(os.sched_getaffinity(0))[:number] if a_core_each else [None]
        with ExitStack() as servers:
            at_once = 1 if a_core_each else number
            addresses = [servers.enter_context(answering(home, at_once, chroma, core)) for core in cores]
            expected = expected or {question: _asked(addresses[0], question) for question in questions}
            for count in clients:
                click.echo(row(str(number), *load(addresses, questions, expected, count, most)))
        used.append(f"{_cores_used(before, since):.2f} with {number}")
    click.echo(f"\nOf {os.cpu_count()} cores the processes used, starting included: {', '.join(used)}.")


if __name__ == "__main__":
    main()
