"""What a farm tells the dispatcher, and what the dispatcher asks of a farm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from frontburner.events import SceneFetched

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from frontburner.plan.block import Block
    from storage.errors import FrontburnerError
    from tasks.spec import UnitRecord

POLL_S = 0.25
"""How long the dispatcher waits for a message at most, before it looks at all else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A node is there."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A node is gone."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A node is there, but isn't to be given more, and why. What it renders may end; `Joined` has it back."""

    node: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """A node's renderer has been at a unit for ``ago_s``. Said of units that take more than moments."""

    ticket: int
    ago_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A node has a unit and can't go on with it: another job's is before it or, with an error, the store is away."""

    ticket: int
    trouble: FrontburnerError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A node has fetched so much of the files that a unit's scene consists of; equal when all are there."""

    ticket: int
    node: str
    fetched_bytes: int
    size_bytes: int
    seconds: float

    def event(self, *, at_s: float) -> SceneFetched:
        """Return it as a fact."""
        return SceneFetched(
            at_s=at_s,
            node=self.node,
            fetched_bytes=self.fetched_bytes,
            size_bytes=self.size_bytes,
            seconds=self.seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A unit's object is in the store. The node had hardly memory for it if it was ``short_of_memory``."""

    ticket: int
    record: UnitRecord
    short_of_memory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A unit's attempt ended in an error."""

    ticket: int
    error: FrontburnerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """A node found a unit's object in the store damaged or gone, and renders the unit again."""

    node: str
    frame: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A node is there but can't render this job, and why."""

    node: str
    reason: str


Message = Joined | Refused | Withheld | Left | Began | Waiting | Fetched | Finished | Failed | Damaged


class Farm(Protocol):
    """Nodes that render units."""

    def start(self, units: Mapping[int, Block], node: str) -> None:
        """Have a node render blocks as one unit, in this order; `messages` tells how each ended, by its ticket."""
        ...

    def stop(self, tickets: Sequence[int]) -> None:
        """Call units back; no message comes for them any more."""
        ...

    def messages(self, timeout_s: float) -> Sequence[Message]:
        """What happened since the last call; waits up to ``timeout_s`` for the first one."""
        ...
