"""What lies in a watched folder: scenes and jobs to render, each with the files that belong to it, once complete."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner.jobs.job import JobRefused
from frontburner.jobs.job_files import is_job_file, read_document
from tasks.renderers.files import SUFFIXES
from tasks.scene.animation import KEYS_SUFFIX, frames_on_disk, is_numbered, keys_path, scene_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    Signature = tuple[tuple[str, int, int], ...]

DONE, FAILED, PICTURES = "done", "failed", "pictures"
MISSING_S = 60.0
"""How long a job whose scene isn't there waits for it: people drop the smaller file first."""
_PASSING = (".part", ".partial", ".tmp", ".crdownload", ".filepart", "~", "@")
"""Ends of names of files that are under way, or beside the point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderEntry:
    """Something to render.

    Parameters
    ----------
    path
        What was dropped: a scene, a job file, or a folder with one of these.
    render
        The scene or job file to render; None where it can't be told.
    others
        Files beside it that belong to it, and move with it.
    missing
        A scene it names that isn't there.
    problem
        Why it can't be told what to render.
    """

    path: Path
    render: Path | None = None
    others: tuple[Path, ...] = ()
    missing: Path | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.name

    def signature(self) -> Signature:
        """Return names, sizes and times of all its files: they stay the same once all is there."""
        found = []
        for path in (self.path, *self.others):
            for file in sorted(path.rglob("*")) if path.is_dir() else (path,):
                try:
                    stat = file.stat()
                except OSError:
                    continue
                found.append((str(file), stat.st_size, stat.st_mtime_ns))
        return tuple(found)


@dataclass(slots=True, kw_only=True)
class Settling:
    """Knows which drops are complete: those whose files haven't changed for a while.

    Parameters
    ----------
    settle_s
        How long.
    """

    settle_s: float
    _seen: dict[Path, tuple[Signature, float]] = field(init=False, default_factory=dict)

    def complete(self, drops: Iterable[FolderEntry], now_s: float) -> list[FolderEntry]:
        """Return the drops that are complete, the one that came to rest first before all others."""
        seen: dict[Path, tuple[Signature, float]] = {}
        ready = []
        for drop in drops:
            signature = drop.signature()
            before, since_s = self._seen.get(drop.path, (None, now_s))
            if signature != before:
                since_s = now_s
            seen[drop.path] = (signature, since_s)
            waits_s = max(self.settle_s, MISSING_S) if drop.missing else self.settle_s
            if now_s - since_s >= waits_s and _holds_something(signature):
                ready.append((since_s, drop))
        self._seen = seen
        return [drop for _, drop in sorted(ready, key=lambda each: (each[0], each[1].path))]


def entries_in(folder: Path) -> list[FolderEntry]:
    """Return what lies in a folder to be rendered."""
    entries = [path for path in sorted(folder.iterdir()) if _counts(path)]
    jobs = {path: _scene_of(path) for path in entries if path.is_file() and is_job_file(path)}
    scenes = {file for scene in jobs.values() if scene is not None for file in _files(scene)}
    found = [_job(path, scene, folder) for path, scene in jobs.items()]
    for path in entries:
        if path.is_dir() and path.name not in (DONE, FAILED, PICTURES):
            found.append(_whole(path))
        elif path not in jobs and path not in scenes and _is_scene(path):
            found.append(FolderEntry(path=path, render=path, others=_files(path)[1:]))
    return found


def _job(path: Path, scene: Path | None, folder: Path) -> FolderEntry:
    """Return a job file with the scene it names, where that lies beside it."""
    if scene is None or scene.parent != folder:
        return FolderEntry(path=path, render=path)
    files = _files(scene)
    return FolderEntry(path=path, render=path, others=files, missing=None if files else scene)


def _whole(folder: Path) -> FolderEntry:
    """Return a folder that was dropped: its one job file, or else its one scene, is what is rendered."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and _counts(path)]
    candidates: Sequence[Path] = [path for path in files if is_job_file(path)] or [
        path for path in files if _is_scene(path)
    ]
    if len(candidates) == 1:
        return FolderEntry(path=folder, render=candidates[0])
    if not candidates:
        return FolderEntry(path=folder, problem="There is no scene and no job file in the folder, at its top.")
    names = ", ".join(path.name for path in candidates[:5])
    return FolderEntry(
        path=folder, problem=f"The folder has several scenes or jobs: {names}. Add a job file that names one."
    )


def _counts(path: Path) -> bool:
    return not path.name.startswith(".") and not path.name.endswith((*_PASSING, KEYS_SUFFIX))


def _is_scene(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in SUFFIXES


def _files(scene: Path) -> tuple[Path, ...]:
    """Return what there is of a scene: its file, or one a frame, and its keys."""
    files = [scene_at(scene, frame) for frame in frames_on_disk(scene)] if is_numbered(scene) else [scene]
    return tuple(path for path in (*files, keys_path(scene)) if path.exists())


def _scene_of(job: Path) -> Path | None:
    """Return the scene a job file names, if that can be read."""
    try:
        document: Mapping[str, object] = read_document(job)
    except JobRefused:
        return None  # why, is told when it is rendered
    scene = document.get("scene")
    return job.parent / scene if isinstance(scene, str) and scene else None


def _holds_something(signature: Signature) -> bool:
    return any(size for _, size, _ in signature)
