"""Ask every sample and score what comes back. The same `Assistant.ask` as everywhere else is asked."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

from evals.corpus import unpack
from evals.record import Outcome, Record
from evals.samples import Sample, SampleError, Suite
from evals.score import Texts, failed, score
from index import Library, PinciteError, Progress, Step, open_library
from rag import Assistant
from rag.checking import supported
from rag.reader import local_reader

_DEPENDENCIES = ("chromadb", "llama-index-core", "numpy", "onnxruntime", "tokenizers")


def run(
    suite: Suite,
    *,
    library: Path | Library | None = None,
    environ: Mapping[str, str] = os.environ,
    progress: Progress | None = None,
) -> Record:
    """Ask every reviewed sample of a library; with none, of a library made for it, as `Asking` says.

    Raises SampleError if no sample is reviewed.
    """
    start = time.perf_counter()
    samples = [sample for sample in suite.samples if sample.reviewed]
    if not samples:
        raise SampleError(f"No sample in {suite.path} is reviewed. Accept some with: pincite eval review {suite.path}")
    outcomes: list[Outcome] = []
    with Asking(suite, library=library, environ=environ) as asking:
        for sample in samples:
            if progress:
                progress(Step(sample.id, len(outcomes), len(samples)))
            outcomes.append(asking.ask(sample))
        about = asking.about()
    about |= {
        "suite": suite.path.name,
        "unreviewed": len(suite.samples) - len(samples),
        "seconds": round(time.perf_counter() - start, 1),
    }
    return Record(about, tuple(outcomes))


class Asking:
    """The assistants that samples are asked of, each opened when it is first needed; a context manager.

    Without a library, each set of documents that samples name is put in one of its own: such a sample finds these and
    no others. The others find the shipped article.
    """

    def __init__(
        self, suite: Suite, *, library: Path | Library | None = None, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._suite = suite
        self._library = library
        # A library that is made to be thrown away leaves nothing on a Chroma server.
        kept = {} if library is None else {"PINCITE_CHROMA_URL": environ.get("PINCITE_CHROMA_URL", "")}
        self._environ = {**environ, "PINCITE_CHROMA_URL": "", **kept}
        self._assistants: dict[tuple[Path, ...], tuple[Assistant, Texts]] = {}
        self._supports = partial(supported, reader=local_reader())
        self._open = ExitStack()

    def __enter__(self) -> Asking:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def ask(self, sample: Sample) -> Outcome:
        """Ask and score; what cannot be asked is an outcome with an error. Raises LibraryError, SampleError."""
        assistant, texts = self._assistant(sample)
        try:
            answer = assistant.ask(sample.question, sample.history)
        except PinciteError as error:
            return failed(sample, str(error))
        return score(sample, answer, texts, self._supports)

    def assistant(self, sample: Sample) -> Assistant:
        """The one that `sample` is asked of. Raises LibraryError, SampleError."""
        return self._assistant(sample)[0]

    def about(self) -> dict[str, Any]:
        """With what was asked: model, threshold, size of the first library, versions, revision, machine."""
        assistant = next(iter(self._assistants.values()))[0]
        return {
            "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "model": assistant.model,
            "threshold": assistant.threshold,
            "documents": len(assistant.library.documents()),
            "passages": assistant.library.passage_count,
            "pincite": version("pincite"),
            "revision": _revision(),
            "python": platform.python_version(),
            "dependencies": {name: version(name) for name in _DEPENDENCIES},
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        }

    def _assistant(self, sample: Sample) -> tuple[Assistant, Texts]:
        documents = self._suite.documents(sample) if self._library is None else ()
        if documents not in self._assistants:
            library = self._made(documents) if self._library is None else self._library
            assistant = self._open.enter_context(Assistant.open(library, self._environ))
            self._assistants[documents] = assistant, Texts.of(assistant.library)
        return self._assistants[documents]

    def _made(self, documents: tuple[Path, ...]) -> Path:
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="pincite-eval-")))
        with open_library(folder / "library", self._environ, create=True) as library:
            for number, document in enumerate(documents):
                library.add(unpack(document, folder / str(number)) if document == self._suite.corpus else document)
        return folder / "library"


def _revision() -> str:
    """The checkout's git revision, with a plus if files differ from it; empty outside of one."""
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.strip()
