"""Commands on the manager's machine use its farm, unless they are told of another."""

from __future__ import annotations

import os
import sys

from frontburner.manager.farm_setup import read_setup
from frontburner.manager.farm_state import running_farm
from frontburner.settings import Settings, environment

TOLD = ("FRONTBURNER_SCHEDULER", "PREFECT_API_URL")


def environment_here() -> dict[str, str]:
    """Return what leads a command to the farm that is up here, the keys of its store among it; empty without one."""
    home = Settings().home.expanduser().absolute()
    if running_farm(home) is None:
        return {}
    from frontburner.manager.services import commands_environment

    return commands_environment(read_setup(home), home)


def use_farm_here() -> None:
    """Have this process use the farm that is up here, if one is and nothing says that another is to be used.

    Whoever has keys of another store keeps them; else the farm's go in together, since they mean nothing one by one.
    """
    if any(environment().get(name) for name in TOLD):
        return
    found = environment_here()
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        found = {name: value for name, value in found.items() if name in TOLD}
    os.environ.update(found)
    if found and "dask" in sys.modules:  # it reads its settings from the environment when it is loaded
        import dask

        dask.config.refresh()
