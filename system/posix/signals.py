"""Signals of Linux and macOS."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

assert sys.platform != "win32"

END = signal.SIGTERM
"""Asks a process to end in order."""
END_AT_ONCE = signal.SIGKILL
"""Ends a process at once."""
RETRY = signal.SIGHUP
"""Asks a service to try again what failed."""
_ENDINGS = (signal.SIGINT, signal.SIGTERM)


def stop(pid: int, number: int = END) -> None:
    """Send a signal to a process. Raises `ProcessLookupError`."""
    os.kill(pid, number)


def on_signal(loop: asyncio.AbstractEventLoop, number: int, act: Callable[[], object]) -> None:
    """Call a function in an event loop whenever this process gets a signal: `END`, which Ctrl-C is too, or `RETRY`."""
    for each in _ENDINGS if number == END else (number,):
        loop.add_signal_handler(each, act)


@contextmanager
def signals_handled(act: Callable[[], object]) -> Iterator[None]:
    """Call a function when this process is asked to end, also by Ctrl-C; on some systems in another thread."""
    before = {number: signal.signal(number, lambda *_: act()) for number in _ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def end_interrupts() -> Iterator[None]:
    """Have `END` interrupt this process as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(END, interrupt)
    try:
        yield
    finally:
        signal.signal(END, before)
