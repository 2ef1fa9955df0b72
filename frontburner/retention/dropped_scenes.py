"""Scenes that were dropped on the monitor's page: where they are, which jobs need them, how they are deleted."""

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
from frontburner.retention.rules import MIN_AGE_S, Group, Kind
from frontburner.settings import Settings, comma_separated
from storage.bulk import map_concurrently
from storage.disk_errors import translate_os_errors
from storage.objects import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from storage.objects import ObjectStore

SUBMITTED_FOLDER = "submitted"
"""Folder of dropped scenes, in `FRONTBURNER_HOME` or the first folder of `FRONTBURNER_SCENES`."""
PARTIAL_PREFIX = ".half-"
"""Prefix of the names of scenes that are being uploaded or deleted."""
ABANDONED_AFTER_S = 24 * 3600.0
"""Seconds without a change after which an upload is abandoned."""
UNCLAIMED_FOR_S = 7 * 24 * 3600.0
"""Seconds a scene is kept for its job to start: the run may wait in a Prefect queue."""
_SCENE = re.compile(r".+-[0-9a-f]{16}")
_FINISHED = (RunState.COMPLETED, RunState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneUse:
    """Use of a scene by a job.

    Parameters
    ----------
    finished
        Whether the job is completed or cancelled. Any other may be resumed, and needs its scene.
    last_s
        Time of its last event.
    """

    finished: bool
    last_s: float


def scene_folders() -> list[Path]:
    """Folders of this machine that contain dropped scenes."""
    settings = Settings()
    roots = [settings.home, *map(Path, comma_separated(settings.scenes))]
    folders = dict.fromkeys(root.expanduser().resolve() / SUBMITTED_FOLDER for root in roots)
    return [folder for folder in folders if folder.is_dir()]


def scene_uses() -> dict[Path, list[SceneUse]]:
    """Uses of dropped scenes by jobs of all known stores, by the scene's folder.

    Raises
    ------
    FrontburnerError
        When a store can't be read: its jobs might need any scene.
    """
    folders, uses = scene_folders(), dict[Path, list[SceneUse]]()
    for status in map_concurrently(lambda job: status_of(*job), _jobs(folders)):
        scene = _scene_folder(str(status.job.get("scene", "")), folders)
        if scene is not None:
            last_s = datetime.fromisoformat(status.last).timestamp() if status.last else 0.0
            uses.setdefault(scene, []).append(SceneUse(finished=status.state in _FINISHED, last_s=last_s))
    return uses


@dataclass(frozen=True, slots=True)
class DroppedScenes:
    """A folder of dropped scenes; other files in it are left alone."""

    folder: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.folder)

    def groups(self, now_s: float) -> list[Group]:
        """All its scenes."""
        return self._groups({}, now_s)

    def assess(self, now_s: float) -> list[Group]:
        """All its scenes, with those that jobs of known stores need marked."""
        return self._groups(scene_uses(), now_s)

    def remove(self, group: Group) -> None:
        """Remove a scene, unless it was dropped again since it was assessed. Its name never holds part of one."""
        (name,) = group.keys
        scene, aside = self.folder / name, self.folder / f"{PARTIAL_PREFIX}{secrets.token_hex(8)}"
        with translate_os_errors(self.name, name), suppress(FileNotFoundError):
            scene.rename(aside)
            if aside.stat().st_mtime <= group.newest_s:
                shutil.rmtree(aside, ignore_errors=True)
            else:
                with suppress(OSError):  # if the name is in use again, that scene is the same; this one expires
                    aside.rename(scene)

    def _groups(self, uses: Mapping[Path, Sequence[SceneUse]], now_s: float) -> list[Group]:
        with translate_os_errors(self.name, ""):
            with os.scandir(self.folder) as entries:
                folders = sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
            scenes = [_scene(each, uses.get(each, ()), now_s) for each in folders if _SCENE.fullmatch(each.name)]
            partial = [_partial_scene(each, now_s) for each in folders if each.name.startswith(PARTIAL_PREFIX)]
            return [group for group in [*scenes, *partial] if group]


def mark_requested(scene: str) -> None:
    """Keep a scene, if it is a dropped one, for a job that has just been requested."""
    with suppress(OSError):  # if it is gone, its job reports that
        folder = _scene_folder(scene, scene_folders())
        if folder is not None:
            os.utime(folder)


def _jobs(folders: Sequence[Path]) -> Iterator[tuple[ObjectStore, str]]:
    """Jobs that this machine ran, and all others in their stores and in those of dropped scenes' pictures."""
    known = list_jobs()
    pictures = [f"{root.rstrip('/')}/{each.name}" for root in comma_separated(Settings().pictures)
                for folder in folders for each in folder.iterdir() if _SCENE.fullmatch(each.name)]  # fmt: skip
    stores = {store.url: store for store in [*(job.store for job in known), *map(open_store, pictures)]}
    jobs = {(job.store.url, job.job_id) for job in known}
    jobs |= {(url, job_id) for url, store in stores.items() for job_id in job_ids(store)}
    return ((stores[url], job_id) for url, job_id in jobs)


def _scene_folder(scene: str, folders: Sequence[Path]) -> Path | None:
    """Return the folder of the dropped scene that a path is in; None if it is elsewhere."""
    path = Path(os.path.realpath(scene)) if scene else Path("/")
    return next((each for each in path.parents if each.parent in folders), None)


def _scene(folder: Path, uses: Sequence[SceneUse], now_s: float) -> Group | None:
    usage = _disk_usage(folder)
    if usage is None:
        return None
    size_bytes, dropped_s, _ = usage
    last_s = max((use.last_s for use in uses), default=0.0)
    unclaimed = dropped_s > last_s and now_s - dropped_s < UNCLAIMED_FOR_S
    needed = unclaimed or now_s - dropped_s < MIN_AGE_S or any(not use.finished for use in uses)
    return Group(kind=Kind.SCENES, name=folder.name, keys=(folder.name,), size_bytes=size_bytes,
                 newest_s=max(dropped_s, last_s), needed=needed)  # fmt: skip


def _partial_scene(folder: Path, now_s: float) -> Group | None:
    usage = _disk_usage(folder)
    if usage is None:
        return None
    size_bytes, _, newest_s = usage
    abandoned = now_s - newest_s >= ABANDONED_AFTER_S
    return Group(kind=Kind.SCENES, name=folder.name, keys=(folder.name,), size_bytes=size_bytes,
                 newest_s=newest_s, needed=not abandoned, broken=abandoned)  # fmt: skip


def _disk_usage(folder: Path) -> tuple[int, float, float] | None:
    """Bytes of a folder, when it was last touched, and when anything in it was; None if it is gone."""
    try:
        touched_s = newest_s = folder.stat().st_mtime
    except FileNotFoundError:
        return None
    size_bytes = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):
                info = Path(parent, name).lstat()
                size_bytes, newest_s = size_bytes + info.st_size, max(newest_s, info.st_mtime)
    return size_bytes, touched_s, newest_s
