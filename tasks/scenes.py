"""Read a job's scene frame by frame, in the renderer's process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.renderers import renderer

if TYPE_CHECKING:
    from tasks.renderers.base import SceneInfo

Parameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameScene:
    """The scene file of one frame and the values of its parameters."""

    frame: int
    path: str
    parameters: Parameters = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneQuery:
    """Frames whose scenes are to be read, by this build of a renderer."""

    renderer: str
    build: str
    frames: tuple[FrameScene, ...]


def builds(name: str) -> tuple[str, ...]:
    """Builds of a renderer that work on this machine, best first. Raises `NodeNotReady`."""
    return renderer(name).builds()


def inspect_frames(query: SceneQuery) -> dict[int, SceneInfo]:
    """Read the scene of each frame: parameters may change which files it refers to. Raises `SceneError`."""
    adapter = renderer(query.renderer)
    return {
        scene.frame: adapter.inspect(
            Path(scene.path), build=query.build, frame=scene.frame, parameters=scene.parameters
        )
        for scene in query.frames
    }
