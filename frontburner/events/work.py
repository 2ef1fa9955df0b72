"""Events of a job's scene, nodes, units and frames.

One file over 300 lines: it is a list of records, which is read as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from frontburner.events.context import Event

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from frontburner.plan.block import Block
    from tasks.limits import Reached
    from tasks.spec import Region, SampleRange, Size, UnitRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlanned(Event):
    """The job's scene was read, and its work is known."""

    job_id: str
    frames: int
    pixel_samples: int
    reused_frames: int
    probe: SampleRange | None = None
    """Samples of the first pass, where it also measures what the picture costs."""
    numbers: str = ""
    """Frame numbers, such as 1-48."""
    size: Size | None = None
    region: Region | None = None
    """The part of each frame that is rendered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNoted(Event):
    """Sentences on what is rendered differently than the scene or the job asks, before anything is."""

    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildChosen(Event):
    """The build of the renderer that renders the job; ``sentence`` says why, and which nodes are left out, if any."""

    build: str
    sentence: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """The sentence, if there is one."""
        return tuple(filter(None, [self.sentence]))


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSent(Event):
    """Progress of sending the scene's files to the store: done when ``there_bytes`` equals ``size_bytes``.

    Parameters
    ----------
    sent_bytes
        Part of it that was sent: the rest was in the store already.
    """

    there_bytes: int
    size_bytes: int
    sent_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFetched(Event):
    """Progress of a node that fetches a scene: done when ``fetched_bytes`` equals ``size_bytes``."""

    node: str
    fetched_bytes: int
    size_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationBaked(Event):
    """Progress of a node that bakes a simulation up to the frame ``last``."""

    node: str
    simulation: str
    frame: int
    last: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeJoined(Event):
    """A node can be given units."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRefused(Event):
    """A node can't render this job."""

    node: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLeftOut(Event):
    """A node has another build of the renderer than the job's, so that its pixels would differ."""

    node: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeWithheld(Event):
    """A node gets no more units for now; it may finish the one it renders."""

    node: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeExcluded(Event):
    """A node gets no units for a while, since units failed on it that succeeded on others."""

    node: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUnavailable(Event):
    """Units can't be stored; they are retried until the store works again."""

    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitDamaged(Event):
    """A unit in the store is damaged or missing; ``node`` renders it again."""

    node: str
    frame: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitReused(Event):
    """A unit was already in the store. ``pixel_samples_done`` is as in `UnitFinished`."""

    block: Block
    pixel_samples_done: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLost(Event):
    """A node is gone; its units in flight are rendered again."""

    node: str
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitStarted(Event):
    """A unit was given to a node."""

    node: str
    block: Block


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFinished(Event):
    """A unit's pixels are in the store.

    Parameters
    ----------
    predicted_s
        Expected seconds of rendering when the node was given the unit; None if nothing was known.
    seconds_left
        Estimated seconds until the job ends; None if nothing is known.
    pixel_samples_done
        Pixels × samples done so far, earlier runs included, each counted once.
    """

    node: str
    block: Block
    record: UnitRecord
    predicted_s: float | None = None
    seconds_left: float | None = None
    pixel_samples_done: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTakenOver(Event):
    """A straggler on ``node`` is rendered on idle nodes too, ``by`` first; whoever finishes first counts."""

    node: str
    block: Block
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitWasted(Event):
    """A node rendered pixels that another node finished first, or that are no longer needed.

    Parameters
    ----------
    finished_s
        When it finished the unit, and a `UnitFinished` counted these seconds; None if the unit was cancelled.
    """

    node: str
    block: Block
    seconds: float
    finished_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmMeasured(Event):
    """What was learnt about nodes and picture, announced when dispatch ends.

    Parameters
    ----------
    speeds
        Speeds of the nodes that rendered, relative to each other.
    rates
        Seconds per pixel and sample on a node of speed 1, shape (rows, columns) of cells.
    cell_px
        Edge of a cell in pixels.
    """

    speeds: Mapping[str, float]
    rates: npt.NDArray[np.float64]
    cell_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitAttemptFailed(Event):
    """An attempt to render a unit failed; the unit is retried unless its frame failed too."""

    node: str
    block: Block
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRendered(Event):
    """All units of a frame are in the store."""

    frame: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PassMeasured(Event):
    """A pass of a frame is complete, and the noise of the picture so far was measured.

    Parameters
    ----------
    samples
        Samples every pixel has.
    noise
        As in `tasks.picture.noise`; None after the first pass.
    samples_wanted
        Samples expected to bring the noise down to the job's limit, if it has one.
    """

    frame: int
    samples: int
    noise: float | None
    samples_wanted: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewMade(Event):
    """A preview of a still is in the store."""

    frame: int
    samples: int
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFailed(Event):
    """A frame can't be finished."""

    frame: int
    reason: str
    last_words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameWritten(Event):
    """A frame's files are in place."""

    frame: int
    outputs: tuple[str, ...]
    reached: Reached | None = None
