"""Figures of runs taken in turn: each ratio is of one round, so a machine whose speed drifts cancels out. Pure."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, TypeVar

from frontburner.reports.figures import PredictionErrors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Name = TypeVar("Name", bound=str)

FEWEST = 3
"""Pairs below which a correlation says nothing."""


def turn(names: Sequence[Name], round_: int) -> list[Name]:
    """Return who runs when in a round: each round begins with another, so none always runs after the same one."""
    first = round_ % len(names)
    return [*names[first:], *names[:first]]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the median and the ends of some figures."""
    ends = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: round(value, 4) for name, value in ends.items()}


def against(walls: Mapping[str, Sequence[float]], yardstick: str) -> dict[str, dict[str, float]]:
    """Divide each name's seconds by the yardstick's, round by round."""
    return {
        name: spread([mine / other for mine, other in zip(seconds, walls[yardstick], strict=True)])
        for name, seconds in walls.items()
    }


def predicted(pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """How good predictions were: errors as factors (0.25 is a factor of 1.25 either way), and the correlation.

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
    if len(pairs) < FEWEST or any(len(set(column)) == 1 for column in columns):
        return None
    return round(statistics.correlation(*columns), 4)


def noise(seconds: Sequence[float]) -> float:
    """How far runs of the same thing lie apart, as a part of their median."""
    return round((max(seconds) - min(seconds)) / statistics.median(seconds), 4)


def better_of(walls: Mapping[str, Sequence[float]], names: Sequence[str]) -> str:
    """Return the name with the least median. Chosen once, not round by round: that would choose its luck as well."""
    return min(names, key=lambda name: statistics.median(walls[name]))


def said(figures: Mapping[str, float]) -> str:
    """Say a spread in a table's cell."""
    return f"{figures['median']:.2f} ({figures['min']:.2f}–{figures['max']:.2f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a markdown table, its columns in line."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
