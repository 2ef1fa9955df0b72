"""The scene file and parameters of each frame of a job, by the conventions of ``docs/scenes.md``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.jobs.frames import OWN_FRAMES, parse_frames
from frontburner.jobs.job import JobRefused
from system import paths
from tasks.errors import SceneError
from tasks.renderers import frames_of, keeps_frames_inside
from tasks.scene import animation
from tasks.scene.frame_scenes import FrameNumbers, FrameScene, SceneQuery, merged

if TYPE_CHECKING:
    from frontburner.jobs.job import RenderJob


def scene_query(job: RenderJob, build: str) -> SceneQuery:
    """Return what is to be read of a job's scene, and by which build. Raises as `frame_scenes` does."""
    return SceneQuery(
        renderer=job.renderer_name,
        build=build,
        frames=frame_scenes(job),
        camera=job.camera,
        numbers=frame_numbers(job),
        allow_scripts=job.allow_scripts,
        given=tuple(sorted(job.parameters.items())),
    )


def frame_numbers(job: RenderJob) -> FrameNumbers:
    """Return where the numbers of a job's frames are found."""
    scene = Path(paths.absolute(job.scene))
    if job.frames not in ("", OWN_FRAMES) or not keeps_frames_inside(scene) or _names_frames(scene):
        return FrameNumbers.NAMED
    return FrameNumbers.OWN if job.frames else FrameNumbers.CURRENT


def _names_frames(scene: Path) -> bool:
    """Whether it is known without its renderer which frames a scene has."""
    return bool(animation.is_numbered(scene) or animation.animation_of(scene).frames or frames_of(scene))


def frame_scenes(job: RenderJob) -> tuple[FrameScene, ...]:
    """List the frames of a job with their scene file and parameters; the job's own override those of the keys file.

    Where only the scene knows its frames' numbers (`frame_numbers`), there is one frame, as if it were the first.

    Raises
    ------
    JobRefused
        When a scene file is missing.
    SceneError
        When a keys file is malformed.
    """
    scene = Path(paths.absolute(job.scene))
    numbered = animation.is_numbered(scene)
    if not numbered:
        _require_files([scene])
    keys = animation.animation_of(scene)
    if job.frames == OWN_FRAMES and not (keeps_frames_inside(scene) or _names_frames(scene)):
        problem = f"frames '{OWN_FRAMES}': {scene.name} doesn't say which frames it has. Give their numbers."
        raise JobRefused(reason="The job was refused before anything started:", remedy="", problems=(problem,))
    if job.frames not in ("", OWN_FRAMES):
        frames = parse_frames(job.frames)
    elif keys.frames:
        frames = _frames_of_keys(scene, keys.frames)
    elif numbered:
        frames = animation.frames_on_disk(scene)
        if not frames:
            _require_files([animation.scene_at(scene, 1)])
    else:
        frames = frames_of(scene) or (1,)
    files = {frame: animation.scene_at(scene, frame) if numbered else scene for frame in frames}
    if numbered:
        _require_files(list(files.values()))
    return tuple(
        FrameScene(frame=frame, path=str(path), parameters=merged(keys.at(frame), tuple(job.parameters.items())))
        for frame, path in files.items()
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
