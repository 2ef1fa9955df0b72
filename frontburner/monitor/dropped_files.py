"""What was dropped: which of the files are scenes, and what one of them says of itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from frontburner.jobs.frames import format_frames
from frontburner.jobs.job import make_job
from frontburner.jobs.job_files import is_job_file
from frontburner.jobs.scenes import frame_scenes
from frontburner.monitor.refusals import RequestRefused
from storage.errors import FrontburnerError
from tasks.errors import NodeNotReady
from tasks.node.renderer_process import RendererProcess
from tasks.renderers.files import SUFFIXES
from tasks.scene.frame_scenes import SceneQuery, builds, inspect_frames

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

READ_S = 600.0
"""A scene that takes longer to read is rendered without its form saying anything of it."""
MOST_SCENES = 200
_REHEARSALS = (".json", ".specimen")
_NUMBER = re.compile(r"(.*?)(\d{2,})(\.[^.\d][^.]*)")


def scenes_in(folder: Path) -> list[str]:
    """Return the scenes below a folder, the likeliest first: one file a frame of the same name is one scene.

    Raises
    ------
    NotTaken
        When there is none.
    """
    files = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    named = _numbered(str(path.relative_to(folder)) for path in files if not is_job_file(path))
    if not named:
        known = ", ".join(sorted(set(SUFFIXES) - set(_REHEARSALS)))
        raise RequestRefused(
            reason="There is no scene among the files.", remedy=f"A scene's name ends in one of {known}. Drop it too."
        )
    return sorted(named, key=lambda name: (name.endswith(_REHEARSALS), name.count("/"), name))[:MOST_SCENES]


def _numbered(names: Iterable[str]) -> set[str]:
    """Take files that differ by a number only for one scene: ``shot.0001.xml`` and so on are ``shot.####.xml``."""
    groups: dict[str, list[str]] = {}
    for name in names:
        match = _NUMBER.fullmatch(name)
        key = f"{match[1]}{'#' * len(match[2])}{match[3]}" if match and "/" not in match[3] else name
        groups.setdefault(key, []).append(name)
    return {key if len(own) > 1 else own[0] for key, own in groups.items()}


def read_scene(scene: Path, logs: Path) -> dict[str, Any]:
    """Return what a scene says of itself, read in a process of its own. It takes as long as the renderer does.

    What is wrong with it is told too: ``problem`` says why it can't be rendered as it is, ``unread`` why nothing is
    known of it here.
    """
    job = make_job({"scene": str(scene)})
    told: dict[str, Any] = {"renderer": job.renderer_name, "title": job.title, "notes": []}
    try:
        frames = frame_scenes(job)
        own = format_frames(tuple(each.frame for each in frames)) if len(frames) > 1 else ""
        told |= {"frames": own, "sequence": bool(own)}
        with RendererProcess(node="this machine", threads=1, logs=logs) as process:
            build = process.call(builds, job.renderer_name, timeout_s=READ_S)[0]
            query = SceneQuery(renderer=job.renderer_name, build=build, frames=frames[:1])
            info = process.call(inspect_frames, query, timeout_s=READ_S)[frames[0].frame]
    except NodeNotReady as error:
        return told | {"unread": f"{job.renderer_name} doesn't work here, so the scene wasn't read: {error.reason}"}
    except FrontburnerError as error:
        return told | {"problem": str(error).replace(f"{scene.parent}/", "")}
    return told | {
        "size": f"{info.size.width}x{info.size.height}",
        "samples": info.samples,
        "cameras": list(info.cameras),
        "frames": own or info.frames,
        "notes": [*info.notes, *filter(None, [info.whole_frames_because])],
    }
