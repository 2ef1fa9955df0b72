"""Last input on Windows: that of the session this process runs in."""

from __future__ import annotations

import os
import sys

assert sys.platform == "win32"

import pywintypes
import win32api
import win32ts

from system.last_input import LastInput

_TICKS = 1 << 32
"""Milliseconds after which Windows' count begins again."""
_SERVICES = 0
"""Session of services, which gets no input."""


def last_input() -> LastInput:
    """Return the last input in this session; another session's can't be seen from here."""
    own = win32ts.ProcessIdToSessionId(os.getpid())  # type: ignore[no-untyped-call]
    shown = win32ts.WTSGetActiveConsoleSessionId()  # type: ignore[no-untyped-call]
    if own == _SERVICES:
        return LastInput(blind="It runs as a service, in a session that keys and mouse don't reach.")
    age_s = (win32api.GetTickCount() - win32api.GetLastInputInfo()) % _TICKS / 1000
    blind = "" if own == shown or not _user_of(shown) else f"{_user_of(shown)} is at the screen, in another session."
    return LastInput(age_s=age_s, seen_by=("Windows",), blind=blind)


def close() -> None:
    """Do nothing: there is nothing to close."""


def _user_of(session: int) -> str:
    """Return who is logged in to a session; empty if nobody, or it isn't told."""
    try:
        return str(win32ts.WTSQuerySessionInformation(0, session, win32ts.WTSUserName))
    except pywintypes.error:
        return ""
