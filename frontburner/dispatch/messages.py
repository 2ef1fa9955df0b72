"""Messages from a farm to the dispatcher, and the interface of a farm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from frontburner.events import SceneFetched, SimulationBaked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from frontburner.plan.block import Block
    from storage.errors import FrontburnerError
    from tasks.spec import UnitRecord

POLL_S = 0.25
"""The dispatcher waits at most this long for a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A node is available. One that ``yields`` may give its machine back to its owner at any moment."""

    node: str
    yields: bool = False
    cores: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A node is gone."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A node gets no more units until it has `Joined` again; it may finish the one it renders."""

    node: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """A node began to render a unit ``ago_s`` ago. Not sent for units that take only moments."""

    ticket: int
    ago_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A node can't go on with a unit: it waits for another job's or, with an error, for the store."""

    ticket: int
    error: FrontburnerError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Progress of a node that fetches the files of a unit's scene."""

    ticket: int
    node: str
    fetched_bytes: int
    size_bytes: int
    seconds: float

    def event(self, *, at_s: float) -> SceneFetched:
        """Return it as an event."""
        return SceneFetched(
            at_s=at_s, node=self.node, fetched_bytes=self.fetched_bytes, size_bytes=self.size_bytes,
            seconds=self.seconds,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Baking:
    """Progress of a node that bakes simulations of the job's scene."""

    node: str
    what: str
    frame: int
    last: int
    seconds: float

    def event(self, *, at_s: float) -> SimulationBaked:
        """Return it as an event."""
        return SimulationBaked(
            at_s=at_s, node=self.node, simulation=self.what, frame=self.frame, last=self.last, seconds=self.seconds
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A unit is in the store. If ``short_of_memory``, the node had hardly enough for it."""

    ticket: int
    record: UnitRecord
    short_of_memory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An attempt to render a unit failed."""

    ticket: int
    error: FrontburnerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """A node found a stored unit damaged or missing, and renders it again."""

    node: str
    frame: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A node can't render this job; if it has ``other_build``, nothing is wrong with it."""

    node: str
    reason: str
    other_build: bool = False


Message = Joined | Refused | Withheld | Left | Began | Waiting | Fetched | Baking | Finished | Failed | Damaged


class Farm(Protocol):
    """Nodes that render units."""

    def start(self, units: Mapping[int, Block], node: str) -> None:
        """Have a node render blocks as one unit, in this order; a message follows for each ticket."""
        ...

    def stop(self, tickets: Sequence[int]) -> None:
        """Cancel units; no more messages come for them."""
        ...

    def messages(self, timeout_s: float) -> Sequence[Message]:
        """Return the messages since the last call; waits up to ``timeout_s`` for the first one."""
        ...
