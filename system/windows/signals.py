"""What stands for signals on Windows: events that other processes set, and the console's Ctrl-C, Ctrl-Break and close.

A console's events reach the programs of that console alone, and one in the background has another.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

assert sys.platform == "win32"

import psutil
import pywintypes
import win32api
import win32con
import win32event
import winerror

END = 15
"""Asks a process to end in order."""
END_AT_ONCE = 9
"""Ends a process at once."""
RETRY = 1
"""Asks a service to try again what failed."""
_LEAVES = (win32con.CTRL_CLOSE_EVENT, win32con.CTRL_LOGOFF_EVENT, win32con.CTRL_SHUTDOWN_EVENT)
"""Events after which Windows ends a process, as soon as it has handled them."""
_LEAVE_TIMEOUT_S = 30.0
"""Windows grants a process 5 s of them when its window is closed."""


def stop(pid: int, number: int = END) -> None:
    """Ask a process to end, or to try again; end it where it doesn't listen. Raises `ProcessLookupError`.

    What was started by the launcher of a virtual environment is a child of that.
    """
    try:
        process = psutil.Process(pid)
        processes = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        raise ProcessLookupError(pid) from None
    if number == END_AT_ONCE:
        process.kill()
    elif not any(_set(each.pid, number) for each in processes) and number == END:
        try:
            win32api.GenerateConsoleCtrlEvent(win32con.CTRL_BREAK_EVENT, pid)
        except pywintypes.error:
            process.kill()


def on_signal(loop: asyncio.AbstractEventLoop, number: int, act: Callable[[], object]) -> None:
    """Call a function in an event loop whenever this process gets a signal: `END`, which Ctrl-C is too, or `RETRY`."""

    def pass_on() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(act)

    if number == END:
        win32api.SetConsoleCtrlHandler(_handler(pass_on), True)
    _listen(number, pass_on)


@contextmanager
def signals_handled(act: Callable[[], object]) -> Iterator[None]:
    """Call a function when this process is asked to end, also by Ctrl-C; on some systems in another thread."""
    handler = _handler(act)
    win32api.SetConsoleCtrlHandler(handler, True)
    ignore = _listen(END, act)
    try:
        yield
    finally:
        ignore()
        win32api.SetConsoleCtrlHandler(handler, False)


@contextmanager
def end_interrupts() -> Iterator[None]:
    """Have `END` interrupt this process as Ctrl-C does.

    So does Ctrl-Break, by which Prefect ends the runs of its worker.
    """
    before = signal.signal(signal.SIGBREAK, signal.default_int_handler)
    ignore = _listen(END, _thread.interrupt_main)
    try:
        yield
    finally:
        ignore()
        signal.signal(signal.SIGBREAK, before)


def _handler(act: Callable[[], object]) -> Callable[[int], bool]:
    """Return a handler of the console's events, which Windows calls in a thread of its own."""

    def handle(event: int) -> bool:
        act()
        if event in _LEAVES:
            time.sleep(_LEAVE_TIMEOUT_S)  # until this process has ended by itself
        return True

    return handle


def _listen(number: int, act: Callable[[], object]) -> Callable[[], None]:
    """Call a function in another thread whenever another process signals this one; returns what ends that."""
    signalled = win32event.CreateEvent(None, False, False, _name(os.getpid(), number))
    ignored = win32event.CreateEvent(None, False, False, None)

    def wait() -> None:
        while win32event.WaitForMultipleObjects([signalled, ignored], False, win32event.INFINITE) == 0:
            act()

    threading.Thread(target=wait, name=f"signal-{number}", daemon=True).start()
    return lambda: win32event.SetEvent(ignored)


def _set(pid: int, number: int) -> bool:
    """Signal a process; returns whether it listens."""
    try:
        win32event.SetEvent(win32event.OpenEvent(win32con.EVENT_MODIFY_STATE, False, _name(pid, number)))
    except pywintypes.error as error:
        if error.winerror == winerror.ERROR_ACCESS_DENIED:
            raise PermissionError(0, error.strerror, None, error.winerror) from error
        return False
    return True


def _name(pid: int, number: int) -> str:
    """Name an event for all sessions: a service runs in another one than the person who asks it to end."""
    return rf"Global\frontburner-{pid}-{number}"
