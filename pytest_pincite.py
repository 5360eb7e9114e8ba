"""A suite as tests: `pytest --pincite-suite questions.jsonl` runs it with your own, one test a sample.

pytest loads this module in every run, so it imports nothing of Pincite until a suite is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from evals.record import Outcome
    from evals.run import Asking
    from evals.samples import Sample, Suite

_SUITES = pytest.StashKey["dict[Path, Suite]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pincite", "Pincite")
    group.addoption(
        "--pincite-suite",
        action="append",
        default=[],
        metavar="FILE",
        help="Run the reference questions of this suite too, each as a test. May be given more than once.",
    )
    group.addoption(
        "--pincite-library",
        metavar="FOLDER",
        help="Ask the library in FOLDER instead of one made of the documents that the suite names.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Read the suites. Raises UsageError for one that cannot be read."""
    suites = config.stash[_SUITES] = {}
    for given in config.option.pincite_suite:
        suite = _read(config.invocation_params.dir / given, whole=config.option.pincite_library is None)
        file = suite.path / "questions.jsonl" if suite.corpus else suite.path
        suites[file.resolve()] = suite


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
    """A suite that lies where pytest looks for tests, or that its arguments name: questions.jsonl::fact-01."""
    suite = parent.config.stash[_SUITES].get(file_path.resolve())
    return _suite_file(parent, file_path, suite) if suite else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the suites that were not collected in that way, before `-k` and the like choose."""
    collected = {item.path.resolve() for item in items if isinstance(item, SampleItem)}
    for path, suite in config.stash[_SUITES].items():
        if path not in collected:
            items.extend(session.genitems(_suite_file(session, path, suite)))


class SuiteFile(pytest.File):
    """A suite; what its samples are asked of is opened at the first of them that runs, and closed after the last."""

    asking: Asking

    def __init__(self, *, suite: Suite, **rest: Any) -> None:
        super().__init__(**rest)
        self._suite = suite

    def collect(self) -> Iterator[SampleItem]:
        from evals.samples import lines

        places = {str(json.loads(line)["id"]): int(place.rpartition(":")[2]) for place, line in lines(self.path)}
        for sample in self._suite.samples:
            item = SampleItem.from_parent(self, name=sample.id, sample=sample, line=places[sample.id])
            if not sample.reviewed:
                item.add_marker(pytest.mark.skip(f"not reviewed yet: pincite eval review {self._shown()}"))
            yield item

    def setup(self) -> None:
        from evals.run import Asking

        library = self.config.option.pincite_library
        asked = self.config.invocation_params.dir / library if library else None
        opened = ExitStack()
        self.addfinalizer(opened.close)
        self.asking = opened.enter_context(Asking(self._suite, library=asked))

    def _shown(self) -> Path:
        folder = self.config.invocation_params.dir
        return self._suite.path.relative_to(folder) if self._suite.path.is_relative_to(folder) else self._suite.path


class SampleItem(pytest.Item):
    """A sample: it passes if its answer is right, and fails too if it could not be asked or scored.

    `-k` matches its type as well as its id.
    """

    def __init__(self, *, sample: Sample, line: int, **rest: Any) -> None:
        super().__init__(**rest)
        self._sample = sample
        self._line = line
        self.extra_keyword_matches.add(sample.type)

    def runtest(self) -> None:
        from evals.score import failed
        from index.errors import PinciteError

        assert isinstance(self.parent, SuiteFile)
        try:
            outcome = self.parent.asking.ask(self._sample)
        except PinciteError as error:
            outcome = failed(self._sample, str(error))
        if not outcome.right:
            pytest.fail(explanation(outcome), pytrace=False)
        try:
            for lost in outcome.stale:
                self.warn(pytest.PytestWarning(f"{self.name}: no longer in the library: {lost!r}. Correct the suite."))
        except pytest.PytestWarning as raised:
            raise pytest.fail.Exception(str(raised), pytrace=False) from None

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self._line - 1, self.name


def explanation(outcome: Outcome) -> str:
    """Why an outcome is not right, for a person: the cause, the question, what was answered, what was expected."""
    from evals.samples import EVERY_QUOTE

    sample, answer = outcome.sample, outcome.answer
    turns = [f"{turn['role']}: {turn['text']}" for turn in sample["history"]]
    lines = [outcome.cause, *_block("question", [*turns, sample["question"]])]
    if answer:
        cited = [f"[{c['number']}] {c['title']}, {c['start']}-{c['end']}: “{c['quote']}”" for c in answer["citations"]]
        lines += _block(f"answer, confidence {answer['confidence']:.2f}", [answer["text"], *cited])
    gold = [f"“{quote}”" + _lost(quote, outcome) for quote in sample["quotes"]]
    gold += [f"anything of {name}" + _lost(name, outcome) for name in sample["sources"]]
    many = "all of" if outcome.type in EVERY_QUOTE else "any one of"
    lines += _block(f"expected, {many}", gold) if gold else _block("expected", ["to be declined"])
    if outcome.said_forbidden:
        lines += _block("must not say", sample["must_not_say"])
    return "\n".join(lines)


def _block(label: str, lines: Iterable[str]) -> list[str]:
    return [f"  {label}:", *(f"    {line}".replace("\n", "\n    ") for line in lines)]


def _lost(gold: str, outcome: Outcome) -> str:
    return "  (no longer in the library)" if gold in outcome.stale else ""


def _suite_file(parent: pytest.Collector, path: Path, suite: Suite) -> SuiteFile:
    outside = None if path.is_relative_to(parent.config.rootpath) else path.as_posix()
    return SuiteFile.from_parent(parent, path=path, nodeid=outside, suite=suite)


def _read(path: Path, *, whole: bool) -> Suite:
    """With `whole`, the documents that the suite names must be there too."""
    from evals.samples import read_suite
    from index.errors import PinciteError

    try:
        suite = read_suite(path)
        if whole:
            for sample in suite.samples:
                suite.documents(sample)
    except PinciteError as error:
        raise pytest.UsageError(str(error)) from error
    return suite
