"""A renderer for rehearsals and tests: draws a gradient, takes as long as its scene says, and fails on request.

A scene is a JSON file, all of its fields optional::

    {"size": "640x360", "samples": 16, "load_s": 0, "cost_s": 2.5, "uneven": 4, "unit_s": 0,
     "faults": [{"do": "crash", "node": "n2", "times": 1, "pixel": [10, 20], "frame": 3}]}

``cost_s`` is slept over a whole frame; ``uneven`` makes its lower right corner cost that much more; ``unit_s`` is slept
for each unit, whatever its size. A unit holds
``memory_px_bytes`` for each of its pixels, and fails above ``memory_limit_bytes`` where that is set. With
``"journal": true`` every unit drawn is recorded in a file beside the scene, which shows what was drawn twice. The
content of its ``files`` belongs to the scene; in their names ``{frame}`` stands for the frame number. A fault happens
where all its conditions hold, at most ``times`` times over all processes that see the scene's folder.

With ``"held": true`` units wait until they are released, so that a job is as far as a test wants it to be. Each unit of
a scene ``NAME.json`` has a file in the folder ``NAME.held``, named after its process, and waits until the file is
removed. A file named ``open`` there releases all.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from system.machine import limited_memory
from tasks.content_digests import file_sha256
from tasks.errors import SceneError
from tasks.renderers.base import Capabilities, SceneInfo
from tasks.renderers.errors import files_missing, scene_changed
from tasks.renderers.sent_scenes import local_path
from tasks.spec import Aov, CostGrid, FrameSpec, Pixels, Region, Size, UnitSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILD = "1 null"
RELEASE_ALL = "open"
_HELD_POLL_S = 0.02
_TICK_S, _BUSY_FRACTION = 0.5, 0.005
_COST_CELLS = 8
_LONG_S = 86400.0


class Fault(BaseModel):
    """A fault to inject, and where."""

    model_config = ConfigDict(extra="forbid")
    do: Literal["crash", "segfault", "hang", "error", "blank", "nan", "size"]
    node: str | None = None
    frame: int | None = None
    pixel: tuple[int, int] | None = None
    times: int | None = None

    def strikes(self, unit: UnitSpec, markers: Path) -> bool:
        """Whether it happens to this unit now; if so, counts as one of its times."""
        applies = (
            self.node in (None, os.environ.get("FRONTBURNER_NODE"))
            and self.frame in (None, unit.frame.frame)
            and (self.pixel is None or _contains(unit.region, *self.pixel))
        )
        return applies and (self.times is None or _take_marker(markers, self.times))


class NullScene(BaseModel):
    """The scene file."""

    model_config = ConfigDict(extra="forbid")
    size: str = Field(default="64x36", pattern=r"^[1-9]\d*x[1-9]\d*$")
    samples: int = Field(default=16, ge=1)
    load_s: float = Field(default=0.0, ge=0)
    cost_s: float = Field(default=0.0, ge=0)
    uneven: float = Field(default=0.0, ge=0)
    unit_s: float = Field(default=0.0, ge=0)
    memory_px_bytes: int = Field(default=0, ge=0)
    memory_limit_bytes: int | None = Field(default=None, ge=0)
    journal: bool = False
    held: bool = False
    files: list[str] = []
    faults: list[Fault] = []


class Null:
    """The adapter."""

    name = "null"

    def builds(self) -> tuple[str, ...]:
        """Return its only build, which always works."""
        return (BUILD,)

    def capabilities(self, build: str) -> Capabilities:  # noqa: ARG002 - there is one
        """Return all there are."""
        return Capabilities(exact_regions=True, exact_samples=True, aovs=frozenset(Aov))

    def inspect(
        self,
        scene: Path,
        *,
        build: str,  # noqa: ARG002 - a null scene is the same in any
        frame: int,
        parameters: tuple[tuple[str, str], ...],  # noqa: ARG002
    ) -> SceneInfo:
        """Read the scene file."""
        text, document = _read(scene)
        files = _files(scene, document, frame)
        width, height = map(int, document.size.split("x"))
        return SceneInfo(
            digest=_digest(text, files),
            files=(str(scene.absolute()), *map(str, files)),
            size=Size(width=width, height=height),
            samples=document.samples,
            cameras=("0",),
        )

    def open(self, frame: FrameSpec, *, threads: int) -> NullSession:  # noqa: ARG002
        """Start a session."""
        return NullSession()


class NullSession:
    """Draws units."""

    def __init__(self) -> None:
        self.load_s = 0.0
        self._loaded = ""

    def render(self, unit: UnitSpec) -> Pixels:
        """Draw the unit's part of the gradient, with its cost and faults."""
        frame, region, began_s = unit.frame, unit.region, time.time()
        text, scene = _read(Path(frame.scene))
        if _digest(text, _files(Path(frame.scene), scene, frame.frame)) != frame.scene_digest:
            raise scene_changed(Path(frame.scene))
        if scene.held:
            _wait_until_released(Path(frame.scene))
        self._load(scene, frame)
        with _memory(scene, region):
            costs = _sleep_cost(scene, unit)
        sums = gradient(frame, region) * np.float32(unit.samples.count)
        markers = Path(frame.scene).with_suffix(".faults")
        for number, fault in enumerate(scene.faults):
            if fault.strikes(unit, markers / str(number)):
                sums = _inject(fault.do, sums)
        if scene.journal:
            with Path(frame.scene).with_suffix(".journal").open("a", encoding="utf-8") as journal:
                entry = {"frame": frame.frame, "unit": unit.place, "digest": frame.digest, "began": began_s}
                journal.write(json.dumps(entry) + "\n")
        return Pixels(sums=np.ascontiguousarray(sums), channels=frame.channels, costs=costs)

    def _load(self, scene: NullScene, frame: FrameSpec) -> None:
        began_s, self.load_s = time.perf_counter(), 0.0
        if self._loaded != frame.digest:
            _take_time(scene.load_s)
            self._loaded, self.load_s = frame.digest, time.perf_counter() - began_s


