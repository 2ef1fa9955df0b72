"""Points commands on the manager's machine to its farm, unless another one is named."""

from __future__ import annotations

import os
import sys

from frontburner.cluster.farm_paths import farm_table
from frontburner.manager.farm_setup import read_setup
from frontburner.manager.farm_state import running_farm
from frontburner.settings import Settings, environment
from system.paths import use_table

ADDRESS_VARIABLES = ("FRONTBURNER_SCHEDULER", "PREFECT_API_URL")


def local_environment() -> dict[str, str]:
    """Return the environment for commands on the farm that is up here, with its store's keys; empty if none is."""
    home = Settings().home.expanduser().absolute()
    if running_farm(home) is None:
        return {}
    from frontburner.manager.services import commands_environment

    return commands_environment(read_setup(home), home)


def use_local_farm() -> None:
    """Set this process's environment to the farm that is up here, if one is and no other is named.

    Keys of another store stay; otherwise all of the farm's are set, since they only work together.
    """
    use_table(farm_table)
    if any(environment().get(name) for name in ADDRESS_VARIABLES):
        return
    variables = local_environment()
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        variables = {name: value for name, value in variables.items() if name in ADDRESS_VARIABLES}
    os.environ.update(variables)
    if variables and "dask" in sys.modules:  # it read its settings from the environment when it was imported
        import dask

        dask.config.refresh()
