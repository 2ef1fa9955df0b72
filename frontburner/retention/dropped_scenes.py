"""Scenes that were dropped on the monitor's page: where they are kept, which jobs need them, how they go."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.events import RunState
from frontburner.record.registry import list_jobs
from frontburner.record.snapshot import job_ids, status_of
from frontburner.retention.rules import FRESH_S, Group, Kind
from frontburner.settings import Settings, listed
from storage.bulk import map_concurrently
from storage.objects import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from frontburner.record.job_status import JobStatus
    from storage.objects import ObjectStore

SUBMITTED = "submitted"
"""Folder of all scenes that were dropped, in `FRONTBURNER_HOME` or in the first of `FRONTBURNER_SCENES`."""
HALF = ".half-"
"""Name's beginning of what is on its way, or on its way out."""
FORGOTTEN_S = 24 * 3600.0
"""Seconds for which what is on its way may rest before it is taken for broken off."""
UNANSWERED_S = 7 * 24 * 3600.0
"""Seconds a scene waits for its job to begin: its run may stand in a queue of Prefect's."""
_SCENE = re.compile(r".+-[0-9a-f]{16}")
_OVER = (RunState.COMPLETED, RunState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneClaim:
    """What a job has to do with a scene.

    Parameters
    ----------
    over
        Whether it is completed or cancelled. Any other may go on, and needs its scene.
    last_s
        When it was last heard of.
    """

    over: bool
    last_s: float


def scene_folders() -> list[Path]:
    """Folders of this machine in which dropped scenes are kept."""
    settings = Settings()
    roots = [settings.home, *map(Path, listed(settings.scenes))]
    found = dict.fromkeys(root.expanduser().resolve() / SUBMITTED for root in roots)
    return [place for place in found if place.is_dir()]


def claims() -> dict[Path, list[SceneClaim]]:
    """Jobs that render dropped scenes, by the scene's folder, of all stores that are known here.

    Raises
    ------
    FrontburnerError
        When a store can't be read: a job of it might need any scene.
    """
    kept, found = scene_folders(), dict[Path, list[SceneClaim]]()
    for status in map_concurrently(lambda job: status_of(*job), _jobs(kept)):
        folder = _folder(str(status.job.get("scene", "")), kept)
        if folder is not None:
            found.setdefault(folder, []).append(_claim(status))
    return found


def groups(place: Path, claimed: Mapping[Path, Sequence[SceneClaim]], *, now_s: float) -> list[Group]:
    """Return the scenes of a place, each as what stays or goes together; what else lies there is left alone."""
    with os.scandir(place) as entries:
        found = sorted(Path(each.path) for each in entries if each.is_dir(follow_symlinks=False))
    scenes = (each for each in found if _SCENE.fullmatch(each.name))
    halves = (each for each in found if each.name.startswith(HALF))
    return [
        *(group for each in scenes if (group := _scene(each, claimed.get(each, ()), now_s))),
        *(group for each in halves if (group := _half(each, now_s))),
    ]


def remove(place: Path, group: Group) -> None:
    """Remove a scene, unless it was dropped again since it was judged: never does half of one lie under its name."""
    (name,) = group.keys
    home, aside = place / name, place / f"{HALF}{secrets.token_hex(8)}"
    with suppress(FileNotFoundError):
        home.rename(aside)
        if aside.stat().st_mtime <= group.newest_s:
            shutil.rmtree(aside, ignore_errors=True)
        else:
            with suppress(OSError):  # one that lies there by now is the same; what is aside goes in a day
                aside.rename(home)


def want(scene: str) -> None:
    """Take note that somebody asks for a job of this scene, if it is one that was dropped: it waits for that job."""
    with suppress(OSError):  # where it is gone, its job says so
        folder = _folder(scene, scene_folders())
        if folder is not None:
            os.utime(folder)


def _jobs(kept: Sequence[Path]) -> Iterator[tuple[ObjectStore, str]]:
    """Jobs that this machine ran, and all others in their stores and where the pictures of dropped scenes go."""
    here = list_jobs()
    pictures = [f"{root.rstrip('/')}/{each.name}" for root in listed(Settings().pictures)
                for place in kept for each in place.iterdir() if _SCENE.fullmatch(each.name)]  # fmt: skip
    stores = {store.url: store for store in [*(place.store for place in here), *map(open_store, pictures)]}
    told = {(place.store.url, place.job_id) for place in here}
    told |= {(url, job_id) for url, store in stores.items() for job_id in job_ids(store)}
    return ((stores[url], job_id) for url, job_id in told)


def _folder(scene: str, kept: Sequence[Path]) -> Path | None:
    """Return the folder of the dropped scene that a path leads to; None where it leads elsewhere."""
    path = Path(os.path.realpath(scene)) if scene else Path("/")
    return next((each for each in path.parents if each.parent in kept), None)


def _claim(status: JobStatus) -> SceneClaim:
    last_s = datetime.fromisoformat(status.last).timestamp() if status.last else 0.0
    return SceneClaim(over=status.state in _OVER, last_s=last_s)


def _scene(folder: Path, claimed: Sequence[SceneClaim], now_s: float) -> Group | None:
    held = _held(folder)
    if held is None:
        return None
    size_bytes, dropped_s, _ = held
    last_s = max((claim.last_s for claim in claimed), default=0.0)
    unanswered = dropped_s > last_s and now_s - dropped_s < UNANSWERED_S
    needed = unanswered or now_s - dropped_s < FRESH_S or any(not claim.over for claim in claimed)
    return Group(kind=Kind.SCENES, name=folder.name, keys=(folder.name,), size_bytes=size_bytes,
                 newest_s=max(dropped_s, last_s), needed=needed)  # fmt: skip


def _half(folder: Path, now_s: float) -> Group | None:
    held = _held(folder)
    if held is None:
        return None
    size_bytes, _, newest_s = held
    broken = now_s - newest_s >= FORGOTTEN_S
    return Group(kind=Kind.SCENES, name=folder.name, keys=(folder.name,), size_bytes=size_bytes,
                 newest_s=newest_s, needed=not broken, broken=broken)  # fmt: skip


def _held(folder: Path) -> tuple[int, float, float] | None:
    """Bytes of a folder, when it was last touched, and when anything in it was; None where it is gone."""
    try:
        dropped_s = newest_s = folder.stat().st_mtime
    except FileNotFoundError:
        return None
    size_bytes = 0
    for where, _, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):
                told = Path(where, name).lstat()
                size_bytes, newest_s = size_bytes + told.st_size, max(newest_s, told.st_mtime)
    return size_bytes, dropped_s, newest_s
