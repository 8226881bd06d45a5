"""Markdown tables, and ratios with their spread: what each measurement prints and docs quote."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of interleaved rounds, the smallest and the largest."""

    middle: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{_short(self.middle)} ({_short(self.least)}–{_short(self.most)})"


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of the rounds' ``values``."""
    return Spread(median(values), min(values), max(values))


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a markdown table; numbers are shortened to what a reader can use."""
    lines = [heads, ["---"] * len(heads), *([_text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(cell: object) -> str:
    return _short(cell) if isinstance(cell, int | float) and not isinstance(cell, bool) else str(cell)


def _short(number: float) -> str:
    if isinstance(number, int) or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"
