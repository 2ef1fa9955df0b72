"""Why a renderer doesn't start or doesn't render, in plain words: from its exit code, its words, and a look around."""

from __future__ import annotations

import errno
import re
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.renderers.diagnosis import places
from tasks.renderers.diagnosis.findings import Ending, Finding
from tasks.renderers.diagnosis.installation import binary_fault, named_fault, package_fault, parts_fault
from tasks.renderers.diagnosis.patterns import hint, plain
from tasks.renderers.isa import cpu_model, isa

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Ending", "Finding", "not_started", "package_fault", "why"]

_TELLING = re.compile(r"Error\b|error:|failed|could not|cannot", re.IGNORECASE)
_FULL = re.compile(r"No space left on device|disk (?:is )?full|not enough (?:free )?disk space", re.IGNORECASE)
_DENIED = re.compile(r"Permission denied(?:: '([^'\n]+)')?", re.IGNORECASE)
_NO_TEMP = re.compile(r"No usable temporary directory", re.IGNORECASE)
_BY_SHELL = 128
"""A shell tells of a signal by an exit code above this."""


def why(ending: Ending, parts: Sequence[Path]) -> Finding:
    """Return the cause that is known with most certainty.

    Parameters
    ----------
    ending
        How the renderer ended.
    parts
        Its programs, libraries, and folders of them.
    """
    return (
        _room_or_rights(ending.said)
        or named_fault(parts, ending.said)
        or plain(ending.said)
        or parts_fault(parts)
        or _signal(ending)
        or hint(ending.said)
        or _waited(ending)
        or _unspoken(ending)
    )


def not_started(program: str, error: OSError) -> Finding:
    """Return why a program could not be started at all."""
    path = Path(shutil.which(program) or program)
    if error.errno == errno.ENOENT and not path.exists():
        return Finding(cause=f"there is no program {program}")
    if error.errno in (errno.EACCES, errno.EPERM):
        if places.noexec(path):
            cause = f"{path} lies on a drive from which nothing may be run (mounted noexec)"
            return Finding(cause=cause, remedy="Mount it without noexec, or install it elsewhere.")
        blocked = places.forbidden(path)
        cause = f"{path} isn't marked as a program {places.user()} may run"
        return blocked or Finding(cause=cause, remedy=f"Mark it (chmod a+rx {path}).")
    if error.errno == errno.ENOMEM:
        return Finding(cause="memory ran out", remedy="Close what else runs on the machine.", passes=True)
    return binary_fault(path) or _interpreter(path) or Finding(cause=f"{path} can't be started: {error.strerror}")


def _interpreter(path: Path) -> Finding | None:
    """Say which program a script wants to be run by that isn't there, or that a file is no program at all."""
    try:
        with path.open("rb") as file:
            first = file.readline(256).decode(errors="replace").strip()
    except OSError:
        return places.forbidden(path)
    if not first.startswith("#!"):
        return Finding(cause=f"{path.name} isn't a program for this system")
    wanted = first[2:].split()[0] if first[2:].split() else ""
    if wanted and not Path(wanted).exists():
        return Finding(cause=f"{path.name} is to be run by {wanted}, which is missing", remedy=f"Install {wanted}.")
    return None


def _room_or_rights(said: str) -> Finding | None:
    """Say which disk is full, or what may not be read or written: programs rarely do."""
    if _FULL.search(said):
        full = Finding(cause="a disk it writes to is full", remedy="Free some space.", passes=True)
        return places.full_place() or full
    if _NO_TEMP.search(said):
        return places.trouble_at("temporary folder", places.temp_folder())
    denied = _DENIED.search(said)
    if denied is None or ".so" in said[max(0, denied.start() - 60) : denied.start()]:
        return None
    named = (places.forbidden(Path(denied[1])) or places.unwritable(Path(denied[1]))) if denied[1] else None
    return named or places.unwritable_place()


def _signal(ending: Ending) -> Finding | None:
    number = ending.code if ending.code is not None else 0
    number = -number if number < 0 else number - _BY_SHELL if _BY_SHELL < number < _BY_SHELL + 64 else 0
    if number == signal.SIGILL:
        cause = f"the processor is too old ({cpu_model()}, {isa()}): it lacks an instruction the renderer uses"
        return Finding(cause=cause, remedy="Use an older build of the renderer, or leave this machine to others.")
    if number == signal.SIGKILL:
        return Finding(
            cause="the system ended it (SIGKILL), as it does when memory runs out",
            remedy="Close what else runs on the machine, and look at the system log.",
            passes=True,
        )
    if number == signal.SIGXFSZ:
        cause = "a file it writes is larger than this account allows"
        return Finding(cause=cause, remedy="Raise the limit (ulimit -f).", passes=True)
    if number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE):
        name = signal.Signals(number).name
        words = _telling(ending.said)
        return Finding(cause=f"it crashes ({name})" + (f": {words}" if words else ""))
    return None


def _waited(ending: Ending) -> Finding | None:
    if ending.code is not None:
        return None
    if ending.still:
        return Finding(
            cause="it waits and does nothing, as a program does that shows a window, asks a question or has no licence",
            remedy="Start it once by hand on this machine and see what it asks.",
            passes=True,
        )
    return Finding(cause=f"it didn't render a small scene in {ending.after_s:.0f} s", passes=True)


def _unspoken(ending: Ending) -> Finding:
    """Return the line that says most, where no cause is known; what surrounds the renderer may be it."""
    around = places.unwritable_place()
    words = _telling(ending.said)
    if around is not None:
        return around
    return Finding(cause=words or f"it ended with exit code {ending.code} and left no message")


def _telling(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return (telling or lines or [""])[-1][:300].rstrip(".")
