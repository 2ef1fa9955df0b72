"""How much work a node should be given at once: the rule behind every cut, as a function of a few numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

CAUTION = 3.0
"""How much of its share a node is not given yet, in standard deviations of what predictions are off by."""
RAMP = 4.0
"""A unit is at most this many times the largest that its node has finished: a node shows what it can do first."""
LIFE_PART = 16
"""A unit is at most this part of the time that is left: what a dead node can take with it."""
SHORT_S = 5.0
"""Units this short needn't be shorter, whatever the job."""
OVERHEAD_GOAL = 0.008
"""Part of a unit that its overhead should be while there is much to do."""
RISK = 0.05
"""Part of the whole job's time that is lost, if a node dies with a unit, as far as overhead allows."""
WHOLE_RISK = 0.09
"""The same for a frame that needn't be cut: cutting it costs more overhead, and scenes that are read again."""
OVERHEAD_LIMIT = 0.08
"""Part of a unit that its overhead may be."""
TIME_PART = 4
"""When a job's time runs out, a unit takes at most this part of what is left of it: a node may hold two."""
BLIND_PART = 6
"""Of what nothing is known of, a node gets this part of its share."""
BLIND_FRAME = 250_000
"""But a frame of no more pixel-samples than this whole: any renderer needs about a second for them, or a few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOutlook:
    """What is known when a node asks. Work is in seconds of a node of speed 1.

    Parameters
    ----------
    pool_s, hands_s
        Work that no node has yet, and that nodes have in hand.
    together_s, busy_s
        Seconds until all nodes end, if they end together, and until the node that asks has done what it has.
    speed
        Of the node that asks.
    overhead_s
        Seconds a unit takes besides rendering.
    deviation
        Standard deviation of the logarithm of measured over predicted times.
    largest_s
        The node's largest finished unit; 0 for none.
    speed_deviation
        Standard deviation of the logarithm of the node's speed.
    done_s
        Work that is done.
    ends_in_s
        Seconds until the job's time is up.
    """

    pool_s: float
    hands_s: float
    together_s: float
    busy_s: float
    speed: float
    overhead_s: float
    deviation: float
    largest_s: float
    speed_deviation: float
    done_s: float
    ends_in_s: float = inf

    @property
    def share_s(self) -> float:
        """Work that is this node's part of all that is left, if all nodes are to end together."""
        return max(0.0, self.speed * (self.together_s - self.busy_s))

    @property
    def cautious_s(self) -> float:
        """Part of its share that the node may have in one unit, as far as predictions can be trusted."""
        return self.share_s / (1.0 + CAUTION * self.deviation)

    @property
    def most_s(self) -> float:
        """Work that a unit may hold at most, where a piece of the wanted size is not to be had.

        Beyond its share a node makes all others wait, which is worth no more than what another unit costs.
        """
        return self.share_s + self.overhead_s * self.speed

    @property
    def whole_s(self) -> float:
        """Work of a frame that is given out whole: not too much of a short sequence may be lost with a node."""
        return max(SHORT_S * self.speed, WHOLE_RISK * (self.done_s + self.pool_s + self.hands_s))

    @property
    def timely_s(self) -> float:
        """Work that the node may have in one unit, if little is to be called back when the time is up."""
        return self.ends_in_s / TIME_PART * self.speed


def unit_work(outlook: UnitOutlook) -> float:
    """Work the next unit should hold, in seconds of a node of speed 1.

    Shares of what is left make units shrink towards the end (factoring: Hummel, Schonberg, Flynn 1992), the more
    slowly the better times are predicted. Overhead sets the floor; at the very end a node gets all of its share.
    """
    floor = min(outlook.overhead_s / OVERHEAD_LIMIT * outlook.speed, outlook.share_s)
    return max(min(outlook.cautious_s, outlook.timely_s, longest(outlook)), floor, outlook.overhead_s * outlook.speed)


def longest(outlook: UnitOutlook) -> float:
    """Work a unit may hold at most, so that a node that dies or is slower than thought holds up little."""
    speed = outlook.speed
    left_s = outlook.share_s / speed
    at_risk_s = RISK * (outlook.done_s + outlook.pool_s + outlook.hands_s) / speed
    limit = speed * max(left_s / LIFE_PART, min(outlook.overhead_s / OVERHEAD_GOAL, at_risk_s), SHORT_S)
    limit /= 1 + 4 * max(0.0, outlook.speed_deviation - 0.1)
    return min(limit, RAMP * max(outlook.largest_s, outlook.overhead_s * speed)) if outlook.largest_s else limit
