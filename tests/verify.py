"""`make verify`: what was promised beside what is measured, in one table; exit code 1 if something does not hold.

Every measurement is a command that can be run by itself. Timings hold on two quiet cores; nothing else should run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import starmap
from pathlib import Path
from xml.etree import ElementTree

import click

from evals.record import Outcome, Record
from evals.tables import head, row
from evals.timing import machine, unset
from evals.totals import Totals
from tests.service import ROOT
from tests.wheel import at_work

DATA = ROOT / "evals" / "data"
PINCITE = str(Path(sys.executable).parent / "pincite")

# Promises that tests hold, by the beginnings of their names.
TESTED = {
    "bad input is one line with the next step": ("test_terminal::test_bad_input", "test_mistakes::"),
    "an answer loads no Gradio, openai, LlamaIndex, PyTorch": ("test_terminal::test_an_answer_loads",),
    "what is broken on purpose the gate finds, with its cause": ("test_gate::",),
    "metrics equal their reference implementations": ("test_metrics::", "test_statistics::"),
    "a user's own suite: baseline, diff, gate, acceptance": ("test_terminal::test_a_users_own_suite",),
    "index and ledger damaged: found, rebuilt or said": ("test_damage::",),
    "disk full at twenty points": ("test_disk_full::",),
    "one owner of several processes": ("test_processes::",),
    "`chroma run` killed and silent": ("test_chroma_server::",),
    "bad documents": ("test_bad_inputs::",),
    "passages tile any text": ("test_passages::",),
    "a draft of ten sentences, five of them wrong": ("test_drafts::",),
    "every fault of a model's server ends in time": ("test_model_faults::",),
    "the window in a browser": ("test_chat::", "test_history::"),
    "hostile texts, foreign requests": ("test_hostile::",),
    "every page in every width: fits, axe finds nothing serious": ("test_pictures::",),
    "openai 2 and 3, curl, LlamaIndex's OpenAILike": ("test_completions::",),
    "MCP clients": ("test_tools::",),
    "no token, a wrong one, another's document: refused": ("test_api::",),
    "Ctrl-C at any moment, completion, narrow terminals": ("test_terminal::test_ctrl", "test_terminal::test_a_shell"),
}


@dataclass(frozen=True, slots=True)
class Promise:
    """`holds` is None where a figure is only to be stated."""

    says: str
    measured: str
    holds: bool | None

    @property
    def row(self) -> str:
        return row(self.says, self.measured, {True: "held", False: "**NOT HELD**", None: "stated"}[self.holds])


def run(*command: str, **environ: str) -> str:
    """What it prints, and what it says of errors. A bad exit is said in the last line."""
    done = subprocess.run(command, cwd=ROOT, env=unset() | environ, capture_output=True, text=True)
    return f"{done.stdout}\n{done.stderr}\n" + (f"exit code {done.returncode}" if done.returncode else "")


def python(*arguments: str) -> str:
    return run(sys.executable, "-m", *arguments)


def figure(says: str, printed: str, pattern: str, unit: str, holds: Callable[[float], bool] | None = None) -> Promise:
    """The figure that `pattern` finds in what was printed, in `unit`; not held if there is none."""
    found = re.search(pattern, printed, re.MULTILINE)
    if not found:
        last = printed.strip().splitlines()[-1:] or ["nothing was printed"]
        return Promise(says, f"no figure: {last[0][:160]}", False)
    value = float(found[1].replace(",", ""))
    return Promise(says, f"{found[1]} {unit}".strip(), holds(value) if holds else None)


def most(bound: float) -> Callable[[float], bool]:
    return lambda value: value <= bound


def least(bound: float) -> Callable[[float], bool]:
    return lambda value: value >= bound


def tests() -> Iterator[Promise]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        begun = time.monotonic()
        python("pytest", "-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder", "-q", f"--junitxml={report}")
        seconds = time.monotonic() - begun
        cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314
    results = {
        f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}": case[0].tag if len(case) else "passed"
        for case in cases
    }
    for says, beginnings in {**TESTED, "the whole suite": ("",)}.items():
        of = {name: result for name, result in results.items() if name.startswith(beginnings)}
        count = Counter(of.values())
        failed = [name for name, result in of.items() if result in ("failure", "error")]
        yield Promise(
            says,
            ", ".join(f"{number} {result}" for result, number in count.items()) + "".join(f"; {n}" for n in failed[:3]),
            not failed and count["passed"] > 0,
        )
    yield Promise("the whole suite in 5 minutes", f"{seconds:.0f} s", seconds <= 300)


def answers() -> Iterator[Promise]:
    """Of the shipped article's suite, in two runs."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, "first.json"), Path(folder, "second.json")]
        begun = time.monotonic()
        said = ""
        for seed, file in enumerate(files, 1):
            baseline = ("--baseline", str(ROOT / "evals" / "baseline.json"))
            said += run(PINCITE, "eval", "--record", str(file), *baseline, PYTHONHASHSEED=str(seed))
        seconds = (time.monotonic() - begun) / 2
        first, second = map(Record.load, files)
    plain = Totals.of(first.of("fact", "why")).right or 0.0
    yield Promise("fact and why: right in 92 %", f"{plain:.0%}", plain >= 0.92)
    far = [bool(outcome.right) for outcome in first.of("far_off")]
    yield Promise("another topic: declined", f"{sum(far)} of {len(far)}", all(far))
    declined = Totals.of(outcome for outcome in first.outcomes if outcome.answerable).declined or 0.0
    yield Promise("answerable ones declined: 10 % at most", f"{declined:.0%}", declined <= 0.1)
    cited = sum(len(outcome.answer["citations"]) for outcome in first.outcomes if outcome.answer)
    wrong = sum(outcome.wrong_offsets for outcome in first.outcomes)
    yield Promise("every citation stands to the letter", f"{cited - wrong} of {cited}", not wrong)
    same = [_timeless(one) == _timeless(other) for one, other in zip(first.outcomes, second.outcomes, strict=True)]
    yield Promise("two runs are the same, whatever the hash seed", f"{sum(same)} of {len(same)}", all(same))
    yield Promise("no worse than the baseline", said.strip().splitlines()[-1], said.count("No regression") == 2)
    yield Promise("the suite in 60 s", f"{seconds:.0f} s", seconds <= 60)


