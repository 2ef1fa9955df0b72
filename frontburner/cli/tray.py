"""``frontburner node tray``: an icon on the desktop of the person at a machine that renders."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from importlib.util import find_spec
from subprocess import DEVNULL
from typing import TYPE_CHECKING

from frontburner.cli.command import OK, guarded
from frontburner.cli.node import app
from system.machine import has_desktop, python_without_window
from system.processes import end_group, start_with_parent

if TYPE_CHECKING:
    from collections.abc import Iterator


@app.command
@guarded
def tray(*, name: str = "") -> int:
    """Show an icon in the tray that says what this machine's node does, pauses it, or has it leave.

    A node that is started in the session of a user shows it by itself.

    Parameters
    ----------
    name
        The node's name; empty is the machine's name.
    """
    from frontburner.settings import Settings
    from frontburner.workstation.desk import Desk
    from frontburner.workstation.tray_icon import show_tray

    show_tray(Desk.of(Settings().home, name or socket.gethostname()))
    return OK


@contextmanager
def tray_shown(name: str) -> Iterator[None]:
    """Show the icon of a node, where there is a desktop and what it takes."""
    if not (has_desktop() and find_spec("pystray")):
        yield
        return
    command = [python_without_window(), "-m", "frontburner.cli", "node", "tray", "--name", name]
    icon = start_with_parent(command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield
    finally:
        end_group(icon)
        icon.wait()


def page_of(name: str) -> str:
    """Return the address of the farm's page; empty where the node joined none."""
    from frontburner.credentials.certificates import check_name
    from frontburner.credentials.membership import read_membership
    from frontburner.settings import Settings

    member = read_membership(Settings().home, check_name(name))
    return member.gateway if member else ""
