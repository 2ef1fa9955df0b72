"""Processes of a farm that outlived their supervisor: they are known by what all of them find in their environment."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from pathlib import Path

MARK = "FRONTBURNER_FARM"
"""Every process of a farm has the farm's folder under this name in its environment."""
GONE_S = 10.0


def orphans_of(folder: Path) -> list[psutil.Process]:
    """Return the processes of the farm in a folder that don't come from this process."""
    own = psutil.Process().pid
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == str(folder) and own not in _line(process):
                found.append(process)
    return found


def end_orphans(folder: Path) -> int:
    """End these processes; returns how many there were.

    They are killed: what they do is kept by others, and one way for every kind of loss is one that works.
    """
    found = orphans_of(folder)
    for process in found:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(found, timeout=GONE_S)
    return len(found)


def _line(process: psutil.Process) -> set[int]:
    """Return the numbers of a process and of all it comes from."""
    return {process.pid, *(parent.pid for parent in process.parents())}