def _timeless(outcome: Outcome) -> Outcome:
    return replace(outcome, answer={**(outcome.answer or {}), "timings": None})


def times() -> Iterator[Promise]:
    printed = python("evals.bench")
    yield figure("a cold `pincite ask`", printed, r"^pincite ask, whole process: median of \d+ ([\d.]+) s", "s")
    yield figure(
        "a question in a warm process", printed, r"^a question in a warm process: median of \d+ ([\d.]+) s", "s"
    )


def checking() -> Iterator[Promise]:
    printed = python("evals.adversarial")
    yield figure("wrong marks put right: 90 %", printed, r"^\| all \|.*?(\d+) % \|$", "%", least(90))
    yield figure(
        "the same, of sentences that nothing was chosen by",
        printed,
        r"^\| all that nothing.*?(\d+) % \|$",
        "%",
        least(90),
    )
    yield figure("checking a sentence: 60 ms", printed, r"^checking a sentence.*?p50 ([\d.]+) ms", "ms", most(60))
    yield figure(
        "orders in a document that are followed: none",
        python("evals.injection"),
        r"^\| extractive \| (\d+) \|",
        "of 20",
        most(0),
    )
    labels = python("evals.written", "--labels", str(DATA / "written.jsonl"))
    yield figure("shown as supported and not so: 3 %", labels, r"are not \((\d+) %\)", "%", most(3))


def reader() -> Iterator[Promise]:
    printed = python("evals.reader", str(DATA / "public"), "--part", "cost")
    yield figure(
        "8 passages of 128 tokens read: 130 ms", printed, r"8 pairs of 128 tokens, p50, ms +([\d.]+)", "ms", most(130)
    )
    yield figure("the reader is loaded: .3 s", printed, r"loading, best of 3, s +([\d.]+)", "s", most(0.3))
    yield figure("the reader's file: 35 MB", printed, r"model, MB +([\d.]+)", "MB", most(35))


def retrieval() -> Iterator[Promise]:
    printed = python("evals.retrieval", str(DATA / "public"), "--part", "cost", "--size", "10000")
    sum_alone = r"^\| 10,000 \| [^|]*sum[^|]*\| [^|]*\| [^|]*\| ([\d.,]+) \|"
    yield figure("found among 10,000 passages: 10 ms", printed, sum_alone, "ms", most(10))


