"""The `pincite` command: every door of the library and the assistant, for a shell.

Answers go to standard output, everything else to standard error. What a command does not need is not imported.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from ui.eval_commands import evaluate
from ui.shell import (
    ANSWERED,
    FAILED,
    NOT_IN_LIBRARY,
    UNSUPPORTED,
    chosen_library,
    count,
    library_option,
    opened,
    progress,
    within_options,
)

if TYPE_CHECKING:
    from index import Added, Library, Part
    from rag import Assistant

_SETTINGS = ("PINCITE_", "OPENAI_", "GRADIO_SERVER_", "OTEL_", "OPENINFERENCE_")
_EXAMPLES = """\b
Examples:
  pincite ask "How many containers has North Korea supplied to Russia?"
  pincite add ~/articles              read every document there, again only what changed
  pincite --library ./mine add a.md   keep a library of its own in ./mine
  echo "Who is it about?" | pincite ask -

\b
Exit codes: 0 answered or done, 1 error, 2 wrong usage, 3 not in the library,
4 answers got worse (eval --baseline), 5 not everything is supported (check, verify).

\b
Settings, from the environment, or from a file .env in this folder:
  PINCITE_HOME       where the default library lies
  PINCITE_EMBEDDING  an OpenAI embedding model instead of the one that ships
  PINCITE_CHROMA_URL a Chroma server to use instead of Chroma in this process
  PINCITE_THRESHOLD  the confidence from which a question counts as answered (0.35)
  OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL   let this model write the answers
  PINCITE_GGUF       a model file to do so, run in this process (extra local-llm)
  PINCITE_CONTEXT    the model's context in tokens (8192)
  PINCITE_AUTH       who may use the chat window: name:password,... or open (ask only)
  PINCITE_HISTORY    whether it keeps conversations: on, off (on, unless there is a PINCITE_AUTH)
  PINCITE_TOKENS     who may ask by HTTP: name:token,... or name:token@tag (of documents tagged so)
  PINCITE_RATE       how often each of them may, as 60/minute
  PINCITE_UNSUPPORTED   what becomes of its unsupported sentences: mark, strict (never shown), again
