"""The log of a renderer's process: kept beside its node; its last lines go into the error when the process fails."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LAST_WORDS_LINES = 25
_DISK_FULL_BYTES = 1 << 16
"""A disk with less than this left is full."""
_ROTATE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class ChildLog:
    """A file that all children of a node's renderer write into, one after the other."""

    path: Path

    def prepare(self) -> None:
        """Make sure it is there for a child that starts; a long one is rotated."""
        self.path.parent.mkdir(parents=True, exist_ok=True)  # a clean-up of the machine may have removed it
        if self.size_bytes() > _ROTATE_BYTES:
            self.path.replace(self.path.with_suffix(".old.log"))
        self.path.touch()

    def size_bytes(self) -> int:
        """How long it is."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def last_words(self, from_bytes: int) -> str:
        """Return the last lines that were written after this many bytes."""
        try:
            with self.path.open("rb") as log:
                log.seek(from_bytes)
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-LAST_WORDS_LINES:])

    @property
    def disk_is_full(self) -> bool:
        """Whether its disk is full."""
        try:
            return shutil.disk_usage(self.path.parent).free < _DISK_FULL_BYTES
        except OSError:
            return False