def window() -> Iterator[Promise]:
    printed = python("evals.bench_chat")
    yield figure("the page is up: 3 s", printed, r"^page up.*?([\d.]+) s", "s", most(3))
    yield figure("first sentence: 300 ms", printed, r"^first sentence.*?p50 (\d+) ms", "ms", most(300))
    yield figure("32 people at once: none crossed", printed, r"^32 people at once.*?(\d+) crossed", "crossed", most(0))
    yield figure("... and none failed", printed, r"^32 people at once.*?(\d+) failed", "failed", most(0))
    yield figure("a full queue says so", printed, r"^48 at once .* answered, (\d+) told", "told", least(1))
    yield figure(
        "500 turns: memory grows by 5 % at most", printed, r"^500 turns: memory .*?\(([+-][\d.]+)%\)", "%", most(5)
    )
    yield figure(
        "a page is found among 10,000 passages: 2 s", printed, r"^a page of text.*?median of 5 ([\d.]+)", "s", most(2)
    )


def programs() -> Iterator[Promise]:
    yield figure(
        "made requests that pass: 2,000", python("tests.fuzz"), r"generated, ([\d,]+) passed", "passed", least(2000)
    )
    asked = [word for clients in (1, 8, 64) for word in ("--clients", str(clients))]
    printed = python("evals.bench_serve", "--processes", "1", "--processes", "2", *asked)
    rates = {match[1]: float(match[2]) for match in re.finditer(r"^\| (\d) \| 8 \| \d+ \| ([\d.]+) ", printed, re.M)}
    wrong = sum(int(match[1]) for match in re.finditer(r"^\| \d .*\| (\d+) \|$", printed, re.M))
    used = {match[2]: float(match[1]) for match in re.finditer(r"([\d.]+) with (\d)", printed)}
    if rates.keys() != {"1", "2"}:
        yield Promise("1 to 64 clients: no errors", f"no figure: {printed[-160:]}", False)
        return
    yield Promise("1 to 64 clients: no errors", f"{wrong}", wrong == 0)
    ratio, cores = rates["2"] / rates["1"], os.cpu_count() or 1
    yield Promise(
        "two processes are 1.7 times one, or the cores bound them",
        f"{ratio:.2f} times, with 8 clients; {used['1']:.1f} and {used['2']:.1f} of {cores} cores used",
        ratio >= 1.7 or used["2"] > 0.8 * cores,
    )


def kills() -> Iterator[Promise]:
    printed = python("tests.faults")
    yield figure("kills: 100", printed, r"^\| kills at seeded times \| ([\d,]+) \|", "kills", least(100))
    for says, line in {
        "documents acknowledged and lost: none": "of which lost",
        "passages that do not find themselves: none": "of which do not find themselves",
        "manual steps: none": "manual steps",
    }.items():
        yield figure(says, printed, rf"^\| {line} \| ([\d,]+) \|", "", most(0))
    big = python("tests.faults", "--big")
    yield figure(
        "10,000 passages answer again: 5 s", big, r"^\| seconds from process start.*?/ ([\d.]+) \|", "s", most(5)
    )


def wheel() -> Iterator[Promise]:
    with tempfile.TemporaryDirectory() as folder:
        yield from starmap(Promise, at_work(Path(folder), Path(folder)))


PARTS: dict[str, Callable[[], Iterator[Promise]]] = {
    part.__name__: part for part in (answers, times, checking, reader, retrieval, window, programs, kills, wheel, tests)
}


def promises(part: str) -> Iterator[Promise]:
    """Of that part; one that ends in an error is not held, and the others go on."""
    try:
        yield from PARTS[part]()
    except Exception as error:
        yield Promise(f"{part}: measured to the end", f"{error!r:.160}", False)


@click.command(help=__doc__)
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
def main(parts: tuple[str, ...]) -> None:
    begun = time.monotonic()
    revision = run("git", "rev-parse", "--short", "HEAD").strip()
    click.echo(f"{machine()}, revision {revision}\n\n{head('promised', 'measured', '')}")
    broken = 0
    for name in parts or PARTS:
        for promise in promises(name):
            click.echo(promise.row)
            broken += promise.holds is False
    click.echo(f"\n{broken} not held; {(time.monotonic() - begun) / 60:.0f} minutes")
    sys.exit(broken > 0)


if __name__ == "__main__":
    main()
