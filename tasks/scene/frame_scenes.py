"""Reads a job's scene frame by frame, in the renderer's process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.renderers import renderer
from tasks.renderers.errors import FilesMissing, files_missing
from tasks.scene.animation import animation_of
from tasks.scene.manifest import manifest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.renderers.base import SceneInfo
    from tasks.scene.manifest import Manifest

Parameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameScene:
    """The scene file of one frame and the values of its parameters."""

    frame: int
    path: str
    parameters: Parameters = ()


class FrameNumbers(StrEnum):
    """Where the numbers of a job's frames are found."""

    NAMED = "named"
    """They are known."""
    CURRENT = "current"
    """It is one, and the scene says which."""
    OWN = "own"
    """They are those the scene was made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneQuery:
    """Frames whose scenes are to be read, and by what.

    Parameters
    ----------
    renderer, build
        The renderer's build that reads them.
    frames
        Scene of each frame. Where only the scene knows the frames' numbers, there is one, whose number means nothing.
    camera
        The camera that is asked for.
    numbers
        Where the numbers of the frames are found.
    given
        Parameters that the job gives, for frames whose numbers the scene knows; its keys file has the others.
    """

    renderer: str
    build: str
    frames: tuple[FrameScene, ...]
    camera: str = ""
    allow_scripts: bool = False
    numbers: FrameNumbers = FrameNumbers.NAMED
    given: Parameters = ()

    @property
    def scripts_of(self) -> str:
        """The scene whose scripts may run; empty if none may."""
        return self.frames[0].path if self.allow_scripts else ""

    def first(self) -> SceneQuery:
        """Return the query for the first frame alone."""
        return replace(self, frames=self.frames[:1])


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedScene:
    """The scene of each frame, what it contains, and the manifest of the files where it was opened."""

    frames: tuple[FrameScene, ...]
    infos: dict[int, SceneInfo]
    manifest: Manifest


def builds(name: str, allow_scripts: bool = False) -> tuple[str, ...]:  # noqa: FBT001, FBT002 - called in a process
    """Builds of a renderer that work on this machine, best first. Raises `NodeNotReady`."""
    return renderer(name, allow_scripts=allow_scripts).builds()


def with_manifest(query: SceneQuery, infos: dict[int, SceneInfo]) -> OpenedScene:
    """Make the manifest of scenes that were inspected on this machine. Raises `SceneError`."""
    frames = _numbered(query, tuple(infos))
    files = {scene.frame: [scene.path, *infos[scene.frame].files] for scene in frames}
    return OpenedScene(frames=frames, infos=infos, manifest=manifest_of(files, frames[0].path))


def inspect_frames(query: SceneQuery) -> dict[int, SceneInfo]:
    """Read the scene of each frame: parameters may change which files it refers to.

    Raises
    ------
    SceneError
        When one can't be rendered. Missing files of all frames are named at once.
    """
    adapter = renderer(query.renderer, allow_scripts=query.allow_scripts)

    def inspect(scene: FrameScene) -> SceneInfo:
        path = Path(scene.path)
        return adapter.inspect(path, build=query.build, frame=scene.frame, parameters=scene.parameters)

    frames = query.frames
    if query.numbers is not FrameNumbers.NAMED:
        frames = _numbered(query, _numbers_inside(partial(inspect, frames[0]), query))
    infos: dict[int, SceneInfo] = {}
    errors: dict[int, FilesMissing] = {}
    for scene in frames:
        try:
            infos[scene.frame] = inspect(scene).seen_by(query.camera)
        except FilesMissing as error:
            errors[scene.frame] = error
    if errors:
        raise _missing_in_frames(errors, complete=set(infos))
    return infos


def _numbers_inside(inspect: Callable[[], SceneInfo], query: SceneQuery) -> tuple[int, ...]:
    """Return the numbers of the frames that the scene itself chooses."""
    try:
        info: SceneInfo | FilesMissing = inspect()
    except FilesMissing as error:  # of a frame that may not be one of them
        info = error
    if query.numbers is FrameNumbers.OWN and info.frames:
        return tuple(info.frames)
    first = query.frames[0].frame
    return (first if info.current_frame is None else info.current_frame,)


def _numbered(query: SceneQuery, numbers: tuple[int, ...]) -> tuple[FrameScene, ...]:
    """Return the scenes of the frames of these numbers."""
    if query.numbers is FrameNumbers.NAMED:
        return query.frames
    path = query.frames[0].path
    keys = animation_of(Path(path))
    return tuple(
        FrameScene(frame=number, path=path, parameters=merged(keys.at(number), query.given)) for number in numbers
    )


def merged(keys: Parameters, given: Parameters) -> Parameters:
    """Return the parameters of a frame: those of the keys file, and those that the job gives instead or beside."""
    return tuple(sorted((dict(keys) | dict(given)).items()))


def _missing_in_frames(errors: dict[int, FilesMissing], *, complete: set[int]) -> FilesMissing:
    """Return one error for the missing files of several frames, which names the frames that need each."""
    first = next(iter(errors.values()))
    missing: dict[str, str] = {}
    for path in dict.fromkeys(path for error in errors.values() for path in error.missing):
        frames = [frame for frame, error in errors.items() if path in error.missing]
        by = next(error.missing[path] for error in errors.values() if path in error.missing)
        all_need = not complete and len(frames) == len(errors)
        needed = "" if all_need else f"for frame{'s'[: len(frames) > 1]} {_ranges(frames)}"
        missing[path] = ", ".join(filter(None, [by, needed]))
    return files_missing(Path(first.scene), missing, first.remedy)


def _ranges(frames: list[int]) -> str:
    """Write frames as ``1-3, 7``."""
    runs: list[list[int]] = []
    for frame in sorted(frames):
        if runs and runs[-1][-1] == frame - 1:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
