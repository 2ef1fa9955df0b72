"""Which files a program opened, from what ``strace`` wrote about it."""

from __future__ import annotations

import contextlib
import os
import re
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

STRACE = ("strace", "-f", "-y", "-qq", "--seccomp-bpf", "-e", "trace=openat", "-e", "signal=none", "-s", "4096", "-o")
"""The command, before the name of the file it writes and the program."""
MARK = "/frontburner-mark/"
"""A program that opens a file in this folder, which doesn't exist, says what it begins."""
_CALL = re.compile(r'openat\([^,]+, "((?:[^"\\]|\\.)*)", ([A-Z_|]+)')
_RESULT = re.compile(r"= \d+<(.*)>(?:\(deleted\))?$")


def mark(text: str) -> None:
    """Note in the trace what begins."""
    with contextlib.suppress(OSError):
        os.close(os.open(MARK + text, os.O_RDONLY))


def opened(trace: Path) -> dict[str, set[str]]:
    """Return the files that were opened to be read, by the mark before them; symbolic links resolved."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    current, flags = "", {}
    for line in trace.read_text(errors="replace").splitlines():
        thread, _, text = line.partition(" ")
        if call := _CALL.search(text):
            if (name := _decoded(call[1])).startswith(MARK):
                current = name.removeprefix(MARK)
                continue
            flags[thread] = call[2]
        if "openat" in text and (result := _RESULT.search(text)) and _reads(flags.get(thread, "")):
            found[current].add(_decoded(result[1]))
    return dict(found)


def _reads(flags: str) -> bool:
    return "O_DIRECTORY" not in flags and "O_WRONLY" not in flags and "O_CREAT" not in flags


def _decoded(text: str) -> str:
    """Return a path without strace's escapes."""
    return (
        text.encode("latin-1", "replace").decode("unicode_escape").encode("latin-1", "replace").decode(errors="replace")
    )
