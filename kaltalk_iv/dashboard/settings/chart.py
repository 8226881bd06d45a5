"""Coverage as bars: how long each part of a bar is, for drawings that stand beside the numbers they draw."""

from dataclasses import dataclass, fields

from ...service.coverage import Bar, Counts

OUTCOMES = tuple(field.name for field in fields(Counts))


@dataclass(frozen=True, slots=True)
class Part:
    """One colour of a bar: from where to how far, in hundredths of the longest bar."""

    outcome: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the chart: when it begins, its numbers, and its bar."""

    begins_at: float
    counts: Counts
    parts: tuple[Part, ...]


def rows(bars: tuple[Bar, ...]) -> tuple[Row, ...]:
    """Return the rows of a chart, newest first, drawn to one scale."""
    longest = max((bar.counts.total for bar in bars), default=0)
    return tuple(Row(bar.begins_at, bar.counts, _parts(bar.counts, longest)) for bar in reversed(bars))


def _parts(counts: Counts, longest: int) -> tuple[Part, ...]:
    parts: list[Part] = []
    x = 0.0
    for outcome in OUTCOMES:
        width = 0.0 if longest == 0 else round(100 * getattr(counts, outcome) / longest, 2)
        if width:
            parts.append(Part(outcome, round(x, 2), width))
        x += width
    return tuple(parts)
