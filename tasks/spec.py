"""The wire records of a unit of work: what to render, and the result. Frozen, with digests of their canonical form."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from tasks.identity import canonical

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Aov(StrEnum):
    """An extra channel group next to the picture's RGBA."""

    DEPTH = "depth"
    NORMAL = "normal"
    ALBEDO = "albedo"

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of its channels, in the order of a frame's arrays."""
        match self:
            case Aov.DEPTH:
                return ("depth.Z",)
            case Aov.NORMAL:
                return ("normal.X", "normal.Y", "normal.Z")
            case Aov.ALBEDO:
                return ("albedo.R", "albedo.G", "albedo.B")


RGBA = ("R", "G", "B", "A")


def channel_names(aovs: tuple[Aov, ...]) -> tuple[str, ...]:
    """Names of all channels of a frame with these AOVs: RGBA first, then each AOV in turn."""
    return RGBA + tuple(name for aov in aovs for name in aov.channels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Width and height of a frame in pixels."""

    width: int
    height: int

    @property
    def whole(self) -> Region:
        """The region that covers all of the frame."""
        return Region(x0=0, y0=0, x1=self.width, y1=self.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Pixels [x0, x1) × [y0, y1), origin top left."""

    x0: int
    y0: int
    x1: int
    y1: int

    def __post_init__(self) -> None:
        if not (0 <= self.x0 < self.x1 and 0 <= self.y0 < self.y1):
            raise ValueError(f"an empty or negative region: {self}")

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.y1 - self.y0

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    def inside(self, other: Region) -> bool:
        """Whether every pixel is in another region."""
        return self.x0 >= other.x0 and self.y0 >= other.y0 and self.x1 <= other.x1 and self.y1 <= other.y1

    def around(self, other: Region | None) -> Region:
        """Return the smallest region that contains both; itself, if there is no other."""
        if other is None:
            return self
        return Region(
            x0=min(self.x0, other.x0),
            y0=min(self.y0, other.y0),
            x1=max(self.x1, other.x1),
            y1=max(self.y1, other.y1),
        )

    def within(self, size: Size) -> bool:
        """Whether every pixel is in a frame of this size."""
        return self.x1 <= size.width and self.y1 <= size.height


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRange:
    """Samples [start, stop) of every pixel."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise ValueError(f"an empty or negative range of samples: {self}")

    @property
    def count(self) -> int:
        """Samples a pixel."""
        return self.stop - self.start


def place_of(region: Region, samples: SampleRange) -> str:
    """Return a place in a frame as text, such as ``s0-4_x0-64_y0-32``."""
    return f"s{samples.start}-{samples.stop}_x{region.x0}-{region.x1}_y{region.y0}-{region.y1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSpec:
    """Everything that decides the pixels of one frame, and where its scene is.

    Parameters
    ----------
    renderer, build
        The adapter's name, and the exact build that must render it: version and variant, such as
        ``3.9.1 llvm_ad_rgb``, and the platform, except for Linux on x86-64. Tiles of different builds never meet in
        one picture, unless the job accepts those for any platform: ``3.9.1 llvm_ad_rgb any``.
    scene
        Path of the scene file. Not part of the identity: its content is.
    scene_digest
        SHA-256 over the scene file and all files it refers to.
    frame
        Frame number, also handed to the scene as its ``frame`` parameter.
    parameters
        Values of the scene's own parameters at this frame, sorted by name.
    camera
        Name or index of the camera; None is the scene's first.
    samples
        Samples a pixel of the finished frame. A unit renders a range of them.
    manifest
        Digest of the manifest of the scene's files, with which a node fetches them; empty where they are used in
        place. Not part of the identity either.
    bake
        The version of the procedure by which simulations that this frame needs were baked; 0 is without.
    baked_digest
        As ``scene_digest``, of the copy with baked simulations that is opened instead of the scene; empty if none is.
        Not part of the identity: a copy that is lost is made again, and its file is then another one.
    scene_channels
        Names of further channels, which the scene itself asks for.
    allow_scripts
        Whether scripts in the scene may run.
    """

    renderer: str
    build: str
    scene: str
    scene_digest: str
    frame: int
    size: Size
    samples: int
    seed: int = 0
    parameters: tuple[tuple[str, str], ...] = ()
    camera: str | None = None
    aovs: tuple[Aov, ...] = ()
    manifest: str = ""
    bake: int = 0
    baked_digest: str = ""
    scene_channels: tuple[str, ...] = ()
    allow_scripts: bool = False

    @property
    def content_digest(self) -> str:
        """SHA-256 over the files that are opened."""
        return self.baked_digest or self.scene_digest

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the frame's channels, in the order of its arrays."""
        return channel_names(self.aovs) + self.scene_channels

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides the pixels of this frame."""
        return _frame_digest(self)


@dataclass(frozen=True, kw_only=True)
class UnitSpec:
    """One region of one frame for one range of samples: what a node renders at a time.

    ``timeout_s`` bounds one attempt to render it and is not part of its identity.
    """

    frame: FrameSpec
    region: Region
    samples: SampleRange
    timeout_s: float | None = field(default=None, compare=False)

    @property
    def place(self) -> str:
        """The unit's place in its frame, as text: samples and region."""
        return place_of(self.region, self.samples)

    @cached_property
    def digest(self) -> str:
        """The unit's identity: SHA-256 of everything that decides its pixels."""
        return _digest(canonical(self, exclude=("frame", "timeout_s")) | {"frame": self.frame.digest})


@lru_cache(maxsize=1024)
def _frame_digest(frame: FrameSpec) -> str:
    """Digest of a frame, cached for its many units."""
    return _digest(canonical(frame, exclude=("scene", "manifest", "baked_digest")) | {"scene": ""})


def _digest(document: object) -> str:
    """SHA-256 (hex) of a document's canonical JSON."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class CostGrid:
    """Where in a unit the time was spent: seconds of each cell of a grid over its region, for the cost map.

    Parameters
    ----------
    columns, rows
        Edges of the cells in pixels of the frame, ascending; one more than there are cells.
    seconds
        Seconds spent on each cell, row by row.
    """

    columns: tuple[int, ...]
    rows: tuple[int, ...]
    seconds: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """A renderer's result for a unit.

    Parameters
    ----------
    sums
        float32 (H, W, C), C-contiguous: the sum over the unit's samples of linear, premultiplied values.
    channels
        C channel names.
    costs
        Where in the region the time was spent, if the renderer can tell.
    """

    sums: npt.NDArray[np.float32]
    channels: tuple[str, ...]
    costs: CostGrid | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRecord:
    """How a unit was rendered; stored with its pixels."""

    unit: str
    node: str
    build: str
    isa: str
    started_s: float
    wall_s: float
    cpu_s: float
    load_s: float
    peak_memory_bytes: int
    costs: CostGrid | None = None
    reused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A finished unit: its place, its pixels (sums over ``samples``) and its record."""

    region: Region
    samples: SampleRange
    channels: tuple[str, ...]
    sums: npt.NDArray[np.float32]
    record: UnitRecord
