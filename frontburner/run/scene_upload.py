"""Upload of a scene's files to the store, in the background."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.errors import UnitCancelled
from tasks.store_retry import StoreRetry

if TYPE_CHECKING:
    from storage.errors import StoreError
    from storage.file_store import FileStore
    from tasks.scene.manifest import Manifest, SceneFile

CONCURRENT_FILES = 4


@dataclass(slots=True, kw_only=True)
class SceneUpload:
    """Uploads files in threads of its own.

    Parameters
    ----------
    manifest, files
        The files to upload, and where to.
    """

    manifest: Manifest
    files: FileStore
    there_bytes: int = field(init=False, default=0)
    """Bytes in the store, also of files that were there before."""
    sent_bytes: int = field(init=False, default=0)
    store_error: StoreError | None = field(init=False, default=None)
    """The last error of the store, after which a file is retried."""
    _began_s: float = field(init=False, default_factory=time.monotonic)
    _ended_s: float | None = field(init=False, default=None)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _stopped: threading.Event = field(init=False, default_factory=threading.Event)
    _pool: ThreadPoolExecutor = field(init=False)
    _futures: list[Future[None]] = field(init=False)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(CONCURRENT_FILES, thread_name_prefix="scene")
        self._futures = [self._pool.submit(self._upload, file) for file in self.manifest.contents]

    @property
    def size_bytes(self) -> int:
        """Size of all files, each content once."""
        return sum(file.size_bytes for file in self.manifest.contents)

    @property
    def seconds(self) -> float:
        """Seconds since it began, until it ended."""
        return (time.monotonic() if self._ended_s is None else self._ended_s) - self._began_s

    def done(self) -> bool:
        """Whether it has ended: all files are in the store, or one failed."""
        ended = all(future.done() for future in self._futures) or any(
            future.done() and not future.cancelled() and future.exception() for future in self._futures
        )
        if ended and self._ended_s is None:
            self._ended_s = time.monotonic()
            self._pool.shutdown(wait=False, cancel_futures=True)
        return ended

    def check(self) -> None:
        """Raise the error of a file that failed, if any."""
        for future in self._futures:
            if future.done() and not future.cancelled():
                future.result()

    def stop(self) -> None:
        """Stop it. Files sent so far stay in the store, and aren't sent again."""
        self._stopped.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _upload(self, file: SceneFile) -> None:
        counted = 0

        def put() -> None:
            nonlocal counted
            self._count(-counted)  # a file that is retried is counted again
            counted = 0
            self.files.put(file.place, file.sha256, report=count)

        def count(size_bytes: int, *, sent: bool) -> None:
            nonlocal counted
            counted += size_bytes
            self._count(size_bytes, sent=sent)

        StoreRetry(cancelled=self._stopped.is_set, on_wait=self._note_error).call(put)

    def _count(self, size_bytes: int, *, sent: bool = False) -> None:
        if self._stopped.is_set():
            raise UnitCancelled(reason="The upload of the scene was stopped.", remedy="", unit="")
        with self._lock:
            self.there_bytes += size_bytes
            self.sent_bytes += size_bytes if sent else 0

    def _note_error(self, error: StoreError) -> None:
        self.store_error = error
