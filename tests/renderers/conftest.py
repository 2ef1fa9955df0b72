"""Renderers to hold against the contract, each in a process of its own that the tests share."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.errors import NodeNotReady
from tasks.node.renderer_process import RendererProcess
from tasks.renderers import renderer
from tasks.spec import FrameSpec, Region, SampleRange, Size, UnitSpec
from tests.disks import disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from tasks.renderers.base import SceneInfo
    from tasks.spec import Pixels

KINDS = {
    "null": ("null", "null", "gradient.json"),
    "llvm": ("mitsuba", "llvm", "room.xml"),
    "scalar": ("mitsuba", "scalar", "room.xml"),
    "bpy": ("blender", r"^5\S* cpu", "room.blend"),
    "blender": ("blender", r"^[34]\S* cpu", "room.blend"),
    "povray": ("povray", "povray", "room.pov"),
    "specimen": ("specimen", "numpy", "ball.specimen"),
}
"""Renderer, its builds as a pattern, and scene of each kind of bench."""
LONG: dict[str, dict[str, object]] = {
    "null": {"scene": "hang.json"},
    "llvm": {"samples": 1 << 22},
    "scalar": {"samples": 1 << 16},
    "bpy": {"samples": 1 << 20},
    "blender": {"samples": 1 << 20},
    "specimen": {"samples": 1 << 20},
    "povray": {"size": Size(width=2000, height=2000), "samples": 81},
}
"""Changes that make a frame take longer than any test."""
SCENES = Path(__file__).parent / "scenes"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A renderer process, and a frame to render with it."""

    kind: str
    process: RendererProcess
    frame: FrameSpec

    def with_(self, scene: Path | None = None, **changes: object) -> Bench:
        """The same with another scene or other settings of the frame."""
        frame = replace(self.frame, scene=str(scene or self.frame.scene), **changes)  # type: ignore[arg-type]
        return Bench(
            kind=self.kind, process=self.process, frame=replace(frame, scene_digest=inspect(self.process, frame).digest)
        )

    def unit(self, region: Region | None = None, samples: tuple[int, int] | None = None) -> UnitSpec:
        """A unit of the frame, all of it by default."""
        start, stop = samples or (0, self.frame.samples)
        return UnitSpec(
            frame=self.frame,
            region=region or self.frame.size.whole,
            samples=SampleRange(start=start, stop=stop),
        )

    def render(self, region: Region | None = None, samples: tuple[int, int] | None = None) -> Pixels:
        return self.process.render(self.unit(region, samples)).pixels

    def means(self) -> npt.NDArray[np.float64]:
        return self.render().sums.astype(np.float64) / self.frame.samples


def inspect(process: RendererProcess, frame: FrameSpec) -> SceneInfo:
    read = partial(
        renderer(frame.renderer).inspect,
        Path(frame.scene),
        build=frame.build,
        frame=frame.frame,
        parameters=frame.parameters,
    )
    return process.call(read)


def found_builds(process: RendererProcess, name: str) -> tuple[str, ...]:
    try:
        return process.call(renderer(name).builds)
    except NodeNotReady:
        return ()


def start(kind: str, logs: Path, threads: int = 2) -> Bench:
    """A bench for one of the kinds below; skips where its build doesn't work."""
    name, variant, scene = KINDS[kind]
    process = RendererProcess(node="test", threads=threads, logs=logs)
    builds = [build for build in found_builds(process, name) if re.search(variant, build)]
    if not builds:
        process.stop()
        pytest.skip(f"no {kind} build works here")
    frame = FrameSpec(
        renderer=name,
        build=builds[0],
        scene=str(SCENES / scene),
        scene_digest="",
        frame=1,
        size=Size(width=48, height=40),
        samples=8,
    )
    return Bench(kind=kind, process=process, frame=frame).with_()


@pytest.fixture(scope="session")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Bench]]:
    made: dict[str, Bench] = {}

    def bench(kind: str) -> Bench:
        if kind not in made:
            made[kind] = start(kind, tmp_path_factory.mktemp(kind))
        return made[kind]

    yield bench
    for one in made.values():
        one.process.stop()


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, benches: Callable[[str], Bench]) -> Bench:
    return benches(request.param)


@pytest.fixture
def long(bench: Bench) -> Bench:
    """The same, with a frame that takes long."""
    changes = dict(LONG[bench.kind])
    scene = changes.pop("scene", None)
    return bench.with_(SCENES / str(scene) if scene else None, **changes)


@pytest.fixture
def povray(benches: Callable[[str], Bench]) -> Bench:
    return benches("povray")


@pytest.fixture(params=["llvm", "scalar"])
def mitsuba(request: pytest.FixtureRequest, benches: Callable[[str], Bench]) -> Bench:
    return benches(request.param)


@pytest.fixture
def llvm(benches: Callable[[str], Bench]) -> Bench:
    return benches("llvm")


@pytest.fixture
def null(benches: Callable[[str], Bench]) -> Bench:
    return benches("null")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a hundred kilobytes."""
    with disk(tmp_path / "disk", "100k") as place:
        yield place
