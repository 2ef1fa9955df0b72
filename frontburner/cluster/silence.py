"""Nodes that don't answer: a machine that is frozen or asleep keeps its connection, and only its heartbeats stop.

Silence is counted in polls, not measured by a clock: when the scheduler itself was stopped, or its clock was set, no
node seems silent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

POLL_S = 1.0
SILENT_AFTER = 10
"""Polls without a heartbeat after which no job waits for a node. It has one every half a second, on a farm of more than
ten nodes every few."""
LOST_AFTER = 30
"""Polls after which what it has in flight is given to others, and it is started again."""


@dataclass(slots=True)
class Silence:
    """For how many polls each node has been silent."""

    _polls: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Time of the last heartbeat of each node, as the scheduler has it, and how often it was found unchanged."""

    def poll(self, heartbeats: Mapping[str, float]) -> Mapping[str, int]:
        """Note the last heartbeats of all nodes; returns the number of polls each has been silent for."""
        self._polls = {
            node: (at_s, self._polls[node][1] + 1 if node in self._polls and self._polls[node][0] == at_s else 0)
            for node, at_s in heartbeats.items()
        }
        return {node: polls for node, (_, polls) in self._polls.items()}
