"""How good predictions were, counted in bounded memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import ceil, log2
from typing import Any

STEPS = 200
"""Errors are counted in steps of this part of a factor of two: a third of a per cent."""
WORST = 10 * STEPS


@dataclass(slots=True)
class Predictions:
    """Errors of predictions, as factors: half as long and twice as long are equally wrong."""

    _errors: Counter[int] = field(default_factory=Counter)

    def take(self, *, predicted_s: float | None, measured_s: float) -> None:
        """Count one prediction; nothing is counted where nothing was known or nothing was measured."""
        if predicted_s and predicted_s > 0 and measured_s > 0:
            self._errors[min(ceil(abs(log2(measured_s / predicted_s)) * STEPS), WORST)] += 1

    def within(self, part: float) -> float | None:
        """Error that this part of all predictions kept within: 0.25 is a factor of 1.25 either way."""
        seen = 0
        for step, count in sorted(self._errors.items()):
            seen += count
            if seen >= part * self._errors.total():
                return round(2 ** (step / STEPS) - 1, 4)
        return None

    def document(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {"units": self._errors.total(), "median_error": self.within(0.5), "p90_error": self.within(0.9)}
