"""The tail of a job: whether the unit that will end last should be rendered elsewhere as well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from frontburner.plan.block import Block
    from frontburner.plan.in_flight import Assignment, InFlight
    from frontburner.plan.learning import Learning
    from frontburner.plan.speculation import Speculation

TAKE_OVER_GAIN = 0.75
"""A unit is taken over if its pixels are then there in less than this part of the time its own node still needs."""
WASTE_LIMIT = 0.25
"""Nothing more is raced once this part of all the work of the job was."""


@dataclass(slots=True, kw_only=True)
class Stragglers:
    """Begins races, as long as not too much is rendered twice.

    Parameters
    ----------
    learning, under_way, races
        What is known of nodes and picture, what nodes have in hand, and the races that are on.
    raced_s
        Work that was raced so far.
    """

    learning: Learning
    in_flight: InFlight
    speculation: Speculation
    raced_s: float = field(init=False, default=0.0)

    def take_over(self, node: str, now_s: float, *, done_s: float, alone: bool) -> Block | None:
        """Return work for a node that has nothing and finds nothing: pixels that others take too long for.

        Parameters
        ----------
        done_s
            Work of the job that is done.
        alone
            Whether this node must render all of them; else other nodes will help.
        """
        if self.in_flight.count(node) or not self.learning.cost.measured:
            return None  # a node that holds short units asks ahead of time: it isn't idle
        late = [one for one in self.in_flight if self.speculation.may_begin(one.ticket, one.block)]
        if not late or self.raced_s > WASTE_LIMIT * (done_s + self.in_flight.work_left(now_s)):
            return None
        last = max(late, key=lambda assignment: assignment.seconds_left(now_s))
        if self._again_s(last, node, now_s, alone=alone) > TAKE_OVER_GAIN * last.seconds_left(now_s):
            return None
        self.raced_s += self.learning.price(last.block)
        return self.speculation.begin(last)

    def _again_s(self, last: Assignment, node: str, now_s: float, *, alone: bool) -> float:
        """Seconds until the others could have a unit's pixels, and all that they have in hand before."""
        work, speed = self.learning.price(last.block), self.learning.speed(node)
        if not alone:
            mine = self.learning.speed(last.node) * max(0.0, last.begins_s + last.takes_s - now_s)
            work += max(0.0, self.in_flight.work_left(now_s) - mine)
            speed = self.learning.farm_speed - self.learning.speed(last.node)
        return work / speed + self.learning.overhead_s
