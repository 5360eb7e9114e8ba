"""Rows of Markdown tables, a line each, so that a long run can be watched; figures as they stand in tables."""

from __future__ import annotations


def head(*names: str) -> str:
    return f"{row(*names)}\n|{'---|' * len(names)}"


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def hundredths(score: float | None) -> str:
    return number(score, 2)


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"
