"""A frame's scene on a node: used in place if its files are the same there, else fetched once into the cache."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from platformdirs import user_cache_path

from storage.errors import CorruptObject, MissingObject
from storage.file_store import FileStore
from storage.objects import open_store
from system import paths
from tasks.errors import NoRoomForScene, SceneError
from tasks.expiring_set import ExpiringSet
from tasks.job_context import TransferMode
from tasks.renderers.sent_scenes import in_tree
from tasks.scene.kept_files import read_verified
from tasks.scene.manifest import Manifest, SceneFile, first_difference
from tasks.scene.scene_cache import CHECK_EVERY_S, SceneCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tasks.job_context import JobContext
    from tasks.store_retry import StoreRetry

CACHE_VARIABLE, LIMIT_VARIABLE = "FRONTBURNER_CACHE", "FRONTBURNER_CACHE_GB"
LIMIT_GB = 50.0
REPORT_EVERY_S = 2.0
FETCH_ATTEMPTS = 2
"""How often a file that arrives damaged is fetched."""
_verified = ExpiringSet(lifetime_s=CHECK_EVERY_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneLocation:
    """Where a frame's scene is on the submitting machine, and the digest of the manifest of its files."""

    scene: str
    frame: int
    manifest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalScene:
    """Path of a scene file on this machine, and the seconds it took to fetch the scene.

    Parameters
    ----------
    changed
        Says which of its files has changed since it was given; empty if none has, as never in a copy of the scene.
    """

    path: str
    fetched_s: float = 0.0
    changed: Callable[[], str] = lambda: ""


@dataclass(slots=True, kw_only=True)
class Progress:
    """How much of a frame's files was fetched.

    Parameters
    ----------
    report
        Called with the bytes fetched, the bytes to fetch and the seconds since it began. Both are equal only in the
        last call.
    raise_if_cancelled
        Called again and again: what it raises ends the fetch.
    """

    report: Callable[[int, int, float], None]
    raise_if_cancelled: Callable[[], object] = lambda: None
    size_bytes: int = field(init=False, default=0)
    seconds: float = field(init=False, default=0.0)
    _began_s: float = field(init=False, default_factory=time.monotonic)
    _reported_s: float = field(init=False, default=0.0)
    _fetched_bytes: int = field(init=False, default=0)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def begin(self, size_bytes: int) -> None:
        """Note how much is to be fetched."""
        self._began_s, self.size_bytes = time.monotonic(), size_bytes
        if size_bytes:
            self.report(0, size_bytes, 0.0)

    def add(self, fetched_bytes: int) -> None:
        """Note that more was fetched."""
        self.raise_if_cancelled()
        with self._lock:
            self._fetched_bytes += fetched_bytes
            self.seconds = time.monotonic() - self._began_s
            if self.seconds - self._reported_s >= REPORT_EVERY_S:
                self._reported_s = self.seconds
                self.report(self._fetched_bytes, max(self.size_bytes, self._fetched_bytes + 1), self.seconds)

    def end(self) -> None:
        """Note that all files are there, even if another process fetched them."""
        if self.size_bytes or self._fetched_bytes:
            self.seconds = time.monotonic() - self._began_s
            self.report(self._fetched_bytes, self._fetched_bytes, self.seconds)


def cache() -> SceneCache:
    """Return this machine's cache of scene files."""
    folder, limit = os.environ.get(CACHE_VARIABLE), os.environ.get(LIMIT_VARIABLE) or LIMIT_GB
    try:
        limit_bytes = round(float(limit) * 1e9)
    except (ValueError, OverflowError):
        raise NoRoomForScene(
            reason=f"{LIMIT_VARIABLE} is {limit!r}, which isn't a number of gigabytes.",
            remedy="Correct it where the node is started.",
        ) from None
    return SceneCache(
        root=Path(folder) if folder else user_cache_path("frontburner") / "scenes", limit_bytes=limit_bytes
    )


