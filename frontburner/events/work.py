"""What happens to a job's scene, nodes, units and frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from frontburner.events.announcing import Event

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from frontburner.plan.block import Block
    from tasks.limits import Reached
    from tasks.spec import Region, SampleRange, Size, UnitRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlanned(Event):
    """The job's scene was read and its work laid out."""

    job_id: str
    frames: int
    pixel_samples: int
    reused_frames: int
    probe: SampleRange | None = None
    """The samples that are rendered first to measure the picture, where there is such a pass."""
    numbers: str = ""
    """The numbers of the frames, such as 1-48."""
    size: Size | None = None
    region: Region | None = None
    """The part of each frame that is rendered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSent(Event):
    """So much of the scene's files is in the store, where nodes fetch them; equal when all are there.

    Parameters
    ----------
    sent_bytes
        What of it had to be stored: the rest was there.
    """

    there_bytes: int
    size_bytes: int
    sent_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFetched(Event):
    """A node has fetched so much of the files of a frame's scene; equal when all are there."""

    node: str
    fetched_bytes: int
    size_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeJoined(Event):
    """A node is there and can be given work."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRefused(Event):
    """A node is there but can't render this job, and why."""

    node: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeWithheld(Event):
    """A node is there but isn't given more for now, and why; it may render what it has begun."""

    node: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSetAside(Event):
    """A node failed where others succeeded, and gets no more for a while."""

    node: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAway(Event):
    """Units come to nothing because of the store; they are tried again until it is there."""

    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitDamaged(Event):
    """A unit in the store turned out to be damaged or gone, and is rendered again by ``node``."""

    node: str
    frame: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitReused(Event):
    """A unit was found in the store. ``pixel_samples_done`` is as in `UnitFinished`."""

    block: Block
    pixel_samples_done: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLost(Event):
    """A node went away; what it had under way goes back to the pool."""

    node: str
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitStarted(Event):
    """A unit was handed to a node."""

    node: str
    block: Block


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFinished(Event):
    """A unit's pixels are in the store.

    Parameters
    ----------
    predicted_s
        Seconds of rendering that were expected when the node was given the unit; None where nothing was known.
    seconds_left
        Seconds until the job ends, as far as is known.
    pixel_samples_done
        Pixels × samples that count by now, in all, those of earlier runs included: each once, whoever rendered it.
    """

    node: str
    block: Block
    record: UnitRecord
    predicted_s: float | None = None
    seconds_left: float | None = None
    pixel_samples_done: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTakenOver(Event):
    """Idle nodes, ``by`` first, are given the pixels of a unit that ``node`` takes too long for; the first counts."""

    node: str
    block: Block
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitWasted(Event):
    """A node spent seconds on pixels that came from elsewhere first, or that nobody wants any more.

    Parameters
    ----------
    finished_s
        When it finished the unit: its seconds were told of as rendered then. None where it was called back.
    """

    node: str
    block: Block
    seconds: float
    finished_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmMeasured(Event):
    """What dispatch learnt of nodes and picture, told when it ends.

    Parameters
    ----------
    speeds
        Speed of each node that rendered, relative to each other.
    rates
        Seconds a pixel and sample, rows of cells, of a node of speed 1.
    cell_px
        Edge of a cell.
    """

    speeds: Mapping[str, float]
    rates: npt.NDArray[np.float64]
    cell_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitAttemptFailed(Event):
    """One attempt to render a unit failed; it will be tried again unless its frame failed with it."""

    node: str
    block: Block
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRendered(Event):
    """All units of a frame are in the store."""

    frame: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFailed(Event):
    """A frame can't be finished, and why."""

    frame: int
    reason: str
    last_words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameWritten(Event):
    """A frame's files are in place."""

    frame: int
    outputs: tuple[str, ...]
    reached: Reached | None = None
