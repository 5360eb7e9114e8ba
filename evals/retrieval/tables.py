"""Rows of Markdown tables, a line each, so that a long run can be watched."""

from __future__ import annotations

from collections.abc import Sequence


def head(names: Sequence[str]) -> str:
    return f"{row(names)}\n|{'---|' * len(names)}"


def row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"
