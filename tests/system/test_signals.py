"""A process that is asked to end, or to try again, hears it, also from a process that shares no console with it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from system.processes import start_detached
from system.signals import END, END_AT_ONCE, RETRY, stop

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 120
LOOP = """
    import asyncio
    from system.signals import END, RETRY, on_signal

    async def main():
        ended = asyncio.Event()
        on_signal(asyncio.get_running_loop(), END, ended.set)
        on_signal(asyncio.get_running_loop(), RETRY, lambda: print("retried", flush=True))
        print("listens", flush=True)
        await ended.wait()
        print("ended", flush=True)

    asyncio.run(main())
"""
THREAD = """
    import threading
    from system.signals import signals_handled

    ended = threading.Event()
    with signals_handled(ended.set):
        print("listens", flush=True)
        ended.wait()
        print("ended", flush=True)
"""
INTERRUPTED = """
    import time
    from system.signals import end_interrupts

    try:
        with end_interrupts():
            print("listens", flush=True)
            while True:
                time.sleep(0.05)
    except KeyboardInterrupt:
        print("ended", flush=True)
"""


@contextmanager
def listening(program: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with start_detached(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        try:
            assert line(process) == "listens"
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


@pytest.mark.parametrize("program", [LOOP, THREAD, INTERRUPTED])
def test_a_process_that_listens_ends_in_order(program: str) -> None:
    with listening(program) as process:
        stop(process.pid, END)
        assert line(process) == "ended"
        assert process.wait(TIMEOUT_S) == 0


def test_a_service_is_asked_to_try_again_any_number_of_times() -> None:
    with listening(LOOP) as process:
        for _ in range(2):
            stop(process.pid, RETRY)
            assert line(process) == "retried"
        stop(process.pid, END)
        assert line(process) == "ended"


def test_a_process_ends_at_once_without_being_asked() -> None:
    with listening(LOOP) as process:
        stop(process.pid, END_AT_ONCE)
        assert line(process) == ""
        assert process.wait(TIMEOUT_S) != 0


def test_a_process_that_is_gone_cannot_be_asked() -> None:
    with listening(THREAD) as process:
        process.kill()
        process.wait(TIMEOUT_S)
    with pytest.raises(ProcessLookupError):
        stop(process.pid)
