"""Lets commands in the foreground end cleanly on Ctrl-C and when they are asked to end."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from system.signals import signals_handled

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def stop_signal() -> Iterator[threading.Event]:
    """Give an event that is set at the first signal to end this process."""
    stopped = threading.Event()
    with signals_handled(stopped.set):
        yield stopped
