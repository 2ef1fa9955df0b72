"""How much a job still needs of a farm, looked at now and then."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.plan.planner import Planner
    from frontburner.run.limit_tracking import LimitTracking

LOOK_S = 2.0
"""Nobody acts upon it sooner."""


@dataclass(slots=True, kw_only=True)
class Demand:
    """What is left of a job, in seconds of one node like those it has."""

    clock: Callable[[], float]
    _looked_s: float = field(init=False, default=-math.inf)
    _work_s: float | None = field(init=False, default=None)

    def work_s(self, planner: Planner, limiter: LimitTracking) -> float | None:
        """Return it as it was at the last look; None while nothing is known."""
        now_s = self.clock()
        if now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            left_s = limiter.forecast(planner.seconds_left(now_s))
            self._work_s = None if left_s is None else left_s * len(planner.nodes)
        return self._work_s
