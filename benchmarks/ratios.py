"""Statistics of runs taken in turn. Each ratio is within one round, so drift of the machine cancels out. Pure."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, TypeVar

from frontburner.reports.figures import PredictionErrors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Name = TypeVar("Name", bound=str)

MIN_PAIRS = 3
"""With fewer pairs a correlation means nothing."""


def rotated(names: Sequence[Name], round_: int) -> list[Name]:
    """Return the order of runs in a round. Each round begins with another, so none always runs first."""
    first = round_ % len(names)
    return [*names[first:], *names[:first]]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, minimum and maximum."""
    figures = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: round(value, 4) for name, value in figures.items()}


def ratios_to(walls: Mapping[str, Sequence[float]], reference: str) -> dict[str, dict[str, float]]:
    """Divide each name's seconds by those of the reference, round by round."""
    return {
        name: spread([mine / other for mine, other in zip(seconds, walls[reference], strict=True)])
        for name, seconds in walls.items()
    }


def predicted(pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return errors of predictions as factors (0.25 is a factor of 1.25 either way), and their correlation.

    Parameters
    ----------
    pairs
        Predicted and measured seconds.
    """
    errors = PredictionErrors()
    for predicted_s, measured_s in pairs:
        errors.add(predicted_s=predicted_s, measured_s=measured_s)
    return errors.document() | {"correlation": _correlation(pairs)}


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    columns = list(zip(*pairs, strict=True))
    if len(pairs) < MIN_PAIRS or any(len(set(column)) == 1 for column in columns):
        return None
    return round(statistics.correlation(*columns), 4)


def noise(seconds: Sequence[float]) -> float:
    """Return the range of repeated runs as a part of their median."""
    return round((max(seconds) - min(seconds)) / statistics.median(seconds), 4)


def fastest(walls: Mapping[str, Sequence[float]], names: Sequence[str]) -> str:
    """Return the name with the lowest median over all rounds; to choose it in each round would favour lucky runs."""
    return min(names, key=lambda name: statistics.median(walls[name]))


def format_spread(figures: Mapping[str, float]) -> str:
    """Format a spread for a table."""
    return f"{figures['median']:.2f} ({figures['min']:.2f}–{figures['max']:.2f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
