"""How good answers are on public question sets: the README's table, of the sets in evals/data or of folders like them.

    python -m evals.public [FOLDER ...] [--questions 60]

Of each set as many answerable questions, unanswerable ones (near: written for a text of the set) and questions of the
other sets (far: another topic) are asked, the same ones in every run; no language model.
"""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from evals.metrics import area_under_roc
from evals.record import Outcome
from evals.run import Asking
from evals.samples import SHIPPED_SETS, Sample, Suite, read_suite
from evals.tables import head, hundredths, percent, row
from evals.totals import Totals

_COLUMNS = (
    "set", "passages", "right", "quote precision", "recall@5", "MRR", "nDCG@5", "declined", "near declined",
    "far declined", "AUC near", "AUC far",
)  # fmt: skip


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--questions", default=60, show_default=True, help="How many of each kind to ask.")
def main(folders: tuple[Path, ...], questions: int) -> None:
    """Print a table in Markdown: a row a set, shares in percent."""
    suites = [read_suite(folder) for folder in folders or sorted(SHIPPED_SETS.iterdir()) if folder.is_dir()]
    click.echo(head(*_COLUMNS))
    for suite in suites:
        others = [sample for other in suites if other is not suite for sample in other.samples if not sample.history]
        far = suite.of(Sample(f"far-{s.id}", "far", s.question) for s in others).drawn(questions).samples
        click.echo(row(*_figures(suite, far, questions)))


def _figures(suite: Suite, far: tuple[Sample, ...], questions: int) -> list[str]:
    answerable = suite.of(sample for sample in suite.samples if sample.answerable).drawn(questions).samples
    near = suite.of(sample for sample in suite.samples if not sample.answerable).drawn(questions).samples
    asked = [*answerable, *near, *far]
    with Asking(suite, environ={}) as asking:
        outcomes = [
            asking.ask(sample) for sample in track(asked, suite.path.name, console=Console(stderr=True), transient=True)
        ]
        passages = asking.about()["passages"]
    can, cannot, elsewhere = outcomes[: len(answerable)], outcomes[len(answerable) : -len(far)], outcomes[-len(far) :]
    totals = Totals.of(can)
    return [
        suite.path.name,
        f"{passages:,}",
        *map(percent, (totals.right, totals.precision)),
        *map(hundredths, (totals.retrieval_recall, totals.mrr, totals.ndcg)),
        *map(percent, (totals.declined, Totals.of(cannot).declined, Totals.of(elsewhere).declined)),
        *(hundredths(area_under_roc(_sure(can), _sure(others))) for others in (cannot, elsewhere)),
    ]


def _sure(outcomes: list[Outcome]) -> list[float]:
    return [outcome.confidence for outcome in outcomes]


if __name__ == "__main__":
    main()
