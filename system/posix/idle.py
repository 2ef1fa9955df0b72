"""Last input on Linux and macOS: of screens (X11, GNOME's Wayland, macOS) and of terminals.

Connections are kept, for it is asked several times a second; screens that can't be asked are tried again now and then.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psutil

from system.last_input import LastInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

assert sys.platform != "win32"

RETRY_S = 10.0
ANSWER_TIMEOUT_S = 2.0
X_SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108 - that is where X servers have them
_HID_IDLE = re.compile(r'"HIDIdleTime"\s*=\s*(\d+)')


class Screen(Protocol):
    """A graphical session."""

    def age_s(self) -> float:
        """Return the seconds since its last input. Raises whatever its library does once it is gone."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


@dataclass(slots=True)
class Screens:
    """The graphical sessions of a Linux machine, by name."""

    open: dict[str, Screen] = field(default_factory=dict)
    blind: str = ""
    _looked_s: float = field(default=-RETRY_S)

    def ages_s(self) -> dict[str, float]:
        """Return the age of the last input of each screen that answers."""
        if time.monotonic() - self._looked_s >= RETRY_S:
            self._look()
        ages = {}
        for name in list(self.open):
            try:
                ages[name] = self.open[name].age_s()
            except Exception:  # noqa: BLE001 - each library has errors of its own, and all mean that it is gone
                self._close(name)
        return ages

    def close(self) -> None:
        """Close all connections."""
        for name in list(self.open):
            self._close(name)

    def _look(self) -> None:
        """Connect to the screens that have appeared."""
        self._looked_s, self.blind = time.monotonic(), ""
        if wayland_sockets():
            if not self._connect("the Wayland desktop", Mutter):
                self.blind = "Its Wayland desktop doesn't tell when a key was pressed; GNOME and X11 do."
            return  # X programs of a Wayland desktop get a part of the keys only
        for path in sorted(X_SOCKETS.glob("X[0-9]*")):
            display = f":{path.name[1:]}"
            if not self._connect(f"the screen {display}", partial(XScreen, display)):
                self.blind = f"The screen {display} doesn't let it in: it belongs to another user, or has ended."

    def _connect(self, name: str, connect: Callable[[], Screen]) -> bool:
        """Connect to a screen unless that was done; whether it answers."""
        if name not in self.open:
            with suppress(Exception):  # as above
                self.open[name] = connect()
        if name in self.open:
            try:
                self.open[name].age_s()
            except Exception:  # noqa: BLE001 - as above
                self._close(name)
        return name in self.open

    def _close(self, name: str) -> None:
        with suppress(Exception):  # it may be gone
            self.open.pop(name).close()


class XScreen:
    """A screen of an X server."""

    def __init__(self, name: str) -> None:
        from Xlib.display import Display

        with socket.socket(socket.AF_UNIX) as tried:  # the library leaves its own open where nobody listens any more
            tried.connect(str(X_SOCKETS / f"X{name[1:]}"))
        self._display: Any = Display(name)
        self._root = self._display.screen().root

    def age_s(self) -> float:
        """Return the seconds since its last input."""
        from Xlib.ext import screensaver

        return float(screensaver.query_info(self._root).idle) / 1000

    def close(self) -> None:
        """Close the connection."""
        self._display.close()


class Mutter:
    """GNOME's desktop, asked over the user's bus."""

    def __init__(self) -> None:
        from jeepney import DBusAddress, new_method_call
        from jeepney.io.blocking import open_dbus_connection

        bus = os.environ.get("DBUS_SESSION_BUS_ADDRESS", f"unix:path=/run/user/{os.getuid()}/bus")
        self._bus = open_dbus_connection(bus)
        name = "org.gnome.Mutter.IdleMonitor"
        core = DBusAddress("/org/gnome/Mutter/IdleMonitor/Core", bus_name=name, interface=name)
        self._question = new_method_call(core, "GetIdletime")

    def age_s(self) -> float:
        """Return the seconds since its last input."""
        reply = self._bus.send_and_get_reply(self._question, timeout=ANSWER_TIMEOUT_S)
        return float(reply.body[0]) / 1000

    def close(self) -> None:
        """Close the connection."""
        self._bus.close()


_screens = Screens()


def last_input() -> LastInput:
    """Return the last input in a graphical session or a terminal of this machine."""
    if sys.platform == "darwin":
        return _macos()
    ages = _screens.ages_s()
    typed_s = terminal_age_s(terminals(), time.time())
    if typed_s is not None:
        ages["terminals"] = typed_s
    return LastInput(age_s=min(ages.values(), default=None), seen_by=tuple(ages), blind=_screens.blind)


def close() -> None:
    """Close the connections to screens."""
    _screens.close()


def terminals() -> list[Path]:
    """Return the terminals of the users who are logged in."""
    terminals: set[Path] = {Path("/dev") / user.terminal for user in psutil.users() if user.terminal}
    return sorted(terminals | set(Path("/dev/pts").glob("[0-9]*")))


def terminal_age_s(terminals: Iterable[Path], now_s: float) -> float | None:
    """Return the seconds since a terminal was read from; None without any."""
    ages = []
    for terminal in terminals:
        with suppress(OSError):
            ages.append(max(0.0, now_s - terminal.stat().st_atime))
    return min(ages, default=None)


def wayland_sockets() -> list[Path]:
    """Return where the Wayland desktops of this user listen."""
    return sorted(Path(f"/run/user/{os.getuid()}").glob("wayland-[0-9]"))


def hid_idle_s(text: str) -> float | None:
    """Read macOS's idle time from what `ioreg` prints; None if it isn't there."""
    found = _HID_IDLE.search(text)
    return int(found[1]) / 1e9 if found else None


def _macos() -> LastInput:
    try:
        command = ["/usr/sbin/ioreg", "-c", "IOHIDSystem", "-d", "4"]
        found = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_TIMEOUT_S, check=False)
        age_s = hid_idle_s(found.stdout)
    except (OSError, subprocess.TimeoutExpired):
        age_s = None
    if age_s is None:
        return LastInput(blind="macOS doesn't tell when a key was pressed: ioreg has no HIDIdleTime.")
    return LastInput(age_s=age_s, seen_by=("macOS",))
