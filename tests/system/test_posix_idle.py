"""Since when nobody has used a machine: what screens and terminals of Linux and macOS tell."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

if sys.platform == "win32":
    pytest.skip("Windows has no such screens and terminals", allow_module_level=True)

from system.posix import idle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_a_terminal_tells_when_it_was_read(tmp_path: Path) -> None:
    terminal, now_s = tmp_path / "tty", 1_000_000.0
    terminal.touch()
    os.utime(terminal, (now_s - 7, now_s))
    assert idle.terminal_age_s([terminal, tmp_path / "gone"], now_s) == 7
    assert idle.terminal_age_s([], now_s) is None


def test_macos_idle_time_is_read_in_nanoseconds() -> None:
    printed = '+-o IOHIDSystem  <class IOHIDSystem>\n    {\n      "HIDIdleTime" = 2500000000\n      "HIDSomething" = 1'
    assert idle.hid_idle_s(printed) == 2.5
    assert idle.hid_idle_s("") is None


class Desktop:
    """Where a Linux desktop's sockets are, and what a library says of it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch
        monkeypatch.setattr(idle, "X_SOCKETS", folder)
        monkeypatch.setattr(idle, "wayland_sockets", list)

    def screens(self) -> Any:
        return idle.Screens()


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desktop:
    return Desktop(tmp_path, monkeypatch)


def test_a_screen_of_another_user_is_said_to_be_unseen(desktop: Desktop) -> None:
    def refuse(display: str) -> None:
        raise PermissionError(display)

    (desktop.folder / "X93").touch()
    desktop.monkeypatch.setattr(idle, "XScreen", refuse)
    screens = desktop.screens()
    assert screens.ages_s() == {}
    assert "The screen :93 doesn't let it in" in screens.blind


def test_a_screen_that_has_ended_without_a_trace_leaves_nothing_open(desktop: Desktop) -> None:
    with socket.socket(socket.AF_UNIX) as ended:
        ended.bind(str(desktop.folder / "X94"))
    screens = desktop.screens()
    assert screens.ages_s() == {}
    assert "The screen :94 doesn't let it in" in screens.blind


def test_a_desktop_that_tells_nothing_is_said_to_be_unseen(desktop: Desktop) -> None:
    desktop.monkeypatch.setattr(idle, "wayland_sockets", lambda: [desktop.folder / "wayland-0"])
    desktop.monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={desktop.folder / 'no-bus'}")
    screens = desktop.screens()
    assert screens.ages_s() == {}
    assert "Wayland" in screens.blind


class Gnome:
    """A desktop that answers twice."""

    def __init__(self) -> None:
        self.ages = iter([3.0, 4.0])

    def age_s(self) -> float:
        return next(self.ages)

    def close(self) -> None:
        pass


def test_gnome_is_asked_over_the_bus_and_asked_again_when_it_has_ended(desktop: Desktop) -> None:
    desktop.monkeypatch.setattr(idle, "wayland_sockets", lambda: [desktop.folder / "wayland-0"])
    desktop.monkeypatch.setattr(idle, "Mutter", Gnome)
    screens = desktop.screens()
    assert screens.ages_s() == {"the Wayland desktop": 4.0}
    assert screens.ages_s() == {}, "it has ended"
    assert not screens.open


@pytest.fixture
def x_server() -> Iterator[str]:
    """An X server without a screen, whose keys `xdotool` presses."""
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        pytest.skip("Xvfb and xdotool aren't installed")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "64x64x24"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read) as display:
            yield f":{display.readline().strip()}"
        server.terminate()


def test_a_key_on_a_screen_is_seen(x_server: str) -> None:
    with closing(idle.XScreen(x_server)) as screen:
        for event in (["key", "a"], ["mousemove", "10", "10"]):
            began_s = time.monotonic() - screen.age_s()
            subprocess.run(["xdotool", *event], env={**os.environ, "DISPLAY": x_server}, check=True)
            assert time.monotonic() - screen.age_s() > began_s, "its last input is a later one"
