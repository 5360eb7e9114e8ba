"""The `pincite` command: every door of the library and the assistant, for a shell.

Answers go to standard output, everything else to standard error. What a command does not need is not imported.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from index import Library, Progress
    from rag import Answer

ANSWERED, FAILED, USAGE, NOT_IN_LIBRARY, REGRESSED = 0, 1, 2, 3, 4

_EXAMPLES = """\b
Examples:
  pincite ask "How many containers has North Korea supplied to Russia?"
  pincite add ~/articles              read every text and Markdown file there
  pincite --library ./mine add a.md   keep a library of its own in ./mine
  echo "Who is it about?" | pincite ask -

\b
Exit codes: 0 answered or done, 1 error, 2 wrong usage, 3 not in the library,
4 answers got worse (eval --baseline).

\b
Settings, from the environment:
  PINCITE_HOME       where the default library lies
  PINCITE_EMBEDDING  an OpenAI embedding model instead of the one that ships
  PINCITE_THRESHOLD  the confidence from which a question counts as answered (0.5)
  OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL   let this model write the answers
"""


def _library_option(command: Callable[..., Any]) -> Callable[..., Any]:
    def keep(context: click.Context, _: click.Parameter, value: Path | None) -> None:
        if value is not None:
            context.find_root().obj = value

    return click.option(
        "--library",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        expose_value=False,
        callback=keep,
        help="Use the library in FOLDER instead of the default one.",
    )(command)


@click.group(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@_library_option
@click.version_option(package_name="pincite", prog_name="pincite")
def pincite() -> None:
    """Ask a library of articles. Every sentence of an answer is pinned to the exact characters that support it.

    The default library holds the article that ships; add your own. No key and no network are needed.
    """


@pincite.command()
@click.argument("question")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every field of the answer.")
@_library_option
def ask(question: str, as_json: bool) -> None:
    """Answer QUESTION with numbered quotes; "-" reads it from standard input."""
    from rag import QuestionError, answer

    if question == "-":
        question = sys.stdin.read()
    try:
        found = answer(question, library=_chosen_library())
    except QuestionError as error:
        raise click.UsageError(str(error)) from error
    click.echo(json.dumps(found.to_dict(), ensure_ascii=False) if as_json else _rendered(found))
    sys.exit(ANSWERED if found.answered else NOT_IN_LIBRARY)


@pincite.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@_library_option
def add(paths: tuple[Path, ...]) -> None:
    """Read files, or all text and Markdown files of folders, into the library.

    What is there unchanged is left alone; what has changed is read anew.
    """
    failed = 0
    with _open(create=True) as library, _progress() as progress:
        for path in paths:
            report = library.add(path, progress)
            for verb, names in (("Added", report.added), ("Changed", report.changed), ("Unchanged", report.unchanged)):
                for name in names:
                    click.echo(f"{verb} {name}")
            for _, reason in report.failed:
                click.echo(f"Left out: {reason}", err=True)
            failed += len(report.failed)
        documents = library.documents()
    passages = sum(row.passages for row in documents)
    click.echo(f"The library holds {_count(len(documents), 'document')}, {_count(passages, 'passage')}.", err=True)
    if failed:
        sys.exit(FAILED)


@pincite.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@_library_option
def list_documents(as_json: bool) -> None:
    """Show the documents of the library."""
    from dataclasses import asdict

    with _open() as library:
        rows = library.documents()
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], ensure_ascii=False))
        return
    for row in rows:
        click.echo(f"{row.id}  {row.title}  ({_count(row.passages, 'passage')}, {row.characters:,} characters)")
        click.echo(f"{'':14}{row.path}")
    if not rows:
        click.echo("The library is empty. Add documents with: pincite add FILE_OR_FOLDER", err=True)


@pincite.command()
@click.argument("names", nargs=-1, required=True, metavar="DOCUMENT...")
@_library_option
def remove(names: tuple[str, ...]) -> None:
    """Remove documents, named by id, path, file name or title, and all that was made from them."""
    with _open() as library:
        for name in names:
            click.echo(f"Removed {library.remove(name).path}")


@pincite.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=7860, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--open", "open_browser", is_flag=True, help="Open the page in a browser.")
@_library_option
def chat(host: str, port: int, open_browser: bool) -> None:
    """Open the chat window on this machine."""
    from rag import Assistant
    from ui.chat import serve

    with Assistant.open(_chosen_library()) as assistant:
        serve(assistant, host=host, port=port, open_browser=open_browser)


class _RunByDefault(click.Group):
    """`pincite eval SUITE` is `pincite eval run SUITE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


_FILE = click.Path(path_type=Path, dir_okay=False)


@pincite.group("eval", cls=_RunByDefault)
@_library_option
def evaluate() -> None:
    """Ask reference questions and say how good the answers are.

    \b
    pincite eval                                 the shipped article's suite
    pincite eval mine.jsonl --record mine.json   your own, kept to compare with
    pincite eval mine.jsonl --baseline mine.json is it worse than it was? 4 says yes
    pincite eval bless new.json mine.json        accept a run as the new baseline
    pincite eval diff mine.json new.json         what changed, answer by answer
    """


@evaluate.command("run")
@click.argument("suite", required=False, type=_FILE)
@click.option("--record", type=_FILE, help="Keep the run as JSON, to compare later ones with.")
@click.option("--html", type=_FILE, help="Write a report for the browser, in one file.")
@click.option("--baseline", type=_FILE, help="Compare with this record; exit code 4 is a regression.")
@click.option("--json", "as_json", is_flag=True, help="Print the record instead of the table.")
@_library_option
def evaluate_run(
    suite: Path | None, record: Path | None, html: Path | None, baseline: Path | None, as_json: bool
) -> None:
    """Ask SUITE, a JSONL file with a question a line; without one the suite of the shipped article.

    Without --library the documents that the suite names are asked, in a library made for the run.
    """
    from rich.console import Console

    from evals.gate import compare
    from evals.report import table, verdict
    from evals.run import Record, run, write_file
    from evals.samples import SHIPPED_SUITE, read_suite

    earlier = Record.load(baseline) if baseline else None
    with _progress() as progress:
        made = run(read_suite(suite or SHIPPED_SUITE), library=_chosen_library(), progress=progress)
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
    from evals.run import Record

    made = Record.load(record)
    made.slim().save(baseline)
    click.echo(f"{baseline} is now the run of {made.about['made']}: {len(made.outcomes)} answers.")


@evaluate.command("diff")
@click.argument("before", type=_FILE)
@click.argument("after", type=_FILE)
def evaluate_diff(before: Path, after: Path) -> None:
    """Show which answers of two records differ: words, citations, ranks, verdicts."""
    from evals.gate import word_diff
    from evals.run import Record

    lines = word_diff(Record.load(before), Record.load(after))
    click.echo("\n".join(lines) or "No answer differs.")


@pincite.command()
@click.option("--repair", is_flag=True, help="Rebuild what is derived; with another embedding model, embed anew.")
@_library_option
def doctor(repair: bool) -> None:
    """Check the library, and say the cure of what is wrong."""
    with _open(rebuild=repair) as library:
        click.echo(f"Library {library.path}")
        findings = library.check()
    for finding in findings:
        click.echo(f"{'ok ' if finding.ok else 'BAD'} {finding.text}")
        if not finding.ok:
            click.echo(f"    cure: {finding.cure}")
    if not all(finding.ok for finding in findings):
        sys.exit(FAILED)


def main() -> None:
    """Run the command; a failure that is expected is one line, without a traceback."""
    from index.errors import PinciteError

    try:
        pincite.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except PinciteError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(FAILED)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)


def _chosen_library() -> Path | None:
    path: Path | None = click.get_current_context().find_root().obj
    return path


def _open(*, create: bool = False, rebuild: bool = False) -> Library:
    from index import open_library

    return open_library(_chosen_library(), create=create, rebuild=rebuild)


def _rendered(answer: Answer) -> str:
    lines = [_wrapped(answer.text)]
    if not answer.answered and answer.hits:
        lines.append("\nThe nearest passages:")
        for hit in answer.hits[:3]:
            passage = hit.passage
            lines.append(f"\n  {passage.context}, characters {passage.start}-{passage.end}")
            lines.append(_wrapped(textwrap.shorten(passage.text, 240, placeholder=" …"), "    "))
    for citation in answer.citations:
        page = f", page {citation.page}" if citation.page else ""
        lines.append(f"\n[{citation.number}] {citation.title}{page}, characters {citation.start}-{citation.end}")
        lines.append(_wrapped(f"“{citation.quote}”", "    "))
        lines.append(f"    {citation.path}")
    return "\n".join(lines)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 100, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@contextmanager
def _progress() -> Iterator[Progress]:
    """A progress bar on standard error, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
