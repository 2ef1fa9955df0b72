"""Reads the headers of ELF programs and libraries: for which machine one was built, and how long it must be."""

from __future__ import annotations

import platform
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"\x7fELF"
_HEAD_BYTES = 64
_MACHINES = {3: "i386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390", 40: "arm", 62: "x86_64", 183: "aarch64"}
_MACHINES |= {243: "riscv"}
_SAME = {"amd64": "x86_64", "arm64": "aarch64", "i486": "i386", "i586": "i386", "i686": "i386"}
_RUNS = {"x86_64": {"x86_64", "i386"}, "aarch64": {"aarch64", "arm"}}
_LOADER = 3
"""Type of the program header that names the loader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfFile:
    """The headers of a program or library.

    Parameters
    ----------
    machine
        The processor family it was built for.
    required_bytes
        How long the file must be.
    loader
        The program that loads it; empty for libraries.
    """

    machine: str
    required_bytes: int
    loader: str = ""


def this_machine() -> str:
    """Return the processor family of this machine, by its ELF name."""
    name = platform.machine().lower()
    return _SAME.get(name, name)


def fits(machine: str) -> bool:
    """Whether programs for a processor family can run here."""
    return machine in _RUNS.get(this_machine(), {this_machine()})


def read_elf(path: Path) -> ElfFile | None:
    """Read a file's headers; None if it isn't an ELF file. Truncated headers require more bytes than there are.

    Raises
    ------
    OSError
        When the file can't be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if head[:4] != _MAGIC:
            return None
        if len(head) < _HEAD_BYTES or head[4] not in (1, 2) or head[5] not in (1, 2):
            return ElfFile(machine=this_machine(), required_bytes=_HEAD_BYTES)
        layout = _WIDE if head[4] == 2 else _NARROW
        order = "<" if head[5] == 1 else ">"
        (machine,) = struct.unpack_from(f"{order}H", head, 18)
        programs, sections, *_, length, count, section_length, section_count = struct.unpack_from(
            order + layout.header, head, layout.offset
        )
        file.seek(programs)
        segments = [_Segment.read(file.read(length), order, layout) for _ in range(count)]
        ends = [segment.stop for segment in segments if segment]
        loader = next((segment for segment in segments if segment and segment.kind == _LOADER), None)
        return ElfFile(
            machine=_MACHINES.get(machine, f"processor family {machine}"),
            required_bytes=max(programs + length * count, sections + section_length * section_count, *ends, 0),
            loader=loader.text(file) if loader else "",
        )


@dataclass(frozen=True, slots=True)
class _Layout:
    """Layout of files for 32 or 64 bits: the header's second half, and a program header."""

    offset: int
    header: str
    segment: str
    indices: tuple[int, int]


_WIDE = _Layout(32, "QQIHHHHH", "IIQQQQ", (2, 5))
_NARROW = _Layout(28, "IIIHHHHH", "IIIII", (1, 4))


@dataclass(frozen=True, slots=True)
class _Segment:
    """A segment of the file."""

    kind: int
    start: int
    stop: int

    @classmethod
    def read(cls, header: bytes, order: str, layout: _Layout) -> _Segment | None:
        """Read a program header; None if it is truncated."""
        if len(header) < struct.calcsize(order + layout.segment):
            return None
        fields = struct.unpack_from(order + layout.segment, header)
        start, length = (fields[index] for index in layout.indices)
        return cls(fields[0], start, start + length)

    def text(self, file: BinaryIO) -> str:
        """Return the text in it."""
        file.seek(self.start)
        return file.read(self.stop - self.start).rstrip(b"\0").decode(errors="replace")
