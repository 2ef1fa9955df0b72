"""Scenes among dropped files, and what a scene says of itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from frontburner.jobs.frames import format_frames
from frontburner.jobs.job import make_job
from frontburner.jobs.job_files import is_job_file
from frontburner.jobs.scenes import frame_scenes, scene_query
from frontburner.monitor.requests import RequestRefused
from storage.errors import FrontburnerError
from tasks.errors import NodeNotReady
from tasks.node.renderer_process import RendererProcess
from tasks.renderers import SUFFIXES
from tasks.scene.frame_scenes import builds, inspect_frames

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

READ_TIMEOUT_S = 600.0
"""If reading a scene takes longer, the form is shown without its values."""
MAX_SCENES = 200
_TEST_SUFFIXES = (".json", ".specimen")
_NUMBER = re.compile(r"(.*?)(\d{2,})(\.[^.\d][^.]*)")


def scenes_in(folder: Path) -> list[str]:
    """Return the scenes below a folder, the likeliest first; numbered files of one name are one scene.

    Raises
    ------
    RequestRefused
        When there is none.
    """
    files = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    scenes = _grouped_by_number(str(path.relative_to(folder)) for path in files if not is_job_file(path))
    if not scenes:
        known = ", ".join(sorted(set(SUFFIXES) - set(_TEST_SUFFIXES)))
        raise RequestRefused(
            reason="There is no scene among the files.", remedy=f"A scene's name ends in one of {known}. Drop it too."
        )
    return sorted(scenes, key=lambda name: (name.endswith(_TEST_SUFFIXES), name.count("/"), name))[:MAX_SCENES]


def _grouped_by_number(names: Iterable[str]) -> set[str]:
    """Replace files that differ only by a number with one scene: ``shot.0001.xml`` etc. with ``shot.####.xml``."""
    groups: dict[str, list[str]] = {}
    for name in names:
        match = _NUMBER.fullmatch(name)
        key = f"{match[1]}{'#' * len(match[2])}{match[3]}" if match and "/" not in match[3] else name
        groups.setdefault(key, []).append(name)
    return {key if len(files) > 1 else files[0] for key, files in groups.items()}


def inspect_scene(scene: Path, logs: Path) -> dict[str, Any]:
    """Read a scene in a renderer process, and return the values of its form. Takes as long as the renderer does.

    ``problem`` says why the scene can't be rendered as it is, ``unread`` why it couldn't be read on this machine.
    """
    job = make_job({"scene": str(scene)})
    found: dict[str, Any] = {"renderer": job.renderer_name, "title": job.title, "notes": []}
    try:
        frames = frame_scenes(job)
        numbers = format_frames(tuple(each.frame for each in frames)) if len(frames) > 1 else ""
        found |= {"frames": numbers, "sequence": bool(numbers)}
        with RendererProcess(node="this machine", threads=1, logs=logs) as process:
            build = process.call(builds, job.renderer_name, timeout_s=READ_TIMEOUT_S)[0]
            query = scene_query(job, build).first()
            (info,) = process.call(inspect_frames, query, timeout_s=READ_TIMEOUT_S).values()
    except NodeNotReady as error:
        return found | {"unread": f"{job.renderer_name} doesn't work here, so the scene wasn't read: {error.reason}"}
    except FrontburnerError as error:
        return found | {"problem": str(error).replace(f"{scene.parent}/", "")}
    return found | {
        "size": f"{info.size.width}x{info.size.height}",
        "samples": info.samples,
        "cameras": list(info.cameras),
        "frames": numbers or (format_frames(tuple(info.frames)) if len(info.frames) > 1 else ""),
        "notes": [*info.notes, *filter(None, [info.whole_frames_because])],
    }
