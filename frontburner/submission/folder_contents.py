"""Scenes and jobs in a watched folder, each with the files that belong to it, and when they are complete."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner.jobs.job import JobRefused
from frontburner.jobs.job_files import is_job_file, read_document
from tasks.renderers import SUFFIXES
from tasks.scene.animation import KEYS_SUFFIX, frames_on_disk, is_numbered, keys_path, scene_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    Signature = tuple[tuple[str, int, int], ...]

DONE, FAILED, PICTURES = "done", "failed", "pictures"
MISSING_S = 60.0
"""How long a job waits for a missing scene: people drop the smaller file first."""
_TEMPORARY = (".part", ".partial", ".tmp", ".crdownload", ".filepart", "~", "@")
"""Suffixes of downloads, copies and backups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderEntry:
    """A scene, job file or folder to render.

    Parameters
    ----------
    path
        The scene or job file, or a folder that contains one.
    render
        The scene or job file to render; None if there is none, or more than one.
    others
        Files beside it that belong to it, and move with it.
    missing
        The scene it names, if that isn't there.
    problem
        Why ``render`` is None.
    """

    path: Path
    render: Path | None = None
    others: tuple[Path, ...] = ()
    missing: Path | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """Its file name."""
        return self.path.name

    def signature(self) -> Signature:
        """Return the names, sizes and times of all its files; two equal ones mean that nothing changed."""
        files = []
        for path in (self.path, *self.others):
            for file in sorted(path.rglob("*")) if path.is_dir() else (path,):
                try:
                    stat = file.stat()
                except OSError:
                    continue
                files.append((str(file), stat.st_size, stat.st_mtime_ns))
        return tuple(files)


@dataclass(slots=True, kw_only=True)
class Settling:
    """Finds the entries that are complete: those whose files haven't changed for a while.

    Parameters
    ----------
    settle_s
        How long, in seconds.
    """

    settle_s: float
    _seen: dict[Path, tuple[Signature, float]] = field(init=False, default_factory=dict)

    def complete(self, entries: Iterable[FolderEntry], now_s: float) -> list[FolderEntry]:
        """Return the entries that are complete, the one that has been unchanged for longest first."""
        seen: dict[Path, tuple[Signature, float]] = {}
        ready = []
        for entry in entries:
            signature = entry.signature()
            before, since_s = self._seen.get(entry.path, (None, now_s))
            if signature != before:
                since_s = now_s
            seen[entry.path] = (signature, since_s)
            wait_s = max(self.settle_s, MISSING_S) if entry.missing else self.settle_s
            if now_s - since_s >= wait_s and any(size for _, size, _ in signature):
                ready.append((since_s, entry))
        self._seen = seen
        return [entry for _, entry in sorted(ready, key=lambda pair: (pair[0], pair[1].path))]


def entries_in(folder: Path) -> list[FolderEntry]:
    """Return the scenes, job files and folders that are to be rendered."""
    paths = [path for path in sorted(folder.iterdir()) if _is_relevant(path)]
    jobs = {path: _scene_of(path) for path in paths if path.is_file() and is_job_file(path)}
    scenes = {file for scene in jobs.values() if scene is not None for file in _files(scene)}
    entries = [_job_entry(path, scene, folder) for path, scene in jobs.items()]
    for path in paths:
        if path.is_dir() and path.name not in (DONE, FAILED, PICTURES):
            entries.append(_folder_entry(path))
        elif path not in jobs and path not in scenes and _is_scene(path):
            entries.append(FolderEntry(path=path, render=path, others=_files(path)[1:]))
    return entries


def _job_entry(path: Path, scene: Path | None, folder: Path) -> FolderEntry:
    """Return a job file, together with the scene it names if that lies beside it."""
    if scene is None or scene.parent != folder:
        return FolderEntry(path=path, render=path)
    files = _files(scene)
    return FolderEntry(path=path, render=path, others=files, missing=None if files else scene)


def _folder_entry(folder: Path) -> FolderEntry:
    """Return a dropped folder, of which the only job file is rendered, or else the only scene."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and _is_relevant(path)]
    candidates = [path for path in files if is_job_file(path)] or [path for path in files if _is_scene(path)]
    if len(candidates) == 1:
        return FolderEntry(path=folder, render=candidates[0])
    if not candidates:
        return FolderEntry(path=folder, problem="There is no scene and no job file at the top of the folder.")
    names = ", ".join(path.name for path in candidates[:5])
    return FolderEntry(
        path=folder, problem=f"The folder has several scenes or jobs: {names}. Add a job file that names one."
    )


def _is_relevant(path: Path) -> bool:
    return not path.name.startswith(".") and not path.name.endswith((*_TEMPORARY, KEYS_SUFFIX))


def _is_scene(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in SUFFIXES


def _files(scene: Path) -> tuple[Path, ...]:
    """Return the files of a scene that exist: its file, or one a frame, and its keys file."""
    files = [scene_at(scene, frame) for frame in frames_on_disk(scene)] if is_numbered(scene) else [scene]
    return tuple(path for path in (*files, keys_path(scene)) if path.exists())


def _scene_of(job: Path) -> Path | None:
    """Return the scene that a job file names, if the file can be read."""
    try:
        document: Mapping[str, object] = read_document(job)
    except JobRefused:
        return None  # rendering it reports why
    scene = document.get("scene")
    return job.parent / scene if isinstance(scene, str) and scene else None
