"""An example of a renderer: a ball under a wide lamp, in numpy. ``docs/renderers.md`` explains it."""

# ruff: noqa: ARG002 - a renderer as simple as this needs few of its arguments
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.errors import SceneError
from tasks.renderers.base import Capabilities, SceneInfo
from tasks.renderers.errors import scene_changed
from tasks.renderers.scene_files import scene_digest
from tasks.spec import FrameSpec, Pixels, Size, UnitSpec

if TYPE_CHECKING:
    import numpy.typing as npt


class Ball(BaseModel):
    """The scene file: JSON, all of it optional."""

    model_config = ConfigDict(extra="forbid")
    width: int = Field(default=96, ge=1)
    height: int = Field(default=54, ge=1)
    samples: int = Field(default=16, ge=1)
    colour: tuple[float, float, float] = (0.8, 0.4, 0.2)


class Specimen:
    """The adapter."""

    name = "specimen"

    def builds(self) -> tuple[str, ...]:
        """Return what works here: numpy always does. A real renderer is tried with `tasks.renderers.trial`."""
        return ("1 numpy",)

    def capabilities(self, build: str) -> Capabilities:
        """Say what it can do; the contract suite proves it."""
        return Capabilities(exact_regions=True, exact_samples=True, costs=False)

    def inspect(self, scene: Path, *, build: str, frame: int, parameters: tuple[tuple[str, str], ...]) -> SceneInfo:
        """Read the scene file."""
        ball = _read(scene)
        return SceneInfo(
            digest=scene_digest(scene, [scene]),
            files=(str(scene),),
            size=Size(width=ball.width, height=ball.height),
            samples=ball.samples,
            cameras=("0",),
        )

    def open(self, frame: FrameSpec, *, threads: int) -> SpecimenSession:
        """Start a session."""
        return SpecimenSession()


class SpecimenSession:
    """Draws units."""

    load_s = 0.0

    def render(self, unit: UnitSpec) -> Pixels:
        """Add up the samples of a region. Each depends on nothing but the pixel's place and the sample's number."""
        frame, region = unit.frame, unit.region
        scene = Path(frame.scene)
        if scene_digest(scene, [scene]) != frame.scene_digest:
            raise scene_changed(scene)
        colour = np.asarray(_read(scene).colour)
        y, x = np.mgrid[region.y0 : region.y1, region.x0 : region.x1].astype(np.uint64)
        sums = np.zeros((region.height, region.width, 4))
        for number in range(unit.samples.start, unit.samples.stop):
            random = [_random(x, y, number, frame.seed, frame.frame, draw) for draw in range(4)]
            across = (2 * (x + random[0]) - frame.size.width) / frame.size.height
            down = (2 * (y + random[1]) - frame.size.height) / frame.size.height
            inside = (depth := 0.64 - across**2 - down**2) > 0
            lamp = np.stack([random[2] - 0.9, random[3] - 1.4, np.ones_like(across)], axis=-1)
            normal = np.stack([across, down, np.sqrt(np.maximum(depth, 0))], axis=-1) / 0.8
            light = np.maximum((normal * lamp).sum(axis=-1) / np.linalg.norm(lamp, axis=-1), 0) * inside
            sums += np.concatenate([light[..., None] * colour, inside[..., None]], axis=-1)
        return Pixels(sums=np.ascontiguousarray(sums, np.float32), channels=frame.channels)


def _random(x: npt.NDArray[np.uint64], y: npt.NDArray[np.uint64], *numbers: int) -> npt.NDArray[np.float64]:
    """Return a random number in [0, 1) for each pixel: a hash (SplitMix64) of its place and of these numbers."""
    state = x * np.uint64(0x9E3779B97F4A7C15) + y * np.uint64(0xD1B54A32D192ED03)
    for number in numbers:
        state = (state ^ np.uint64(number)) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
    return np.asarray((state >> np.uint64(11)) / 2**53)


def _read(scene: Path) -> Ball:
    try:
        return Ball.model_validate_json(scene.read_bytes())
    except (OSError, ValidationError) as error:
        raise SceneError(
            reason=f"{scene.name} isn't a ball: {error}", remedy="Correct it.", scene=str(scene)
        ) from error
