"""Diagnoses why a renderer doesn't start or render: from its exit code, its output, its files and its folders."""

from __future__ import annotations

import errno
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from system.exits import Crash, crash_name, crash_of, describe_exit
from system.machine import user
from system.software import how_to_grant, raises_limit
from tasks.renderers.diagnosis import places
from tasks.renderers.diagnosis.findings import Finding, ProgramExit
from tasks.renderers.diagnosis.installation import binary_fault, named_fault, package_fault, parts_fault
from tasks.renderers.diagnosis.patterns import match_certain, match_likely
from tasks.renderers.isa import cpu_model, isa

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Finding", "ProgramExit", "diagnose", "diagnose_start", "package_fault"]

_ERROR_LINE = re.compile(r"Error\b|error:|failed|could not|cannot", re.IGNORECASE)
_DISK_FULL = re.compile(
    r"No space left on device|disk (?:is )?full|not enough (?:free )?(?:disk space|space on the disk)", re.IGNORECASE
)
_DENIED = re.compile(r"Permission denied(?:: '([^'\n]+)')?", re.IGNORECASE)
_NO_TEMP = re.compile(r"No usable temporary directory", re.IGNORECASE)


def diagnose(ended: ProgramExit, parts: Sequence[Path]) -> Finding:
    """Return the most certain cause.

    Parameters
    ----------
    ended
        How the renderer ended.
    parts
        Its programs, libraries, and folders of them.
    """
    return (
        _disk_or_access(ended.output)
        or named_fault(parts, ended.output)
        or match_certain(ended.output)
        or parts_fault(parts)
        or _crash(ended)
        or match_likely(ended.output)
        or _timed_out(ended)
        or _unknown(ended)
    )


def diagnose_start(program: str, error: OSError) -> Finding:
    """Return why a program could not be started at all."""
    path = Path(shutil.which(program) or program)
    if error.errno == errno.ENOENT and not path.exists():
        return Finding(cause=f"there is no program {program}")
    if error.errno in (errno.EACCES, errno.EPERM):
        if places.noexec(path):
            cause = f"{path} is on a drive from which nothing may be run (mounted noexec)"
            return Finding(cause=cause, remedy="Mount it without noexec, or install it elsewhere.")
        blocked = places.read_fault(path)
        cause = f"{path} isn't marked as a program {user()} may run"
        return blocked or Finding(cause=cause, remedy=f"Mark it ({how_to_grant(path, user(), rights='rx')}).")
    if error.errno == errno.ENOMEM:
        return Finding(cause="memory ran out", remedy="Close what else runs on the machine.", transient=True)
    return binary_fault(path) or _interpreter(path) or Finding(cause=f"{path} can't be started: {error.strerror}")


def _interpreter(path: Path) -> Finding | None:
    """Return the fault of a script whose interpreter is missing, or of a file that isn't a program."""
    try:
        with path.open("rb") as file:
            first = file.readline(256).decode(errors="replace").strip()
    except OSError:
        return places.read_fault(path)
    if not first.startswith("#!"):
        return Finding(cause=f"{path.name} isn't a program for this system")
    program = first[2:].split()[0] if first[2:].split() else ""
    if program and not Path(program).exists():
        return Finding(cause=f"{path.name} is to be run by {program}, which is missing", remedy=f"Install {program}.")
    return None


def _disk_or_access(output: str) -> Finding | None:
    """Return which disk is full, or what can't be read or written, which programs rarely say."""
    if _DISK_FULL.search(output):
        full = Finding(cause="a disk it writes to is full", remedy="Free some space.", transient=True)
        return places.full_folder() or full
    if _NO_TEMP.search(output):
        return places.folder_fault("temporary folder", places.temp_folder())
    denied = _DENIED.search(output)
    if denied is None or ".so" in output[max(0, denied.start() - 60) : denied.start()]:
        return None
    named = (places.read_fault(Path(denied[1])) or places.write_fault(Path(denied[1]))) if denied[1] else None
    return named or places.unusable_folder()


def _crash(ended: ProgramExit) -> Finding | None:
    crash = crash_of(ended.code)
    match crash:
        case None:
            return None
        case Crash.ILLEGAL_INSTRUCTION:
            cause = f"the processor is too old ({cpu_model()}, {isa()}): it lacks an instruction the renderer uses"
            return Finding(cause=cause, remedy="Use an older build of the renderer, or leave this machine to others.")
        case Crash.KILLED:
            return Finding(
                cause=f"the system ended it ({crash_name(ended.code or 0)}), as it does when memory runs out",
                remedy="Close what else runs on the machine, and look at the system log.",
                transient=True,
            )
        case Crash.OUT_OF_MEMORY:
            return Finding(cause="memory ran out", remedy="Close what else runs on the machine.", transient=True)
        case Crash.FILE_TOO_LARGE:
            cause = "a file it writes is larger than this account allows"
            return Finding(cause=cause, remedy=f"Raise the limit{raises_limit('-f')}.", transient=True)
        case Crash.MISSING_LIBRARY:
            cause = f"a DLL it needs is missing or can't be loaded ({crash_name(ended.code or 0)})"
            remedy = "Install what the renderer asks for, often Microsoft's Visual C++ Redistributable."
            return Finding(cause=cause, remedy=remedy)
        case Crash.STACK_OVERFLOW | Crash.FAULT:
            words = _most_telling_line(ended.output)
            return Finding(cause=f"it crashes ({crash_name(ended.code or 0)})" + (f": {words}" if words else ""))


def _timed_out(ended: ProgramExit) -> Finding | None:
    if ended.code is not None:
        return None
    if ended.hung:
        return Finding(
            cause="it waits and does nothing, as a program does that shows a window, asks a question or has no licence",
            remedy="Start it once by hand on this machine and see what it asks.",
            transient=True,
        )
    return Finding(cause=f"it didn't render a small scene in {ended.seconds:.0f} s", transient=True)


def _unknown(ended: ProgramExit) -> Finding:
    """Return the most telling line where no cause is known, or the fault of a folder it may write into."""
    folder = places.unusable_folder()
    if folder is not None:
        return folder
    return Finding(cause=_most_telling_line(ended.output) or f"it {describe_exit(ended.code)} and left no message")


def _most_telling_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR_LINE.search(line)]
    return (errors or lines or [""])[-1][:300].rstrip(".")
