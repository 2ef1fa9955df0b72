"""Files in an object store, addressed by their content: a file is stored once, whoever needs it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Protocol

from storage.errors import CorruptObject, FileChanged
from storage.objects import INTERNAL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from storage.objects import ObjectStore

    class UploadProgress(Protocol):
        """Called with the size of each part that is in the store."""

        def __call__(self, size_bytes: int, *, sent: bool) -> object:
            """Count these bytes; ``sent`` is False where they were there before."""


PART_BYTES = 32 << 20
"""Files are stored in parts of this size: none is held in memory whole, and an interrupted upload resumes at a part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStore:
    """Files of an object store, named by the SHA-256 of their content."""

    store: ObjectStore

    def put(self, path: Path, sha256: str, *, report: UploadProgress = lambda size_bytes, sent: None) -> None:  # noqa: ARG005
        """Store a file unless it is there.

        Parameters
        ----------
        report
            Called with the bytes that were there, and with those of each part that is sent; an exception it raises
            ends the upload.

        Raises
        ------
        FileChanged
            When the file doesn't match ``sha256``. Nothing of it is left in the store then.
        """
        size_bytes = path.stat().st_size
        missing = [key for key in _keys(sha256, size_bytes) if not self.store.exists(key)]
        report(size_bytes - sum(_part_bytes(key, size_bytes) for key in missing), sent=False)
        if not missing:
            return
        created = []
        digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                for key in _keys(sha256, size_bytes):
                    data = file.read(PART_BYTES)
                    digest.update(data)
                    if key in missing:
                        created += [key] if self.store.create(key, data) else []
                        report(len(data), sent=True)
                changed = bool(file.read(1)) or os.fstat(file.fileno()).st_size != size_bytes
        except FileNotFoundError:
            changed = True
        if changed or digest.hexdigest() != sha256:
            for key in created:
                self.store.delete(key)
            raise FileChanged(
                reason=f"The file {path} changed since the job started, or is another file on this machine.",
                remedy="Start the job again.",
                path=str(path),
            )

    def has(self, sha256: str, size_bytes: int) -> bool:
        """Whether a file is stored."""
        return all(self.store.exists(key) for key in _keys(sha256, size_bytes))

    def fetch(
        self,
        sha256: str,
        size_bytes: int,
        into: BinaryIO,
        *,
        retry: Callable[[Callable[[], bytes]], bytes] = lambda read: read(),
        report: Callable[[int], object] = lambda size_bytes: None,  # noqa: ARG005
    ) -> None:
        """Write a file's content, part by part.

        Parameters
        ----------
        retry
            Calls the function that reads a part, more than once if it likes.
        report
            Called with the bytes of each part.

        Raises
        ------
        MissingObject
            When a part isn't in the store.
        CorruptObject
            When the content doesn't match ``sha256``.
        """
        digest = hashlib.sha256()
        for key in _keys(sha256, size_bytes):
            data = retry(partial(self.store.read, key))
            into.write(data)
            digest.update(data)
            report(len(data))
        if digest.hexdigest() != sha256:
            raise CorruptObject(
                reason=f"The file {_folder(sha256)!r} in {self.store.url} is damaged.",
                remedy="Run the job again: it is sent again.",
                url=self.store.url,
                key=_folder(sha256),
            )

    def discard(self, sha256: str) -> None:
        """Remove a file."""
        for key in tuple(self.store.list(f"{_folder(sha256)}/")):
            self.store.delete(key)


def _folder(sha256: str) -> str:
    return f"{INTERNAL_PREFIX}/assets/{sha256[:2]}/{sha256}"


def _keys(sha256: str, size_bytes: int) -> list[str]:
    """Keys of a file's parts in order; each ends with the offset of its first byte."""
    return [f"{_folder(sha256)}/{start}" for start in range(0, size_bytes, PART_BYTES)]


def _part_bytes(key: str, size_bytes: int) -> int:
    return min(PART_BYTES, size_bytes - int(key.rpartition("/")[2]))
