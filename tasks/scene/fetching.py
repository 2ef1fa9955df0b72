"""A frame's scene on a node: used where it lies if it is the same there, else fetched once and used from the cache."""

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
from tasks.errors import NoRoomForScene, SceneError
from tasks.job_context import SceneTravel
from tasks.recently import RecentFindings
from tasks.renderers.travelled import in_tree
from tasks.scene.manifest import Manifest, SceneFile, differences
from tasks.scene.scene_cache import LOOK_EVERY_S, SceneCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tasks.job_context import JobContext
    from tasks.store_retry import StoreRetry

CACHE_VARIABLE, LIMIT_VARIABLE = "FRONTBURNER_CACHE", "FRONTBURNER_CACHE_GB"
LIMIT_GB = 50.0
TELL_EVERY_S = 2.0
_same = RecentFindings(for_s=LOOK_EVERY_S)
TRIES = 2
"""How often a file that arrives damaged is fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneLocation:
    """Where a frame's scene lies where the job comes from, and the digest of the manifest of its files."""

    scene: str
    frame: int
    manifest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalScene:
    """A scene file as this machine has it, and the seconds that went into having it."""

    scene: str
    fetched_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class Progress:
    """How much of a frame's files was fetched.

    Parameters
    ----------
    say
        Told the bytes fetched, the bytes to fetch and the seconds since it began; only the last time both are equal.
    look
        Called all the time: what it raises ends the fetch.
    """

    say: Callable[[int, int, float], None]
    look: Callable[[], object] = lambda: None
    size_bytes: int = field(init=False, default=0)
    seconds: float = field(init=False, default=0.0)
    _began_s: float = field(init=False, default_factory=time.monotonic)
    _told_s: float = field(init=False, default=0.0)
    _fetched_bytes: int = field(init=False, default=0)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def begin(self, size_bytes: int) -> None:
        """Note how much is to be fetched."""
        self._began_s, self.size_bytes = time.monotonic(), size_bytes
        if size_bytes:
            self.say(0, size_bytes, 0.0)

    def add(self, fetched_bytes: int) -> None:
        """Note that more was fetched."""
        self.look()
        with self._lock:
            self._fetched_bytes += fetched_bytes
            self.seconds = time.monotonic() - self._began_s
            if self.seconds - self._told_s >= TELL_EVERY_S:
                self._told_s = self.seconds
                self.say(self._fetched_bytes, max(self.size_bytes, self._fetched_bytes + 1), self.seconds)

    def end(self) -> None:
        """Note that all is there, though another process may have fetched it."""
        if self.size_bytes or self._fetched_bytes:
            self.seconds = time.monotonic() - self._began_s
            self.say(self._fetched_bytes, self._fetched_bytes, self.seconds)


def cache() -> SceneCache:
    """Return this machine's cache of scene files."""
    folder, limit = os.environ.get(CACHE_VARIABLE), os.environ.get(LIMIT_VARIABLE) or LIMIT_GB
    try:
        limit_bytes = round(float(limit) * 1e9)
    except (ValueError, OverflowError):
        raise NoRoomForScene(
            reason=f"{LIMIT_VARIABLE} is {limit!r}, which is no number of gigabytes.",
            remedy="Correct it where the node is started.",
        ) from None
    return SceneCache(
        root=Path(folder) if folder else user_cache_path("frontburner") / "scenes", limit_bytes=limit_bytes
    )


@contextmanager
def local_scene(
    place: SceneLocation, desk: JobContext, *, node: str, patience: StoreRetry, progress: Progress
) -> Iterator[LocalScene]:
    """Have a frame's scene on this machine for as long as the context lasts.

    Raises
    ------
    SceneError
        When it isn't the same here and doesn't travel, or what was sent of it is no longer in the store.
    """
    if not place.manifest:
        yield LocalScene(scene=place.scene)
        return
    manifest = patience.call(partial(_manifest, desk.files, place.manifest))
    why = "" if desk.travel is SceneTravel.YES else _differences(manifest, place.frame)
    if not why and desk.travel is not SceneTravel.YES:
        yield LocalScene(scene=place.scene)
        return
    if desk.travel is SceneTravel.NO:
        raise differs(why, scene=place.scene, node=node)
    files, own = FileStore(store=open_store(desk.files)), cache()
    fetch = _Fetch(files=files, scene=place.scene, patience=patience, progress=progress)
    with own.holding(manifest, place.frame, fetch, progress.begin) as tree:
        progress.end()
        yield LocalScene(scene=str(in_tree(tree, place.scene)), fetched_s=progress.seconds)


def differences_here(files: tuple[SceneFile, ...]) -> str:
    """Say what is different on this node first; empty if all files are the same."""
    return differences(files)


def differs(why: str, *, scene: str, node: str) -> SceneError:
    """Return what is wrong with a scene that isn't the same on a node, where it doesn't travel."""
    return SceneError(
        reason=f"The scene {Path(scene).name} isn't the same on {node} as where the job comes from: {why}",
        remedy="Mount the same share there, or let the scene travel (travel: auto).",
        scene=scene,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetch:
    """Writes files of a scene from the store."""

    files: FileStore
    scene: str
    patience: StoreRetry
    progress: Progress

    def __call__(self, file: SceneFile, into: BinaryIO) -> None:
        for tries_left in reversed(range(TRIES)):
            try:
                self.files.fetch(file.sha256, file.size_bytes, into, retry=self.patience.call, report=self.progress.add)
            except MissingObject as error:
                raise self._lost(file, f"isn't in {self.files.store.url} any more") from error
            except CorruptObject as error:
                into.seek(0)
                into.truncate()
                if not tries_left:
                    self.files.discard(file.sha256)
                    raise self._lost(file, f"is damaged in {self.files.store.url}") from error
            else:
                return

    def _lost(self, file: SceneFile, what: str) -> SceneError:
        return SceneError(
            reason=f"The file {file.path} of the scene {Path(self.scene).name} {what}.",
            remedy="Run the same job again: it is sent anew, and finished units are kept.",
            scene=self.scene,
        )


def _differences(manifest: Manifest, frame: int) -> str:
    """Say what is different here of a frame's files. That they are the same isn't found out for every unit."""
    if (manifest.digest, frame) in _same:
        return ""
    why = differences(manifest.of_frame(frame))
    if not why:
        _same.add((manifest.digest, frame))
    return why


@lru_cache(maxsize=4)
def _manifest(url: str, digest: str) -> Manifest:
    return Manifest.load(open_store(url), digest)
