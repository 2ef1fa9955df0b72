"""Exit codes of every system, in words."""

from __future__ import annotations

import signal

import pytest

from system.exits import Crash, crash_name, crash_of, describe_exit


@pytest.mark.parametrize(
    ("code", "crash", "words"),
    [
        (0, None, "ended with exit code 0"),
        (7, None, "ended with exit code 7"),
        (None, None, "ended with exit code None"),
        (-int(signal.SIGSEGV), Crash.FAULT, "was ended by SIGSEGV"),
        (-int(signal.SIGILL), Crash.ILLEGAL_INSTRUCTION, "was ended by SIGILL"),
        (128 + int(signal.SIGSEGV), Crash.FAULT, f"ended with exit code {128 + int(signal.SIGSEGV)}"),
        (0xC0000005, Crash.FAULT, "was ended by status 0xc0000005 (access violation)"),
        (0xC0000135, Crash.MISSING_LIBRARY, "was ended by status 0xc0000135 (DLL not found)"),
        (0xC00000FD, Crash.STACK_OVERFLOW, "was ended by status 0xc00000fd (stack overflow)"),
        (0xC0000017, Crash.OUT_OF_MEMORY, "was ended by status 0xc0000017 (no memory)"),
        (0xE0434352, Crash.FAULT, "was ended by status 0xe0434352 (an exception of .NET that nothing handled)"),
        (0xFFFFFFF8, None, "ended with exit code -8"),
        (0xC0001234, Crash.FAULT, "was ended by status 0xc0001234"),
        (-200, None, "was ended by signal 200"),
    ],
)
def test_an_exit_code_in_words(code: int | None, crash: Crash | None, words: str) -> None:
    assert crash_of(code) is crash
    assert describe_exit(code) == words


def test_a_crash_has_the_systems_own_name() -> None:
    assert crash_name(0xC0000409) == "stack buffer overrun or abort"
    assert crash_name(-int(signal.SIGABRT)) == "SIGABRT"
    assert crash_name(0xC0001234) == "0xc0001234"
