"""A node that was set up by its manager has the manager's version, whenever it joins."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.node_setup import set_up
from frontburner.settings import Settings
from system.processes import replace_process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def own_environment() -> Path | None:
    """Return the environment that runs, if a manager set it up; None if it was installed otherwise."""
    folder = Path(sys.prefix)
    return folder if (folder / set_up.DONE).is_file() else None


def upgrade(gateway: str, token: str, arguments: Sequence[str], *, report: Callable[[str], None]) -> None:
    """Install the version that a farm's manager has, if it is another one, and run the command there instead.

    When that fails, the reason is reported, and the version that was used last runs.

    Parameters
    ----------
    gateway
        Address of the manager's gateway.
    token
        Token for it: the node's own, or one by which nodes join.
    arguments
        The command's.
    """
    here = own_environment()
    if here is None:
        return
    parent = here.parent
    try:
        folder = set_up.install(set_up.verified_manager(gateway, token), parent)
    except set_up.SetUpFailed as failed:
        report(f"{failed}\nThe node goes on with the version it has.")
        folder = set_up.current(parent) or here
    if folder != here:
        os.environ[set_up.TOKEN_VARIABLE] = token
        replace_process([*set_up.frontburner(folder), *arguments])


def environments() -> Path:
    """Return the folder of the environments of this machine's nodes."""
    return Settings().home.expanduser().absolute() / "node"
