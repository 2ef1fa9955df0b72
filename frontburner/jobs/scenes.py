"""The scene file and parameters of each frame of a job, by the conventions of ``docs/scenes.md``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.jobs.frames import parse_frames
from frontburner.jobs.job import JobRefused
from tasks.errors import SceneError
from tasks.renderers import frames_of
from tasks.scene import animation
from tasks.scene.frame_scenes import FrameScene

if TYPE_CHECKING:
    from frontburner.jobs.job import RenderJob


def frame_scenes(job: RenderJob) -> tuple[FrameScene, ...]:
    """List the frames of a job with their scene file and parameters; the job's own override those of the keys file.

    Raises
    ------
    JobRefused
        When a scene file is missing.
    SceneError
        When a keys file is malformed.
    """
    scene = Path(job.scene).expanduser().absolute()
    numbered = animation.is_numbered(scene)
    if not numbered:
        _require_files([scene])
    keys = animation.animation_of(scene)
    if job.frames:
        frames = parse_frames(job.frames)
    elif keys.frames:
        frames = _frames_of_keys(scene, keys.frames)
    elif numbered:
        frames = animation.frames_on_disk(scene)
        if not frames:
            _require_files([animation.scene_at(scene, 1)])
    else:
        frames = frames_of(scene) or (1,)
    paths = {frame: animation.scene_at(scene, frame) if numbered else scene for frame in frames}
    if numbered:
        _require_files(list(paths.values()))
    return tuple(
        FrameScene(
            frame=frame, path=str(path), parameters=tuple(sorted((dict(keys.at(frame)) | job.parameters).items()))
        )
        for frame, path in paths.items()
    )


def _frames_of_keys(scene: Path, text: str) -> tuple[int, ...]:
    try:
        return parse_frames(text)
    except ValueError as error:
        keys = animation.keys_path(scene).name
        raise SceneError(
            reason=f"The keys file {keys} is wrong: frames: {error}", remedy="Correct it.", scene=str(scene)
        ) from None


def _require_files(paths: list[Path]) -> None:
    """Refuse a job whose scene files are missing."""
    missing = [path for path in paths if not path.is_file()]
    if not missing:
        return
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    problem = "is a folder, not a scene file" if missing[0].is_dir() else "does not exist"
    raise JobRefused(
        reason="The job was refused before anything started:",
        remedy="",
        problems=(f"scene: {missing[0]} {problem}{more}. Check the path.",),
    )
