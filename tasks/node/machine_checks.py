"""What a machine has for a node: cores, memory, and folders that can be written and have room."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import psutil

from tasks.node.readiness import Check, Grade
from tasks.renderers.diagnosis import places

GIB = 1 << 30
LITTLE_MEMORY_BYTES, NO_MEMORY_BYTES = GIB, GIB >> 2
LITTLE_ROOM_BYTES, NO_ROOM_BYTES = GIB, GIB >> 4
FEW_FILES = 1024


def machine_checks(*, threads: int, logs: Path) -> list[Check]:
    """Look at this machine.

    Parameters
    ----------
    threads
        Threads the node's renderer uses.
    logs
        Folder of the node's logs.
    """
    folders = {**places.surroundings(), "log folder": logs}
    return [_cores(threads), _memory(), *(folder_check(name, path) for name, path in folders.items()), _files()]


def folder_check(name: str, folder: Path) -> Check:
    """Try to write into a folder, and see how much room it has."""
    trouble = places.trouble_at(name, folder, room_bytes=NO_ROOM_BYTES)
    if trouble:
        return Check(name=name, grade=Grade.FAILS, reason=_sentence(trouble.cause), remedy=trouble.remedy)
    free = shutil.disk_usage(places.nearest(folder)).free
    value = f"{folder}, {_gib(free)} free"
    if free < LITTLE_ROOM_BYTES:
        reason = f"The {name} {folder} has only {_gib(free)} left."
        return Check(name=name, grade=Grade.NOTE, value=value, reason=reason, remedy="Free some space there.")
    return Check(name=name, value=value)


def _cores(threads: int) -> Check:
    usable, all_ = len(os.sched_getaffinity(0)), os.cpu_count() or 1
    value = f"{usable} of {all_}, renders with {threads}, load {os.getloadavg()[0]:.1f}"
    if threads > usable:
        reason = f"Its renderer uses {threads} threads, and it may use {usable} cores."
        return Check(
            name="cores", grade=Grade.NOTE, value=value, reason=reason, remedy=f"Start it with --threads {usable}."
        )
    return Check(name="cores", value=value)


def _memory() -> Check:
    memory = psutil.virtual_memory()
    free, whole = memory.available, memory.total
    limits = [limit for limit in (_control_group(), _limit("RLIMIT_AS")) if limit is not None]
    free, whole = min([free, *limits]), min([whole, *limits])
    value = f"{_gib(free)} of {_gib(whole)} free"
    if free >= LITTLE_MEMORY_BYTES:
        return Check(name="memory", value=value)
    grade = Grade.FAILS if free < NO_MEMORY_BYTES else Grade.NOTE
    limited = "raise the limit that is set on it" if limits and free == min(limits) else "close what else runs on it"
    return Check(
        name="memory", grade=grade, value=value, reason=f"Only {_gib(free)} of memory are free.",
        remedy=f"For larger scenes, {limited}.",
    )  # fmt: skip


def _files() -> Check:
    most = _limit("RLIMIT_NOFILE")
    if most is None or most >= FEW_FILES:
        return Check(name="open files", value="any number" if most is None else str(most))
    reason = f"A process may open {most} files only."
    return Check(
        name="open files", grade=Grade.NOTE, value=str(most), reason=reason,
        remedy=f"Raise the limit (ulimit -n {FEW_FILES}).",
    )  # fmt: skip


def _limit(name: str) -> int | None:
    """Return a limit of this process; None if there is none."""
    with suppress(ImportError, AttributeError):
        import resource

        soft = resource.getrlimit(getattr(resource, name))[0]
        return None if soft == resource.RLIM_INFINITY else soft
    return None


def _control_group() -> int | None:
    """Return the memory that is left to the control group this process runs in; None without a limit."""
    root = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):
        return int((root / "memory.max").read_text()) - int((root / "memory.current").read_text())
    return None


def _gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{max(0, count) >> 20} MiB"


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:].rstrip(".") + "."
