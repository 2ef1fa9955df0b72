"""Log files that programs append to by themselves, and that are rotated when they are large."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from frontburner.settings import Settings
from system.files import open_to_append, replace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 5_000_000
BACKUPS = 3
_TAIL_BYTES = 64_000
_COPY_BYTES = 1_000_000


def logs_folder() -> Path:
    """Folder of the logs of this machine's nodes."""
    return Settings().home / "logs"


def nodes_log() -> RotatingLog:
    """Return the log that all nodes of this machine write to."""
    return RotatingLog(logs_folder() / "nodes.log")


@dataclass(frozen=True, slots=True)
class RotatingLog:
    """A log file.

    The backup is a copy, and the program goes on writing to the same file, so it needs no support for rotation. A line
    that is written at that very moment may be lost, or its beginning.
    """

    path: Path
    max_bytes: int = MAX_BYTES

    def open(self) -> IO[bytes]:
        """Open it for a program to append to."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return open_to_append(self.path)

    def note(self, text: str) -> None:
        """Append a line that isn't the program's own."""
        with self.open() as file:
            file.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n".encode())

    def rotate(self) -> None:
        """Move its content to a backup if it is large."""
        if self._size() < self.max_bytes:
            return
        with self.path.open("r+b") as log, self._backup(0).open("wb") as backup:
            while part := log.read(_COPY_BYTES):
                backup.write(part)
            log.truncate(0)  # programs append, so their next line is the first
        for number in range(BACKUPS, 0, -1):
            newer = self._backup(number - 1)
            if newer.exists():
                replace(newer, self._backup(number))

    def last_lines(self, count: int) -> list[str]:
        """Return the last lines of the program itself that aren't empty."""
        return [line for line in self.tail() if line.strip() and not line.startswith("--- ")][-count:]

    def tail(self) -> list[str]:
        """Return the last lines, from at most 64 kB."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
        return lines if size <= _TAIL_BYTES else lines[1:]

    def follow(self) -> Iterator[str]:
        """Yield the lines written from now on; an empty one where there is nothing new."""
        position, rest, rotated = self._size(), b"", self._last_rotation()
        while True:
            last, new = self._last_rotation(), b""
            if last != rotated:  # however long it has grown again since
                new, position, rotated = self._read(self._backup(1), position), 0, last
            appended = self._read(self.path, position)
            new, position = new + appended, position + len(appended)
            *lines, rest = (rest + new).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace") or " "
            if not new:
                yield ""

    def _last_rotation(self) -> tuple[int, int] | None:
        """Identify the newest backup; None before there is one."""
        if not self._backup(1).exists():
            return None
        status = self._backup(1).stat()
        return status.st_ino, status.st_mtime_ns

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _read(self, path: Path, position: int) -> bytes:
        if not path.exists():
            return b""
        with path.open("rb") as file:
            file.seek(position)
            return file.read()

    def _backup(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")