"""


@click.group(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@library_option
@click.version_option(package_name="pincite", prog_name="pincite")
def pincite() -> None:
    """Ask a library of articles. Every sentence of an answer is pinned to the exact characters that support it.

    The default library holds the article that ships; add your own. No key and no network are needed.
    """


@pincite.command()
@click.argument("question")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every field of the answer.")
@within_options
@library_option
def ask(question: str, as_json: bool, **which: Any) -> None:
    """Answer QUESTION with numbered quotes; "-" reads it from standard input."""
    from ui.plain import answer_text

    question = _read(question)
    with _asked(**which) as (assistant, part):
        found = assistant.ask(question, within=part)
    click.echo(json.dumps(found.to_dict(), ensure_ascii=False) if as_json else answer_text(found))
    sys.exit(ANSWERED if found.answered else NOT_IN_LIBRARY)


@pincite.command()
@click.argument("question")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@within_options
@library_option
def search(question: str, as_json: bool, **which: Any) -> None:
    """Print what the library has on QUESTION, best first: the sentences that matter, and where they stand."""
    from ui.plain import excerpt_text

    question = _read(question)
    with _asked(**which) as (assistant, part):
        found = assistant.search(question, within=part)
    if as_json:
        click.echo(json.dumps([excerpt.to_dict() for excerpt in found], ensure_ascii=False))
    else:
        click.echo("\n\n".join(map(excerpt_text, found)))
    sys.exit(ANSWERED if found else NOT_IN_LIBRARY)


@pincite.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, a sentence an object.")
@within_options
@library_option
def check(file: IO[str], as_json: bool, **which: Any) -> None:
    """Hold every sentence of FILE, a draft or an answer of any system, against the library; "-" is standard input.

    Each is supported, partly supported, contradicted or not found, with what the library says. No language model is
    asked. Exit code 0 if every sentence is supported, 5 otherwise.
    """
    from dataclasses import asdict

    from rag import Verdict
    from ui.plain import checked_text

    text = _text_of(file)
    with _asked(**which) as (assistant, part):
        sentences = list(assistant.check(text, within=part))
    if as_json:
        click.echo(json.dumps([asdict(sentence) for sentence in sentences], ensure_ascii=False))
    else:
        click.echo(checked_text(sentences))
    supported = sum(sentence.verdict is Verdict.SUPPORTED for sentence in sentences)
    click.echo(f"{supported:,} of {count(len(sentences), 'sentence')} supported.", err=True)
    sys.exit(ANSWERED if supported == len(sentences) else UNSUPPORTED)


@pincite.command()
@click.argument("receipt", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, a citation an object.")
@library_option
def verify(receipt: Path, as_json: bool) -> None:
    """Hold an answer that was kept, RECEIPT as `pincite ask --json` printed it, against the library of today.

    Says of every quote whether it still stands to the letter, and whether its document has changed. Exit code 0 if all
    of them stand, 5 otherwise.
    """
    from dataclasses import asdict

    from rag.receipts import Standing, read_receipt, verify
    from ui.plain import verified_text

    answer = read_receipt(receipt)
    with opened() as library:
        kept = verify(answer, library)
    click.echo(json.dumps([asdict(item) for item in kept], ensure_ascii=False) if as_json else verified_text(kept))
    stand = sum(item.standing is not Standing.GONE for item in kept)
    click.echo(f"{stand:,} of {count(len(kept), 'quote')} stand in the library.", err=True)
    sys.exit(ANSWERED if stand == len(kept) else UNSUPPORTED)


def _text_of(file: IO[str]) -> str:
    try:
        return file.read()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{file.name} is no UTF-8 text. Save it as plain text first.") from error


@contextmanager
def _asked(
    within: tuple[str, ...], tags: tuple[str, ...], since: datetime | None, until: datetime | None
) -> Iterator[tuple[Assistant, Part | None]]:
    """The assistant, and the part of its library to ask; a question that cannot be asked is wrong usage."""
    from rag import Assistant, QuestionError

    with Assistant.open(chosen_library()) as assistant:
        part = None
        if within or tags or since or until:
            first, last = (day.date() if day else None for day in (since, until))
            part = assistant.library.within(*within, tags=tags, since=first, until=last)
        try:
            yield assistant, part
        except QuestionError as error:
            raise click.UsageError(str(error)) from error


def _read(question: str) -> str:
    return sys.stdin.read() if question == "-" else question


@pincite.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--workers", default=0, type=click.IntRange(0, 256), help="Read with so many processes; needs Ray.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Mark what is there so, for ask and search --tag.")
@library_option
def add(paths: tuple[str, ...], workers: int, tags: tuple[str, ...]) -> None:
    """Read files, all documents of folders, or web addresses into the library.

    A folder is synchronised: what is there unchanged is left alone, what has changed is read anew, what was moved keeps
    its id, and what is gone from the folder goes from the library.
    """
    with opened(create=True) as library, progress() as shown:
        failed = []
        for path in paths:
            failed.append(_report(library.add(path, shown, workers=workers)))
            if tags:
                library.tag(str(Path(path).resolve()) if Path(path).exists() else path, *tags)
        _summary(library)
    if any(failed):
        sys.exit(FAILED)


@pincite.command()
@library_option
def refresh() -> None:
    """Look again at every file and folder that was added."""
    with opened() as library, progress() as shown:
        failed = _report(library.refresh(shown))
        _summary(library)
    if failed:
        sys.exit(FAILED)


def _report(report: Added) -> bool:
    """Print what was done; whether something failed."""
    from index.documents import printable

    for verb, names in (
        ("Added", report.added), ("Changed", report.changed), ("Moved", report.moved),
        ("Unchanged", report.unchanged), ("Removed", report.removed),
    ):  # fmt: skip
        for name in names:
            click.echo(f"{verb} {printable(name)}")
    for name, other in report.duplicates:
        click.echo(f"Left out {printable(name)}: the same as {printable(other)}")
    for _, reason in report.failed:
        click.echo(f"Failed: {reason}", err=True)
    return bool(report.failed)


def _summary(library: Library) -> None:
    documents = count(len(library.documents()), "document")
    click.echo(f"The library holds {documents}, {count(library.passage_count, 'passage')}.", err=True)


@pincite.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@library_option
def list_documents(as_json: bool) -> None:
    """Show the documents of the library."""
    from dataclasses import asdict

    with opened() as library:
        rows = library.documents()
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], ensure_ascii=False))
        return
    for row in rows:
        click.echo(f"{row.id}  {row.title}  ({count(row.passages, 'passage')}, {row.characters:,} characters)")
        click.echo(f"{'':14}{row.path}")
        if row.tags:
            click.echo(f"{'':14}tagged {', '.join(row.tags)}")
    if not rows:
        click.echo("The library is empty. Add documents with: pincite add FILE_OR_FOLDER", err=True)


@pincite.command()
@click.argument("name", metavar="DOCUMENT")
@click.argument("tags", nargs=-1, required=True, metavar="TAG...")
@click.option("--remove", is_flag=True, help="Take the tags away.")
@library_option
def tag(name: str, tags: tuple[str, ...], remove: bool) -> None:
    """Mark a document, or all of a folder, with tags; ask and search take --tag."""
    with opened() as library:
        rows = (library.untag if remove else library.tag)(name, *tags)
    click.echo(f"{'Untagged' if remove else 'Tagged'} {count(len(rows), 'document')}: {', '.join(tags)}")


@pincite.command()
@click.argument("names", nargs=-1, required=True, metavar="DOCUMENT...")
@library_option
def remove(names: tuple[str, ...]) -> None:
    """Remove documents, named by id, path, file name or title, and all that was made from them."""
    with opened() as library:
        for name in names:
            click.echo(f"Removed {library.remove(name).path}")


@pincite.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, envvar="GRADIO_SERVER_NAME", help="Address to listen on."
)
@click.option(
    "--port",
    default=7860,
    show_default=True,
    envvar=["GRADIO_SERVER_PORT", "PORT"],
    type=click.IntRange(1, 65535),
    help="Port to listen on.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open the page in a browser.")
@library_option
def chat(host: str, port: int, open_browser: bool) -> None:
    """Open the chat window, for this machine; for others with PINCITE_AUTH alone."""
    from threading import Thread

    from index.embedder import local_embedder
    from rag import Assistant
    from rag.reader import local_reader

    # The models are read while Gradio is imported, which takes longer.
    for model in (local_reader, local_embedder):
        Thread(target=model).start()
    from ui.server import serve

    with Assistant.open(chosen_library()) as assistant:
        serve(assistant, host=host, port=port, open_browser=open_browser)


@pincite.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option(
    "--processes", default=1, show_default=True, type=click.IntRange(1, 64), help="So many share the address."
)
@library_option
def serve(host: str, port: int, processes: int) -> None:
    """Answer programs over HTTP: OpenAI's protocol under /v1, and an API of its own, see /openapi.json.

    The library is only read; add to it with `pincite add` meanwhile. For others than this machine with PINCITE_TOKENS
    alone.
    """
    from ui.api.server import serve

    serve(chosen_library(), host=host, port=port, processes=processes)


@pincite.command()
@click.option("--http", is_flag=True, help="Speak streamable HTTP at /mcp instead of standard input and output.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on, with --http.")
@click.option("--port", default=8081, show_default=True, type=click.IntRange(1, 65535), help="Port, with --http.")
@library_option
def mcp(http: bool, host: str, port: int) -> None:
    """Answer assistants that speak MCP: tools to ask, check, search, read and list; needs the extra mcp.

    The library is only read. Over HTTP for others than this machine with PINCITE_TOKENS alone.
    """
    from rag import SettingError

    try:
        from ui.tools import serve_http, serve_stdio
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise SettingError("MCP needs its SDK. Install it with: pip install 'pincite[mcp]'") from error
    if http:
        serve_http(chosen_library(), host, port)
    else:
        serve_stdio(chosen_library())


@pincite.command()
@click.option("--repair", is_flag=True, help="Rebuild what is derived; with another embedding model, embed anew.")
@library_option
def doctor(repair: bool) -> None:
    """Check the library, and say the cure of what is wrong."""
    with opened(rebuild=repair) as library:
        click.echo(f"Library {library.path}")
        findings = library.check()
    for finding in findings:
        click.echo(f"{'ok ' if finding.ok else 'BAD'} {finding.text}")
        if not finding.ok:
            click.echo(f"    cure: {finding.cure}")
    if not all(finding.ok for finding in findings):
        sys.exit(FAILED)


@pincite.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@library_option
def export_library(file: Path) -> None:
    """Write the whole library into one FILE, to carry elsewhere."""
    with opened() as library:
        library.export(file)
        _summary(library)
    click.echo(f"Wrote {file}")


@pincite.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@library_option
def import_file(file: Path) -> None:
    """Make a new library from a FILE that `pincite export` wrote; name its place with --library."""
    from index import default_path, import_library

    with import_library(file, chosen_library() or default_path()) as library:
        _summary(library)


pincite.add_command(evaluate)


def _read_settings() -> None:
    """Those of the file .env of this folder; what the environment says already stays. It sets nothing but settings."""
    if not Path(".env").is_file():
        return
    from dotenv import dotenv_values

    for name, value in dotenv_values(".env").items():
        if value is not None and name.startswith(_SETTINGS):
            os.environ.setdefault(name, value)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; a failure that is expected is one line, without a traceback."""
    from index.errors import PinciteError

    _read_settings()
    try:
        pincite.main(arguments, standalone_mode=False)
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
