"""The log of a part of a farm, or of nodes: a file that programs write by themselves, put aside when it is large."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from frontburner.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES = 5_000_000
KEPT = 3
_TAIL_BYTES = 64_000
_COPY_BYTES = 1_000_000


def logs_folder() -> Path:
    """Folder of the logs of this machine's nodes."""
    return Settings().home / "logs"


def nodes_log() -> RotatingLog:
    """Return the log that all nodes of this machine print to."""
    return RotatingLog(logs_folder() / "nodes.log")


@dataclass(frozen=True, slots=True)
class RotatingLog:
    """A log in a file.

    Its program goes on writing to the same file, so that it needs nobody beside it: what is put aside is a copy, and a
    line that is written in that very moment may be lost, or its beginning.
    """

    path: Path
    most_bytes: int = MOST_BYTES

    def open(self) -> IO[bytes]:
        """Open it for a program to write to."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.path.open("ab")

    def note(self, what: str) -> None:
        """Write a line of the supervisor's own."""
        with self.open() as file:
            file.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} {what}\n".encode())

    def rotate(self) -> None:
        """Put it aside if it is large."""
        if not self.path.exists() or self.path.stat().st_size < self.most_bytes:
            return
        with self.path.open("r+b") as full, self._aside(0).open("wb") as aside:
            while part := full.read(_COPY_BYTES):
                aside.write(part)
            full.truncate(0)  # programs append: their next line is the first
        for number in range(KEPT, 0, -1):
            newer = self._aside(number - 1)
            if newer.exists():
                newer.replace(self._aside(number))

    def last(self, lines: int) -> list[str]:
        """Return its last lines that say something of the program's own."""
        return [line for line in self.tail() if line.strip() and not line.startswith("--- ")][-lines:]

    def tail(self) -> list[str]:
        """Return the last lines, as many as are soon read."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
        return lines if size <= _TAIL_BYTES else lines[1:]

    def follow(self) -> Iterator[str]:
        """Give what is written from now on, line by line; an empty one where there is nothing new yet."""
        position, rest, before = self._size(), b"", self._put_aside()
        while True:
            last, news = self._put_aside(), b""
            if last != before:  # however long it has grown again since
                news, position, before = self._read(self._aside(1), position), 0, last
            new = self._read(self.path, position)
            news, position = news + new, position + len(new)
            *whole, rest = (rest + news).split(b"\n")
            for line in whole:
                yield line.decode(errors="replace") or " "
            if not news:
                yield ""

    def _put_aside(self) -> tuple[int, int] | None:
        """What tells the file that was put aside last from others; None before there is one."""
        if not self._aside(1).exists():
            return None
        known = self._aside(1).stat()
        return known.st_ino, known.st_mtime_ns

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _read(self, path: Path, position: int) -> bytes:
        if not path.exists():
            return b""
        with path.open("rb") as file:
            file.seek(position)
            return file.read()

    def _aside(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")
