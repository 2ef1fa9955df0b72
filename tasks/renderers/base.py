"""What every renderer adapter promises: its capabilities, and sessions that turn units into pixels.

A scene may be a copy that was sent to this machine. Its files lie to each other as they did where it comes from, so
relative names lead where they should. Absolute ones don't: an adapter passes each through `travelled.here` before the
renderer reads it, both when it inspects and when it renders.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.spec import Aov, FrameSpec, Pixels, Size, UnitSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a build of a renderer can do, as measured by the contract suite.

    Parameters
    ----------
    exact_regions
        Regions put together are the whole frame, bit for bit.
    exact_samples
        Ranges of samples put together are all samples (to float rounding).
    region_align_px
        Regions whose edges are multiples of these, across and down (or the frame's edge), cost nothing extra.
    sample_align
        Ranges of samples must begin and end at multiples of this (or at the frame's last sample).
    aovs
        Extra channels it can deliver.
    most_samples
        The most samples a pixel it can take; None is any number.
    seeds
        Other seeds and frames draw other noise. What draws without noise has no use for them.
    costs
        It tells where in a unit the time went.
    """

    exact_regions: bool
    exact_samples: bool
    region_align_px: tuple[int, int] = (1, 1)
    sample_align: int = 1
    aovs: frozenset[Aov] = frozenset()
    most_samples: int | None = None
    seeds: bool = True
    costs: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneInfo:
    """What a scene says of itself for one frame.

    Parameters
    ----------
    digest
        SHA-256 over the scene file and every file it refers to.
    files
        Those files, absolute.
    size, samples
        The scene's own, used where the job names none.
    cameras
        Names of its cameras, first one the default.
    frames
        Frames it was made for, such as 1-48; empty if it doesn't say.
    noise
        The noise at which the scene asks to end a picture, as `tasks.picture.noise` measures it; None if it doesn't.
    whole_frames_because
        Empty, or the sentence that says why this scene can't be rendered in regions.
    notes
        Sentences on what Frontburner does otherwise than the scene asks.
    """

    digest: str
    files: tuple[str, ...]
    size: Size
    samples: int
    cameras: tuple[str, ...]
    frames: str = ""
    noise: float | None = None
    whole_frames_because: str = ""
    notes: tuple[str, ...] = ()


class Session(Protocol):
    """A renderer that is up, with a scene kept open between units."""

    def render(self, unit: UnitSpec) -> Pixels:
        """Render one unit, moving to its scene and frame first where needed.

        Raises
        ------
        SceneError
            When the scene can't be opened or its content isn't the one the unit names.
        """
        ...

    @property
    def load_s(self) -> float:
        """Seconds the last call of `render` spent on opening its scene or moving to its frame."""
        ...


class Renderer(Protocol):
    """Turns units into pixels. Lives in a process of its own on a node."""

    name: str

    def builds(self) -> tuple[str, ...]:
        """Builds that work on this machine, best first; each was really tried.

        Raises
        ------
        NodeNotReady
            When none works, with the true cause and the remedy.
        """
        ...

    def capabilities(self, build: str) -> Capabilities:
        """What this build can do."""
        ...

    def inspect(self, scene: Path, *, build: str, frame: int, parameters: tuple[tuple[str, str], ...]) -> SceneInfo:
        """Read a scene without rendering it. Raises `SceneError`."""
        ...

    def open(self, frame: FrameSpec, *, threads: int) -> Session:
        """Start a session with this frame's build, using this many threads."""
        ...
