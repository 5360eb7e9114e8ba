"""`pincite eval`: reference questions asked, runs compared and accepted, samples made."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ui.shell import REGRESSED, chosen_library, count, library_option, opened, progress

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

    from evals.export import Tool
    from evals.samples import Sample

_FILE = click.Path(path_type=Path, dir_okay=False)


class _RunByDefault(click.Group):
    """`pincite eval SUITE` is `pincite eval run SUITE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group("eval", cls=_RunByDefault)
@library_option
def evaluate() -> None:
    """Ask reference questions and say how good the answers are.

    \b
    pincite eval                                 the shipped article's suite
    pincite eval mine.jsonl --record mine.json   your own, kept to compare with
    pincite eval mine.jsonl --baseline mine.json is it worse than it was? 4 says yes
    pincite eval bless new.json mine.json        accept a run as the new baseline
    pincite eval diff mine.json new.json         what changed, answer by answer
    pincite eval make mine.jsonl                 propose questions about your documents
    pincite eval review mine.jsonl               accept or drop them
    """


@evaluate.command("run")
@click.argument("suite", required=False, type=click.Path(path_type=Path))
@click.option("--record", type=_FILE, help="Keep the run as JSON, to compare later ones with.")
@click.option("--html", type=_FILE, help="Write a report for the browser, in one file.")
@click.option("--baseline", type=_FILE, help="Compare with this record; exit code 4 is a regression.")
@click.option("--questions", type=click.IntRange(1), metavar="N", help="Ask N of the suite, the same ones each time.")
@click.option("--model", metavar="NAME", help='Let this model write, or "extractive": none, whatever is set.')
@click.option("--judge", metavar="NAME", help="Let this model grade the answers too; the scores stay what they are.")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(1, 20), help="How often the judge grades.")
@click.option("--json", "as_json", is_flag=True, help="Print the record instead of the table.")
@library_option
def evaluate_run(
    suite: Path | None,
    record: Path | None,
    html: Path | None,
    baseline: Path | None,
    questions: int | None,
    model: str | None,
    judge: str | None,
    repeats: int,
    as_json: bool,
) -> None:
    """Ask SUITE, a JSONL file with a question a line; without one the suite of the shipped article.

    SUITE may be a folder with a public set: questions.jsonl and corpus.jsonl. Without --library the documents that
    the suite names are asked, in a library made for the run.
    """
    from rich.console import Console

    from evals.gate import compare
    from evals.judge import judge as judged
    from evals.record import Record, RecordError, keep_latest, write_file
    from evals.report import table, verdict
    from evals.run import run
    from evals.samples import SHIPPED_SUITE, read_suite

    earlier = Record.load(baseline) if baseline else None
    judging = _model(judge, "--judge", temperature=1.0) if judge else None
    asked = read_suite(suite or SHIPPED_SUITE)
    if questions:
        asked = asked.drawn(questions)
        earlier = earlier and earlier.only({sample.id for sample in asked.samples})
    with progress() as shown:
        made = run(asked, library=chosen_library(), environ=_environ(model), progress=shown)
        if judging:
            made = judged(made, judging, repeats, shown)
    try:
        keep_latest(made)
    except RecordError as error:
        click.echo(f"The chat window will not show this run. {error}", err=True)
    if record:
        made.save(record)
    if html:
        from evals.html import page

        write_file(html, page(made))
    if as_json:
        click.echo(json.dumps(made.to_dict(), ensure_ascii=False))
    else:
        Console(width=None if sys.stdout.isatty() else 110).print(table(made))
    if earlier:
        comparison = compare(earlier, made)
        click.echo(verdict(comparison), err=as_json)
        if comparison.regressed:
            sys.exit(REGRESSED)


@evaluate.command("bless")
@click.argument("record", type=_FILE)
@click.argument("baseline", type=_FILE)
def evaluate_bless(record: Path, baseline: Path) -> None:
    """Accept RECORD as the new BASELINE, on purpose."""
    from evals.record import Record

    made = Record.load(record)
    made.slim().save(baseline)
    click.echo(f"{baseline} is now the run of {made.about['made']}: {len(made.outcomes)} answers.")


@evaluate.command("diff")
@click.argument("before", type=_FILE)
@click.argument("after", type=_FILE)
def evaluate_diff(before: Path, after: Path) -> None:
    """Show which answers of two records differ: words, citations, ranks, verdicts."""
    from evals.gate import word_diff
    from evals.record import Record

    lines = word_diff(Record.load(before), Record.load(after))
    click.echo("\n".join(lines) or "No answer differs.")


@evaluate.command("make")
@click.argument("suite", type=_FILE)
@click.option("--count", "wanted", default=20, show_default=True, type=click.IntRange(1), help="How many to propose.")
@click.option("--seed", default=0, show_default=True, help="Another number, other questions.")
@click.option("--model", metavar="NAME", help="Let this model write them; what it cannot quote is rejected.")
@library_option
def evaluate_make(suite: Path, wanted: int, seed: int, model: str | None) -> None:
    """Propose reference questions about the library's documents, at the end of SUITE.

    From plain sentences, from answers that were marked bad in the chat window, and near misses: questions that the
    library does not answer. None is asked before you accept it, with: pincite eval review SUITE
    """
    from evals.feedback import read_feedback
    from evals.propose import propose, propose_with_model
    from evals.review import append
    from evals.samples import read_suite

    with opened() as library:
        if model:
            written = propose_with_model(_model(model, "--model"), library, wanted, seed=seed)
            made = written.samples
            for reason, times in written.rejected.most_common():
                click.echo(f"rejected, {reason}: {times}", err=True)
        else:
            real = read_suite(suite).samples if suite.exists() and suite.stat().st_size else ()
            made = propose(library, wanted, seed=seed, samples=real, feedback=read_feedback(library.path))
    added = append(suite, made)
    fewer = "" if len(added) == wanted else f", of {wanted} wanted: these documents gave no more that are not there yet"
    click.echo(f"{suite}: {count(len(added), 'proposal')} added{fewer}.")
    if added:
        click.echo(f"Accept or drop them with: pincite eval review {suite}", err=True)


@evaluate.command("review")
@click.argument("suite", type=_FILE)
def evaluate_review(suite: Path) -> None:
    """Show each proposal in SUITE and accept (a), drop (d) or skip (s) it; q stops. Every decision is kept at once."""
    from evals.review import review

    done = review(suite, _decision)
    click.echo(f"{suite}: {done.accepted} accepted, {done.dropped} dropped, {done.left} left to review.")


def _decision(sample: Sample, number: int, total: int) -> str:
    click.echo(f"\n{number} of {total}, {sample.type}: {click.style(sample.question, bold=True)}")
    for turn in sample.history:
        click.echo(f"  after, {turn.role}: {turn.text}")
    for answer in sample.answers:
        click.echo(f"  answer: {answer}")
    for quote in sample.quotes:
        click.echo(f"  quote: “{quote}”")
    if not sample.answerable:
        click.echo("  the library must decline it")
    if sample.note:
        click.echo(f"  {sample.note}")
    return str(click.prompt("accept, drop, skip, quit", type=click.Choice(["a", "d", "s", "q"])))


@evaluate.command("export")
@click.argument("record", type=_FILE)
@click.argument("file", type=_FILE)
@click.option("--to", required=True, type=click.Choice(["ragas", "deepeval", "inspect"]), help="What reads FILE.")
def evaluate_export(record: Path, file: Path, to: Tool) -> None:
    """Write RECORD as a FILE that another eval tool reads: .jsonl for ragas and inspect, .json for deepeval."""
    from evals.export import as_file, rows
    from evals.record import Record, write_file

    made = Record.load(record)
    written = rows(made, to)
    write_file(file, as_file(written, to))
    left = len(made.outcomes) - len(written)
    click.echo(
        f"{file}: {count(len(written), 'row')}" + (f"; left out {left} that could not be asked." if left else ".")
    )


def _environ(model: str | None) -> Mapping[str, str]:
    """The environment, with `model` as the one that writes."""
    from rag.assistant import EXTRACTIVE

    if model is None:
        return os.environ
    if model == EXTRACTIVE:
        of_a_model = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "PINCITE_GGUF")
        return {name: value for name, value in os.environ.items() if name not in of_a_model}
    _model(model, "--model")
    return os.environ | {"OPENAI_MODEL": model}


def _model(name: str, option: str, *, temperature: float = 0.0) -> LLM:
    from rag.models import language_model

    model = language_model(os.environ | {"OPENAI_MODEL": name}, temperature=temperature)
    if model is None:
        raise click.UsageError(f"{option} {name} needs a server: set OPENAI_API_KEY, or OPENAI_BASE_URL, or both.")
    return model
