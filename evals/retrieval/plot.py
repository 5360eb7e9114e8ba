"""The cost of a question against the size of the library, drawn with Matplotlib (extra `bench`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

Points = Mapping[str, Sequence[tuple[int, float]]]

_SECOND = 1000


def draw(points: Points, file: Path, machine: str) -> None:
    """`points`: of each system sizes in passages and seconds (p50). SVG or PNG, as the file's name ends."""
    matplotlib = import_module("matplotlib")
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "pincite"  # the same picture for the same figures
    pyplot = import_module("matplotlib.pyplot")
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    for name, measured in points.items():
        sizes, seconds = zip(*sorted(measured), strict=True)
        axes.plot(
            sizes,
            [_SECOND * value for value in seconds],
            marker="o",
            linewidth=2.5 if name.startswith("Pincite") else 1.2,
            label=name,
        )
    axes.set(xscale="log", yscale="log", xlabel="passages", ylabel="a question, p50, ms")
    figure.suptitle(machine, fontsize="small")
    axes.grid(which="both", alpha=0.25)
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
    pyplot.close(figure)
