"""Reads a job's scene frame by frame, in the renderer's process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.renderers import renderer
from tasks.scene.manifest import manifest_of

if TYPE_CHECKING:
    from tasks.renderers.base import SceneInfo
    from tasks.scene.manifest import Manifest

Parameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameScene:
    """The scene file of one frame and the values of its parameters."""

    frame: int
    path: str
    parameters: Parameters = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneQuery:
    """Frames whose scenes are to be read, the renderer's build that reads them, and the camera that is asked for."""

    renderer: str
    build: str
    frames: tuple[FrameScene, ...]
    camera: str = ""
    allow_scripts: bool = False

    @property
    def scripts_of(self) -> str:
        """The scene whose scripts may run; empty if none may."""
        return self.frames[0].path if self.allow_scripts else ""

    def first(self) -> SceneQuery:
        """Return the query for the first frame alone."""
        return replace(self, frames=self.frames[:1])


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedScene:
    """What each frame's scene contains, and the manifest of the files where it was opened."""

    infos: dict[int, SceneInfo]
    manifest: Manifest


def builds(name: str, allow_scripts: bool = False) -> tuple[str, ...]:  # noqa: FBT001, FBT002 - called in a process
    """Builds of a renderer that work on this machine, best first. Raises `NodeNotReady`."""
    return renderer(name, allow_scripts=allow_scripts).builds()


def with_manifest(query: SceneQuery, infos: dict[int, SceneInfo]) -> OpenedScene:
    """Make the manifest of scenes that were inspected on this machine. Raises `SceneError`."""
    files = {scene.frame: [scene.path, *infos[scene.frame].files] for scene in query.frames}
    return OpenedScene(infos=infos, manifest=manifest_of(files, query.frames[0].path))


def inspect_frames(query: SceneQuery) -> dict[int, SceneInfo]:
    """Read the scene of each frame: parameters may change which files it refers to. Raises `SceneError`."""
    adapter = renderer(query.renderer, allow_scripts=query.allow_scripts)
    return {
        scene.frame: adapter.inspect(
            Path(scene.path), build=query.build, frame=scene.frame, parameters=scene.parameters
        ).seen_by(query.camera)
        for scene in query.frames
    }
