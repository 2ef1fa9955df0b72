"""Files in an object store, by what they hold: one that is there is never stored again, whoever needs it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Protocol

from storage.errors import CorruptObject, FileChanged
from storage.objects import HOUSE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from storage.objects import ObjectStore

    Call = Callable[[Callable[[], bytes]], bytes]
    Tell = Callable[[int], object]

    class TellSent(Protocol):
        """Hears of parts that are in the store."""

        def __call__(self, size_bytes: int, *, sent: bool) -> object:
            """Take in so many bytes."""


PART_BYTES = 32 << 20
"""A file is stored in parts of this size: none is held in memory whole, and a broken upload goes on at its part."""


def _once(act: Callable[[], bytes]) -> bytes:
    return act()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStore:
    """Files of an object store, named by the SHA-256 of their content."""

    store: ObjectStore

    def put(self, path: Path, sha256: str, *, tell: TellSent = lambda size_bytes, sent: None) -> None:  # noqa: ARG005
        """Store a file unless it is there.

        Parameters
        ----------
        tell
            Called with the bytes of what was there and of each part that had to be sent; what it raises ends the
            upload.

        Raises
        ------
        FileChanged
            When the file doesn't hold what ``sha256`` says. Nothing of it is left in the store then.
        """
        size_bytes = path.stat().st_size
        missing = [key for key in _keys(sha256, size_bytes) if not self.store.exists(key)]
        tell(size_bytes - sum(_part_bytes(key, size_bytes) for key in missing), sent=False)
        if not missing:
            return
        made = []
        whole = hashlib.sha256()
        try:
            with path.open("rb") as file:
                for key in _keys(sha256, size_bytes):
                    data = file.read(PART_BYTES)
                    whole.update(data)
                    if key in missing:
                        made += [key] if self.store.create(key, data) else []
                        tell(len(data), sent=True)
                changed = bool(file.read(1)) or os.fstat(file.fileno()).st_size != size_bytes
        except FileNotFoundError:
            changed = True
        if changed or whole.hexdigest() != sha256:
            for key in made:
                self.store.delete(key)
            raise FileChanged(
                reason=f"The file {path} isn't what it was: it changed, or another lies at its path here.",
                remedy="Start the job again.",
                path=str(path),
            )

    def fetch(
        self,
        sha256: str,
        size_bytes: int,
        into: BinaryIO,
        *,
        call: Call = _once,
        tell: Tell = lambda size_bytes: None,  # noqa: ARG005
    ) -> None:
        """Write a file's content, part by part.

        Parameters
        ----------
        call
            Calls what reads a part, and may do so again.
        tell
            Called with the bytes of each part.

        Raises
        ------
        MissingObject
            When a part isn't in the store.
        CorruptObject
            When the parts aren't what was stored.
        """
        whole = hashlib.sha256()
        for key in _keys(sha256, size_bytes):
            data = call(partial(self.store.read, key))
            into.write(data)
            whole.update(data)
            tell(len(data))
        if whole.hexdigest() != sha256:
            raise CorruptObject(
                reason=f"The file {_folder(sha256)!r} in {self.store.url} is damaged.",
                remedy="Run the job again: it is sent anew.",
                url=self.store.url,
                key=_folder(sha256),
            )

    def discard(self, sha256: str) -> None:
        """Remove a file."""
        for key in tuple(self.store.list(f"{_folder(sha256)}/")):
            self.store.delete(key)


def _folder(sha256: str) -> str:
    return f"{HOUSE}/assets/{sha256[:2]}/{sha256}"


def _keys(sha256: str, size_bytes: int) -> list[str]:
    """Keys of a file's parts in order: each says the first byte it holds."""
    return [f"{_folder(sha256)}/{start}" for start in range(0, size_bytes, PART_BYTES)]


def _part_bytes(key: str, size_bytes: int) -> int:
    return min(PART_BYTES, size_bytes - int(key.rpartition("/")[2]))
