"""`pincite ask`, `search`, `check` and `verify`: what a library answers, and whether it supports a text."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from ui.shell import (
    ANSWERED,
    NOT_IN_LIBRARY,
    UNSUPPORTED,
    USAGE,
    chosen_library,
    count,
    library_option,
    opened,
    within_options,
)

if TYPE_CHECKING:
    from index import Part
    from rag import Assistant


@click.command()
@click.argument("question", nargs=-1, required=True, metavar="QUESTION")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every field of the answer.")
@within_options
@library_option
def ask(question: tuple[str, ...], as_json: bool, **which: Any) -> None:
    """Answer QUESTION with numbered quotes; "-" reads it from standard input."""
    from ui.plain import answer_text

    asked = _read(question)
    with _asked(**which) as (assistant, part):
        found = assistant.ask(asked, within=part)
    click.echo(json.dumps(found.to_dict(), ensure_ascii=False) if as_json else answer_text(found))
    sys.exit(ANSWERED if found.answered else NOT_IN_LIBRARY)


@click.command()
@click.argument("question", nargs=-1, required=True, metavar="QUESTION")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@within_options
@library_option
def search(question: tuple[str, ...], as_json: bool, **which: Any) -> None:
    """Print what the library has on QUESTION, best first: the sentences that matter, and where they stand."""
    from ui.plain import excerpt_text

    asked = _read(question)
    with _asked(**which) as (assistant, part):
        found = assistant.search(asked, within=part)
    if as_json:
        click.echo(json.dumps([excerpt.to_dict() for excerpt in found], ensure_ascii=False))
    else:
        click.echo("\n\n".join(map(excerpt_text, found)))
    sys.exit(ANSWERED if found else NOT_IN_LIBRARY)


@click.command()
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


@click.command()
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
    with opened(read_only=True) as library:
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
            raise _Refused(str(error)) from error


class _Refused(click.ClickException):
    exit_code = USAGE


def _read(words: tuple[str, ...]) -> str:
    return sys.stdin.read() if words == ("-",) else " ".join(words)
