"""Checks of a machine: its cores, memory, open files, and folders that must be writable and have room."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import psutil

from system import machine
from system.idle import LastInput, last_input
from system.software import raises_limit
from tasks.node.readiness import Check, Grade
from tasks.process.memory import cgroup_left_bytes
from tasks.renderers.diagnosis import places

if TYPE_CHECKING:
    from pathlib import Path

YIELDS_VARIABLE = "FRONTBURNER_NODE_YIELDS"
"""Set where the machine is given back as soon as somebody uses it."""
GIB = 1 << 30
ENOUGH_MEMORY_BYTES, REQUIRED_MEMORY_BYTES = GIB, GIB >> 2
ENOUGH_DISK_BYTES, REQUIRED_DISK_BYTES = GIB, GIB >> 4
ENOUGH_OPEN_FILES = 1024


def machine_checks(*, threads: int, logs: Path) -> list[Check]:
    """Check this machine.

    Parameters
    ----------
    threads
        Threads the node's renderer uses.
    logs
        Folder of the node's logs.
    """
    folders = {**places.standard_folders(), "log folder": logs}
    machine = [_cores(threads), _memory(), *(folder_check(name, path) for name, path in folders.items()), _files()]
    return [*machine, *([_input(last_input())] if os.environ.get(YIELDS_VARIABLE) else [])]


def folder_check(name: str, folder: Path) -> Check:
    """Check that a folder can be written and has room."""
    trouble = places.folder_fault(name, folder, room_bytes=REQUIRED_DISK_BYTES)
    if trouble:
        return Check(name=name, grade=Grade.FAILS, reason=_sentence(trouble.cause), remedy=trouble.remedy)
    free = shutil.disk_usage(places.nearest_existing(folder)).free
    value = f"{folder}, {_gib(free)} free"
    if free < ENOUGH_DISK_BYTES:
        reason = f"The {name} {folder} has only {_gib(free)} left."
        return Check(name=name, grade=Grade.NOTE, value=value, reason=reason, remedy="Free some space there.")
    return Check(name=name, value=value)


def _cores(threads: int) -> Check:
    usable, installed, load = machine.cores(), os.cpu_count() or 1, machine.load()
    value = f"{usable} of {installed}, renders with {threads}" + ("" if load is None else f", load {load:.1f}")
    if threads > usable:
        reason = f"Its renderer uses {threads} threads, and it may use {usable} cores."
        return Check(
            name="cores", grade=Grade.NOTE, value=value, reason=reason, remedy=f"Start it with --threads {usable}."
        )
    return Check(name="cores", value=value)


def _memory() -> Check:
    memory = psutil.virtual_memory()
    limits = [limit for limit in (cgroup_left_bytes(), machine.limit("AS")) if limit is not None]
    free, total = min([memory.available, *limits]), min([memory.total, *limits])
    value = f"{_gib(free)} of {_gib(total)} free"
    if free >= ENOUGH_MEMORY_BYTES:
        return Check(name="memory", value=value)
    grade = Grade.FAILS if free < REQUIRED_MEMORY_BYTES else Grade.NOTE
    limited = "raise the limit that is set on it" if limits and free == min(limits) else "close what else runs on it"
    return Check(
        name="memory", grade=grade, value=value, reason=f"Only {_gib(free)} of memory are free.",
        remedy=f"For larger scenes, {limited}.",
    )  # fmt: skip


def _files() -> Check:
    limit = machine.limit("NOFILE")
    if limit is None or limit >= ENOUGH_OPEN_FILES:
        return Check(name="open files", value="any number" if limit is None else str(limit))
    reason = f"A process may open {limit} files only."
    return Check(
        name="open files", grade=Grade.NOTE, value=str(limit), reason=reason,
        remedy=f"Raise the limit{raises_limit(f'-n {ENOUGH_OPEN_FILES}')}.",
    )  # fmt: skip


def _input(last: LastInput) -> Check:
    """Check that keys and mouse of a machine that is given back are seen."""
    if not last.blind:
        return Check(name="keys and mouse", value=str(last))
    return Check(
        name="keys and mouse", grade=Grade.NOTE, reason=f"{last.blind} The machine isn't given back for those.",
        remedy="Start the node in the session of the user who sits at the machine, or give it hours (--hours).",
    )  # fmt: skip


def _gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{max(0, count) >> 20} MiB"


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:].rstrip(".") + "."
