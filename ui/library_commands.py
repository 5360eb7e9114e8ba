"""`pincite add`, `list` and the like: what a library holds, and whether it is sound."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ui.shell import FAILED, chosen_library, complete_document, complete_tag, count, library_option, opened, progress

if TYPE_CHECKING:
    from index import Added, Library


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@click.option("--workers", default=0, type=click.IntRange(0, 256), help="Read with so many processes; needs Ray.")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG",
    shell_complete=complete_tag,
    help="Mark what is there so, for ask and search --tag.",
)
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


@click.command()
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


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@library_option
def list_documents(as_json: bool) -> None:
    """Show the documents of the library."""
    from dataclasses import asdict

    with opened(read_only=True) as library:
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


@click.command()
@click.argument("name", metavar="DOCUMENT", shell_complete=complete_document)
@click.argument("tags", nargs=-1, required=True, metavar="TAG...", shell_complete=complete_tag)
@click.option("--remove", is_flag=True, help="Take the tags away.")
@library_option
def tag(name: str, tags: tuple[str, ...], remove: bool) -> None:
    """Mark a document, or all of a folder, with tags; ask and search take --tag."""
    with opened() as library:
        rows = (library.untag if remove else library.tag)(name, *tags)
    click.echo(f"{'Untagged' if remove else 'Tagged'} {count(len(rows), 'document')}: {', '.join(tags)}")


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="DOCUMENT...", shell_complete=complete_document)
@library_option
def remove(names: tuple[str, ...]) -> None:
    """Remove documents, named by id, path, file name or title, and all that was made from them."""
    with opened() as library:
        for name in names:
            click.echo(f"Removed {library.remove(name).path}")


@click.command()
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


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@library_option
def export_library(file: Path) -> None:
    """Write the whole library into one FILE, to carry elsewhere."""
    with opened() as library:
        library.export(file)
        _summary(library)
    click.echo(f"Wrote {file}")


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@library_option
def import_file(file: Path) -> None:
    """Make a new library from a FILE that `pincite export` wrote; name its place with --library."""
    from index import default_path, import_library

    with import_library(file, chosen_library() or default_path()) as library:
        _summary(library)
