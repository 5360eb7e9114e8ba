"""What the commands share: exit codes, the choice of a library, progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from index import DocumentRow, Library, Progress, Step

ANSWERED, FAILED, USAGE, NOT_IN_LIBRARY, REGRESSED, UNSUPPORTED = 0, 1, 2, 3, 4, 5


def complete_document(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Documents of the chosen library, by path and by title, that begin so."""
    return [name for row in _rows(context) for name in (row.path, row.title) if name.startswith(begun)]


def complete_tag(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    return sorted({tag for row in _rows(context) for tag in row.tags if tag.startswith(begun)})


def _rows(context: click.Context) -> Sequence[DocumentRow]:
    from index import PinciteError, open_library

    try:
        with open_library(context.find_root().obj, read_only=True) as library:
            return library.documents()
    except PinciteError:  # there is none to complete from
        return ()


def within_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which documents to ask: `within`, `tags`, `since` and `until`, for `Library.within`."""
    day = click.DateTime(["%Y-%m-%d"])
    for option in (
        click.option("--until", type=day, metavar="DAY", help="... until this day, as 2026-01-31."),
        click.option("--since", type=day, metavar="DAY", help="Only documents that were added from this day on ..."),
        click.option(
            "--tag",
            "tags",
            multiple=True,
            metavar="TAG",
            shell_complete=complete_tag,
            help="Only documents tagged so, and so.",
        ),
        click.option(
            "--in",
            "within",
            multiple=True,
            metavar="NAME",
            shell_complete=complete_document,
            help="Only this document or folder; more than one may be named.",
        ),
    ):
        command = option(command)
    return command


def library_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """--library FOLDER, before or after the command's name."""

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


def chosen_library() -> Path | None:
    path: Path | None = click.get_current_context().find_root().obj
    return path


def opened(*, create: bool = False, rebuild: bool = False, read_only: bool = False) -> Library:
    from index import open_library

    return open_library(chosen_library(), create=create, rebuild=rebuild, read_only=read_only)


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@contextmanager
def progress() -> Iterator[Progress]:
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
        start, before = time.monotonic(), -1

        def show(step: Step) -> None:
            nonlocal start, before
            if before < 0 or step.passages < before:  # what was there already does not count for the rate
                start, before = time.monotonic(), step.passages
            said = [step.what]
            if step.passages:
                rate = (step.passages - before) / max(time.monotonic() - start, 0.1)
                said.append(f"{step.passages:,} passages, {rate:,.0f} a second")
            if step.failed:
                said.append(f"{step.failed:,} failed")
            bar.update(task, description=", ".join(said), completed=step.done, total=step.total)

        yield show