def held_folder(scene: Path) -> Path:
    """Return the folder of a scene's units that wait."""
    return scene.with_suffix(".held")


def _wait_until_released(scene: Path) -> None:
    folder = held_folder(scene)
    marker = folder / str(os.getpid())
    folder.mkdir(exist_ok=True)
    marker.touch()
    while marker.exists() and not (folder / RELEASE_ALL).exists():
        _take_time(_HELD_POLL_S)
    marker.unlink(missing_ok=True)


def _take_time(seconds: float) -> None:
    """Sleep, and compute a little: a renderer that uses no processor time at all is taken for one that hangs."""
    ends_s = time.monotonic() + seconds
    while (left_s := ends_s - time.monotonic()) > 0:
        time.sleep(min(left_s, _TICK_S))
        busy_s = time.thread_time() + _BUSY_FRACTION * min(left_s, _TICK_S)
        while time.thread_time() < busy_s:
            pass


def gradient(frame: FrameSpec, region: Region) -> npt.NDArray[np.float32]:
    """Return the region's pixels: multiples of 1/256, so that sums of 65,536 samples are exact in float32."""
    y, x, c = np.ogrid[region.y0 : region.y1, region.x0 : region.x1, : len(frame.channels)]
    values = (3 * x + 5 * y + 7 * c + 11 * frame.frame + frame.seed) % 256 / 256
    values[..., 3] = 1.0
    return np.asarray(values, np.float32)


def _sleep_cost(scene: NullScene, unit: UnitSpec) -> CostGrid:
    """Sleep for what the unit costs, and return the costs of the cells of its region."""
    size = unit.frame.size
    total_s = scene.cost_s * unit.samples.count / unit.frame.samples

    def seconds(region: Region) -> float:
        return total_s * _weight(region, size, scene.uneven) / _weight(size.whole, size, scene.uneven)

    parts = _COST_CELLS if total_s else 1
    columns, rows = _edges(unit.region.x0, unit.region.x1, parts), _edges(unit.region.y0, unit.region.y1, parts)
    costs = tuple(
        seconds(Region(x0=x0, y0=y0, x1=x1, y1=y1))
        for y0, y1 in itertools.pairwise(rows)
        for x0, x1 in itertools.pairwise(columns)
    )
    _take_time(scene.unit_s + sum(costs))
    return CostGrid(columns=columns, rows=rows, seconds=costs)


@contextmanager
def _memory(scene: NullScene, region: Region) -> Iterator[None]:
    """Hold the memory that the region takes. Raises `MemoryError` above the scene's limit."""
    with nullcontext() if scene.memory_limit_bytes is None else limited_memory(scene.memory_limit_bytes):
        pixels = np.ones(region.area * scene.memory_px_bytes, np.uint8)
        yield
        del pixels


def _weight(region: Region, size: Size, uneven: float) -> float:
    """Integral over the region of 1 + uneven × (x/w)³ × (y/h)³."""
    across = ((region.x1 / size.width) ** 4 - (region.x0 / size.width) ** 4) * size.width / 4
    down = ((region.y1 / size.height) ** 4 - (region.y0 / size.height) ** 4) * size.height / 4
    return region.area + uneven * across * down


def _edges(start: int, stop: int, parts: int) -> tuple[int, ...]:
    return tuple(np.unique(np.linspace(start, stop, parts + 1).astype(int)).tolist())


def _inject(fault: str, sums: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    match fault:
        case "crash":
            os._exit(1)
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            time.sleep(_LONG_S)
        case "error":
            raise RuntimeError("this fault was asked for")
        case "nan":
            sums[0, 0] = np.nan
        case "size":
            return sums[1:]
    return np.zeros_like(sums) if fault == "blank" else sums


def _contains(region: Region, x: int, y: int) -> bool:
    return region.x0 <= x < region.x1 and region.y0 <= y < region.y1


def _take_marker(markers: Path, times: int) -> bool:
    """Create the next of ``times`` marker files; False when all exist."""
    markers.mkdir(parents=True, exist_ok=True)
    for number in range(times):
        try:
            (markers / str(number)).touch(exist_ok=False)
        except FileExistsError:
            continue
        return True
    return False


def _files(path: Path, scene: NullScene, frame: int) -> list[Path]:
    """Return the files a scene refers to. Raises `SceneError` if any are missing."""
    names = [name.replace("{frame}", str(frame)) for name in scene.files]
    files = [Path(os.path.normpath(path.absolute().parent / local_path(name, scene=path))) for name in names]
    missing = [name for name, file in zip(names, files, strict=True) if not file.is_file()]
    if missing:
        raise files_missing(path, missing)
    return files


def _digest(text: bytes, files: list[Path]) -> str:
    digest = hashlib.sha256(text)
    for file in files:
        digest.update(file_sha256(file).encode())
    return digest.hexdigest()


def _read(path: Path) -> tuple[bytes, NullScene]:
    try:
        text = path.read_bytes()
        return text, NullScene.model_validate_json(text)
    except (OSError, ValidationError) as error:
        raise SceneError(
            reason=f"{path.name} isn't a null scene: {error}",
            remedy="See tasks/renderers/null.py.",
            scene=str(path),
        ) from error
