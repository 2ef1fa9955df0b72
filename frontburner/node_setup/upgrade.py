"""A node that was set up by its manager has the manager's version, whenever it joins."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.node_setup import set_up
from system.processes import replace_process, start_detached

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_REMOVE = (
    "import os, shutil, sys, time\n"
    "for _ in range(120):\n"
    "    shutil.rmtree(sys.argv[1], ignore_errors=True)\n"
    "    if not os.path.exists(sys.argv[1]): break\n"
    "    time.sleep(0.5)\n"
)


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
        replace_process([*set_up.frontburner(folder), *arguments])


def keep_for_service() -> None:
    """Keep the environment that runs from now on, since the installed service starts it; no other."""
    here = own_environment()
    if here is None:
        return
    for path in here.parent.glob(f"*/{set_up.SERVICE}"):
        path.unlink()
    (here / set_up.SERVICE).touch()


def remove_environments() -> Path | None:
    """Remove all environments that managers set up for nodes of this user, this one included; returns their folder.

    The Python that they were made with does it, once this process has ended: Windows removes no file that is in use.
    """
    here = own_environment()
    if here is None:
        return None
    if set_up.is_own_launcher(set_up.launcher(), here.parent):
        set_up.launcher().unlink()
    lines = (here / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    settings = {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}
    start_detached([settings["executable"], "-I", "-c", _REMOVE, str(here.parent)], cwd=here.parent.parent)
    return here.parent