@contextmanager
def local_scene(
    location: SceneLocation, job: JobContext, *, node: str, retry: StoreRetry, progress: Progress
) -> Iterator[LocalScene]:
    """Have a frame's scene on this machine while the context lasts.

    Raises
    ------
    SceneError
        When its files differ here and the job doesn't send them, or what was sent is no longer in the store.
    """
    if not location.manifest:
        yield LocalScene(path=paths.here(location.scene))
        return
    manifest = retry.call(partial(_manifest, job.files, location.manifest))
    difference = "" if job.travel is TransferMode.YES else _difference(manifest, location.frame)
    if not difference and job.travel is not TransferMode.YES:
        yield LocalScene(path=paths.here(location.scene), changed=partial(_changed, manifest, location.frame))
        return
    if job.travel is TransferMode.NO and not job.kept:
        raise scene_differs(difference, scene=location.scene, node=node)
    files = FileStore(store=open_store(job.files))
    in_place = job.travel is not TransferMode.YES
    fetch = _Fetch(files=files, scene=location.scene, retry=retry, progress=progress, in_place=in_place, kept=job.kept)
    with cache().hold(manifest, location.frame, fetch, progress.begin) as tree:
        progress.end()
        yield LocalScene(path=str(in_tree(tree, location.scene)), fetched_s=progress.seconds)


def scene_differs(difference: str, *, scene: str, node: str) -> SceneError:
    """Return the error for a scene whose files differ on a node, where the job doesn't send them."""
    return SceneError(
        reason=f"The scene {Path(scene).name} isn't the same on {node} as where the job comes from: {difference}",
        remedy=_remedy(scene),
        scene=scene,
    )


def _remedy(scene: str) -> str:
    if paths.is_foreign(scene):
        return f"Say where that folder is there ({paths.mapping_for(scene)}), or have the scene sent (travel: auto)."
    return "Mount the same share there, or have the scene sent (travel: auto)."


def scene_file_changed(file: SceneFile, scene: str) -> SceneError:
    """Return the error for a file that changed while its job ran, and that wasn't kept as it was."""
    what = "changed" if file.place.is_file() else "was removed or renamed"
    return SceneError(
        reason=f"The file {file.path} of the scene {Path(scene).name} {what} while the job ran, and isn't kept as it "
        "was.",
        remedy="To go on with the old one, put it back and resume the job. To render the scene as it is now, run the "
        "same job again: all frames that it changes are rendered anew.",
        scene=scene,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetch:
    """Writes files of a scene: from the store, or from their own places if ``in_place`` and they are the same.

    Those that have changed there since the job began are taken from the folder ``kept``, if they were kept.
    """

    files: FileStore
    scene: str
    retry: StoreRetry
    progress: Progress
    in_place: bool = False
    kept: str = ""

    def __call__(self, file: SceneFile, into: BinaryIO) -> None:
        here = [file.place] if self.in_place and not file.difference() else []
        kept = [Path(paths.here(self.kept)) / file.sha256] if self.kept else []
        if not any(read_verified(place, file, into) for place in here + kept):
            self._fetch(file, into)

    def _fetch(self, file: SceneFile, into: BinaryIO) -> None:
        for attempts_left in reversed(range(FETCH_ATTEMPTS)):
            try:
                self.files.fetch(file.sha256, file.size_bytes, into, retry=self.retry.call, report=self.progress.add)
            except MissingObject as error:
                if self.in_place and file.place.parent.is_dir():
                    raise scene_file_changed(file, self.scene) from error
                raise self._lost(file, f"isn't in {self.files.store.url} any more") from error
            except CorruptObject as error:
                into.seek(0)
                into.truncate()
                if not attempts_left:
                    self.files.discard(file.sha256)
                    raise self._lost(file, f"is damaged in {self.files.store.url}") from error
            else:
                return

    def _lost(self, file: SceneFile, what: str) -> SceneError:
        return SceneError(
            reason=f"The file {file.path} of the scene {Path(self.scene).name} {what}.",
            remedy="Run the same job again: the file is sent anew, and finished units are kept.",
            scene=self.scene,
        )


def _difference(manifest: Manifest, frame: int) -> str:
    """Return the first difference of a frame's files on this machine. That there is none is remembered for a while."""
    if (manifest.digest, frame) in _verified:
        return ""
    difference = first_difference(manifest.of_frame(frame))
    if not difference:
        _verified.add((manifest.digest, frame))
    return difference


def _changed(manifest: Manifest, frame: int) -> str:
    """Return the first difference of a frame's files now, whatever was found a moment ago."""
    difference = first_difference(manifest.of_frame(frame))
    if difference:
        _verified.discard((manifest.digest, frame))
    return difference


@lru_cache(maxsize=4)
def _manifest(url: str, digest: str) -> Manifest:
    return Manifest.load(open_store(url), digest)
