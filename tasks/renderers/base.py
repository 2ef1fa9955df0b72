"""The protocol of renderer adapters: their capabilities, and sessions that render units.

A scene may be a copy that was sent to this machine. Its files are in the same folders relative to each other, so
relative names lead to the right files. Absolute ones don't: an adapter passes each through `sent_scenes.local_path`
before the renderer reads it, both when it inspects and when it renders.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    from storage.scene_view import SceneView
    from tasks.spec import Aov, FrameSpec, Pixels, Region, Size, UnitSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a build of a renderer can do, as measured by the contract suite.

    Parameters
    ----------
    exact_regions
        Regions, assembled, equal the whole frame bit for bit.
    exact_samples
        Ranges of samples add up to all samples (to float rounding).
    region_align_px
        Regions whose edges are multiples of these, across and down (or the frame's edge), cost nothing extra.
    sample_align
        Ranges of samples must begin and end at multiples of this (or at the frame's last sample).
    aovs
        Extra channels it can deliver.
    max_samples
        The most samples a pixel it supports; None is any number.
    min_side_px
        The least width and height of a picture it renders.
    seeds
        Other seeds and frames have other noise. A renderer without noise doesn't use them.
    costs
        It reports where in a unit the time was spent.
    speed
        How fast it is on a machine, compared with the renderer's fastest build there.
    waits
        Its program may do nothing for long, as it waits for a licence; its adapter ends one that waits for too long.
    """

    exact_regions: bool
    exact_samples: bool
    region_align_px: tuple[int, int] = (1, 1)
    sample_align: int = 1
    aovs: frozenset[Aov] = frozenset()
    max_samples: int | None = None
    min_side_px: int = 1
    seeds: bool = True
    costs: bool = True
    speed: float = 1.0
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraInfo:
    """What one of a scene's cameras asks for by itself: as the fields of `SceneInfo` of these names."""

    size: Size
    samples: int
    region: Region | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A simulation that isn't baked: a frame of it is only right after all frames before it.

    Parameters
    ----------
    name
        What it is, such as ``cloth of Flag``.
    first, last
        Its frames. At the first one it is at rest, and after the last one it stays as it is.
    played
        Whether the scene can't be baked: the renderer then plays it up to each frame.
    """

    name: str
    first: int
    last: int
    played: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneInfo:
    """What a scene contains for one frame.

    Parameters
    ----------
    digest
        SHA-256 over the scene file and every file it refers to.
    files
        Those files, absolute.
    size, samples
        The scene's own, used where the job names none.
    cameras
        Names of its cameras, the default one first.
    camera_infos
        What each of them asks for, if cameras have sizes of their own; ``size``, ``samples``, ``region`` and ``notes``
        are those of the first.
    frames, current_frame
        Frames it was made for, and the one that a still of it shows; empty and None if it doesn't say.
    noise
        The noise at which the scene asks to end a picture, as `tasks.picture.noise` measures it; None if it doesn't.
    whole_frames_because
        Empty, or the sentence that says why this scene can't be rendered in regions.
    view
        Its own colour management; None if it has none.
    notes
        Sentences on what is rendered differently than the scene asks.
    simulations
        Those that aren't baked.
    region
        The pixels it asks for, of a frame of its own size; None is all.
    channels
        Names of the channels beside RGBA that the scene itself asks for.
    """

    digest: str
    files: tuple[str, ...]
    size: Size
    samples: int
    cameras: tuple[str, ...]
    frames: range = range(0)
    current_frame: int | None = None
    noise: float | None = None
    whole_frames_because: str = ""
    view: SceneView | None = None
    notes: tuple[str, ...] = ()
    simulations: tuple[Simulation, ...] = ()
    camera_infos: tuple[CameraInfo, ...] = ()
    region: Region | None = None
    channels: tuple[str, ...] = ()

    def seen_by(self, camera: str | None) -> SceneInfo:
        """Return what the scene contains for one of its cameras, by name or number; None is the first."""
        if not camera or not self.camera_infos:
            return self
        numbers = {str(number): number for number in range(len(self.cameras))}
        number = (numbers | {name: number for number, name in enumerate(self.cameras)}).get(camera)
        if number is None:
            return self  # the job is refused for it
        info, first = self.camera_infos[number], self.camera_infos[0]
        common = tuple(note for note in self.notes if note not in first.notes)
        return replace(self, size=info.size, samples=info.samples, region=info.region, notes=(*info.notes, *common))


class Session(Protocol):
    """A running renderer, which keeps its scene open between units."""

    def render(self, unit: UnitSpec) -> Pixels:
        """Render one unit, moving to its scene and frame first where needed.

        Raises
        ------
        SceneError
            When the scene can't be opened, or its content isn't that of the frame's digest.
        """
        ...

    @property
    def load_s(self) -> float:
        """Seconds the last call of `render` spent on opening its scene or moving to its frame."""
        ...


class Renderer(Protocol):
    """A renderer's adapter. Used in a process of its own on a node."""

    name: str

    def builds(self) -> tuple[str, ...]:
        """Return the builds that work on this machine, best first; each was tried.

        Raises
        ------
        NodeNotReady
            When none works, with the cause and the remedy.
        """
        ...

    def capabilities(self, build: str) -> Capabilities:
        """Return what this build can do."""
        ...

    def inspect(self, scene: Path, *, build: str, frame: int, parameters: tuple[tuple[str, str], ...]) -> SceneInfo:
        """Read a scene without rendering it. Raises `SceneError`."""
        ...

    def open(self, frame: FrameSpec, *, threads: int) -> Session:
        """Start a session with this frame's build, using this many threads."""
        ...


@runtime_checkable
class Baker(Protocol):
    """An adapter whose scenes may have simulations to bake."""

    def bake(
        self, scene: Path, *, build: str, parameters: tuple[tuple[str, str], ...], through: int, folder: Path
    ) -> Path:
        """Write a copy of a scene, with its simulations baked, into a folder.

        The copy names other files as the scene does: it is opened in the scene's place. Files in the folder's
        ``files``, which the copy names relative to itself, belong to it.

        Parameters
        ----------
        through
            The last frame that is needed.
        folder
            Also gets a file, ``progress``, with lines: the frame it is at, the last one, and what is baked.

        Raises
        ------
        SceneError
            When a simulation can't be baked; it names that one.
        """
        ...


@runtime_checkable
class Scripted(Protocol):
    """An adapter whose scenes may have scripts, which don't run unless they are allowed to."""

    def allowing_scripts(self) -> Renderer:
        """Return the adapter that lets them run where this machine's operator does."""
        ...
