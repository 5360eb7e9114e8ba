"""What each system costs at several sizes: time to add, to start and to search, memory and disk; tables in Markdown.

Everything is done in a new process each time: one adds, the next opens what was added and searches it.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from evals.reader.sets import document_of, documents_of
from evals.retrieval.corpora import questions_of
from evals.retrieval.growth import Growing, grown
from evals.retrieval.measure import DEPTH
from evals.retrieval.plot import Points
from evals.retrieval.systems import SUM, Entrant
from evals.statistics import drawn, percentile
from evals.tables import head, number, row
from evals.timing import apart, bytes_in, peak_memory, seconds_of
from index import Document, Library
from index.embedder import local_embedder
from rag.reader import local_reader
from rag.retrieve import CANDIDATES, Retriever

# One client asks so many questions, or as many as it can in so many seconds; then several clients ask as many others.
WARM_UP, ASKED, MOST_SECONDS, CLIENTS = 10, 100, 20.0, 8


@dataclass(frozen=True, slots=True)
class Added:
    seconds: float
    peak: int
    """The largest resident memory of the process in bytes, the documents themselves included."""


@dataclass(frozen=True, slots=True)
class Searched:
    """Seconds; `one` and `many` are questions a second by one client and by eight at once; `peak` is as in `Added`."""

    start: float
    p50: float
    p95: float
    one: float
    many: float
    peak: int


@dataclass(frozen=True, slots=True)
class Stages:
    """Medians, in seconds, of what Pincite does for a question."""

    embedding: float
    searching: float
    reading: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a system with so many passages; `disk` in bytes, `rate` in passages a second where all were embedded.

    `rate` and `added` are None where another system of the same store had added the documents before; `stages` are
    known of Pincite's sum.
    """

    passages: int
    system: str
    rate: float | None
    added: Added | None
    searched: Searched
    disk: int
    stages: Stages | None

    @property
    def row(self) -> str:
        searched = self.searched
        return row(
            f"{self.passages:,}",
            self.system,
            number(self.rate),
            number(searched.start, 2),
            *(number(1000 * seconds) for seconds in (searched.p50, searched.p95)),
            *(number(rate) for rate in (searched.one, searched.many)),
            number(self.added.peak / 1e6 if self.added else None, 0),
            number(searched.peak / 1e6, 0),
            number(self.disk / 1e6),
        )


HEAD = head(
    "passages", "system", "added, passages a second", "start to first hits, s", "p50, ms", "p95, ms",
    "questions a second, 1 client", f"{CLIENTS} clients", "memory adding, MB", "memory searching, MB", "disk, MB",
)  # fmt: skip


def starting() -> float:
    """Seconds until a new process can do anything: each start has them in it."""
    return apart(_since, time.time())


def costs(
    folders: Sequence[Path], entrants: Sequence[Entrant], sizes: Sequence[int], work: Path, embedded: int
) -> Iterator[Cost]:
    """Of all systems at all sizes.

    So many passages are `embedded` by the model; beyond that size, vectors are made (see `growth`). What is added lies
    in the folder `work`, and is not added again.
    """
    questions = drawn([question for folder in folders for question in questions_of(folder)], WARM_UP + 2 * ASKED)
    for size in sizes:
        stores = set()
        for entrant in entrants:
            if size > embedded and entrant.own_model:
                continue
            folder = work / (f"{size}-{embedded}" if size > embedded else f"{size}") / entrant.store
            name = entrant.make(folder, None).name
            added = _added(name, folder, entrant, folders, size, embedded)
            is_first = entrant.store not in stores
            stores.add(entrant.store)
            yield Cost(
                size,
                name,
                size / added.seconds if is_first and size <= embedded else None,
                added if is_first else None,
                apart(search, entrant, folder, questions, time.time()),
                bytes_in(folder),
                apart(stages_of, folder, questions) if entrant is SUM else None,
            )


def stages_table(measured: Sequence[Cost]) -> Iterator[str]:
    yield "\n### Where a question's time goes in Pincite, p50 in ms\n"
    yield head("passages", "embedding the question", "searching", "reading")
    for cost in measured:
        if cost.stages:
            yield row(f"{cost.passages:,}", *(number(1000 * seconds) for seconds in astuple(cost.stages)))


def points_of(measured: Sequence[Cost]) -> Points:
    points: dict[str, list[tuple[int, float]]] = {}
    for cost in measured:
        points.setdefault(cost.system, []).append((cost.passages, cost.searched.p50))
    return points


def add(folder: Path, entrant: Entrant, folders: Sequence[Path], size: int, embedded: int) -> Added:
    documents = list(grown(real_documents(folders), size))
    start = time.perf_counter()
    embedder = Growing(local_embedder(), embedded) if size > embedded else None
    with entrant.make(folder, embedder) as system:
        system.add(documents)
    return Added(time.perf_counter() - start, peak_memory())


def _added(name: str, folder: Path, *given: Any) -> Added:
    """As it was measured when it was added, in this run or in an earlier one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    file = folder.parent / "added.json"
    known: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if name not in known:
        known[name] = asdict(apart(add, folder, *given))
        file.write_text(json.dumps(known), encoding="utf-8")
    return Added(**known[name])


def search(entrant: Entrant, folder: Path, questions: Sequence[str], started: float) -> Searched:
    """`started`: when the process was, by the clock of `time.time`. No question is asked twice."""
    warm_up, alone, together = _split(questions)
    with entrant.make(folder, None) as system:

        def ask(question: str) -> float:
            return seconds_of(lambda: system.search(question, DEPTH))

        ask(warm_up[0])
        start = _since(started)
        for question in warm_up[1:]:
            ask(question)
        times: list[float] = []
        for question in alone:
            if sum(times) < MOST_SECONDS:
                times.append(ask(question))
        together = together[: len(times)]
        with ThreadPoolExecutor(CLIENTS) as clients:
            elapsed = seconds_of(lambda: list(clients.map(ask, together)))
        return Searched(
            start,
            percentile(times, 50) or 0.0,
            percentile(times, 95) or 0.0,
            len(times) / sum(times),
            len(together) / elapsed,
            peak_memory(),
        )


def stages_of(folder: Path, questions: Sequence[str]) -> Stages:
    """The library keeps a question's embedding, so what comes after it is timed without."""
    warm_up, alone, _ = _split(questions)
    times: list[tuple[float, float, float]] = []
    with Library(folder) as library:
        retriever = Retriever(library, local_reader())
        for question in [*warm_up, *alone]:
            if sum(map(sum, times[len(warm_up) :])) > MOST_SECONDS:
                break
            embedding = seconds_of(partial(library.embed_question, question))
            searching = seconds_of(partial(library.search, question, CANDIDATES))
            both = seconds_of(partial(retriever.search, question))
            times.append((embedding, searching, both - searching))
    return Stages(*(statistics.median(column) for column in zip(*times[len(warm_up) :], strict=True)))


def real_documents(folders: Sequence[Path]) -> list[Document]:
    """All documents of the sets, mixed, the same way each time."""
    documents = [
        document_of(f"{folder.name}/{document.id}", document.title, document.text)
        for folder in folders
        for document in dict.fromkeys(documents_of(folder).values())
    ]
    return sorted(documents, key=lambda document: document.sha256)


def _split(questions: Sequence[str]) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    """Those that warm up, those of one client, those of several: of every set in each."""
    warm_up = min(WARM_UP, len(questions) // 3)
    rest = questions[warm_up:]
    return questions[:warm_up], rest[::2], rest[1::2]


def _since(moment: float) -> float:
    return time.time() - moment
