"""How a process ended, by its exit code: a signal's number on Linux and macOS, a status code of Windows."""

from __future__ import annotations

import signal
from enum import StrEnum

_SHELL_SIGNAL = 128
"""A shell reports a signal as an exit code above this."""
_STATUS_RANGE = range(0xC0000000, 0xD0000000)
"""Windows' error statuses (NTSTATUS)."""
_WORD = 1 << 32
"""Windows' exit codes are 32 bits without a sign: -1 is the largest."""


class Crash(StrEnum):
    """Ways to end that a program doesn't choose."""

    ILLEGAL_INSTRUCTION = "an instruction that the processor lacks"
    KILLED = "it was killed"
    FILE_TOO_LARGE = "a file grew too large"
    OUT_OF_MEMORY = "memory ran out"
    MISSING_LIBRARY = "a library is missing"
    STACK_OVERFLOW = "its stack overflowed"
    FAULT = "it crashed"


_SIGNALS = {
    "SIGILL": Crash.ILLEGAL_INSTRUCTION,
    "SIGKILL": Crash.KILLED,
    "SIGXFSZ": Crash.FILE_TOO_LARGE,
    "SIGSEGV": Crash.FAULT,
    "SIGBUS": Crash.FAULT,
    "SIGABRT": Crash.FAULT,
    "SIGFPE": Crash.FAULT,
}
_STATUSES = {
    0x80000003: ("breakpoint", Crash.FAULT),
    0xC0000005: ("access violation", Crash.FAULT),
    0xC0000006: ("in-page error", Crash.FAULT),
    0xC0000017: ("no memory", Crash.OUT_OF_MEMORY),
    0xC000007B: ("a DLL of another kind of processor", Crash.MISSING_LIBRARY),
    0xC000001D: ("illegal instruction", Crash.ILLEGAL_INSTRUCTION),
    0xC0000094: ("integer division by zero", Crash.FAULT),
    0xC0000096: ("privileged instruction", Crash.ILLEGAL_INSTRUCTION),
    0xC000009A: ("insufficient resources", Crash.OUT_OF_MEMORY),
    0xC00000FD: ("stack overflow", Crash.STACK_OVERFLOW),
    0xC000012D: ("memory and paging file are used up", Crash.OUT_OF_MEMORY),
    0xC0000135: ("DLL not found", Crash.MISSING_LIBRARY),
    0xC0000139: ("entry point not found in a DLL", Crash.MISSING_LIBRARY),
    0xC000013A: ("ended by Ctrl-C", Crash.KILLED),
    0xC0000142: ("a DLL could not be initialised", Crash.MISSING_LIBRARY),
    0xC0000374: ("heap corruption", Crash.FAULT),
    0xC0000409: ("stack buffer overrun or abort", Crash.FAULT),
    0xC06D007E: ("DLL not found", Crash.MISSING_LIBRARY),
    0xC06D007F: ("entry point not found in a DLL", Crash.MISSING_LIBRARY),
    0xE0434352: ("an exception of .NET that nothing handled", Crash.FAULT),
    0xE06D7363: ("an exception of C++ that nothing handled", Crash.FAULT),
}


def crash_of(code: int | None) -> Crash | None:
    """Return the kind of crash that an exit code tells of; None for one that the program chose."""
    if code is None:
        return None
    if _is_status(code):
        return _STATUSES.get(code, ("", Crash.FAULT))[1]
    return _SIGNALS.get(_signal_name(code))


def describe_exit(code: int | None) -> str:
    """Say how a process ended by its exit code (negative: the signal that ended it)."""
    if code is not None and _is_status(code):
        name = _STATUSES.get(code, ("", None))[0]
        return f"was ended by status {code:#010x}" + (f" ({name})" if name else "")
    if code is None or code >= 0:
        return f"ended with exit code {code if code is None or code < _WORD // 2 else code - _WORD}"
    return f"was ended by {_signal_name(code) or f'signal {-code}'}"


def crash_name(code: int) -> str:
    """Return the system's own name of a crash, such as SIGSEGV or access violation."""
    return _STATUSES.get(code, ("", None))[0] or f"{code:#010x}" if _is_status(code) else _signal_name(code)


def _is_status(code: int) -> bool:
    return code in _STATUSES or code in _STATUS_RANGE


def _signal_name(code: int) -> str:
    number = -code if code < 0 else code - _SHELL_SIGNAL if _SHELL_SIGNAL < code < _SHELL_SIGNAL + 64 else 0
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""
