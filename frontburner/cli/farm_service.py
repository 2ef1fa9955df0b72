"""``frontburner farm install`` and ``farm uninstall``: the farm comes up whenever the machine starts."""

from __future__ import annotations

from pathlib import Path

from frontburner.cli import installed_services
from frontburner.cli.command import OK, print_err
from frontburner.cli.installed_services import command_line, inherited_environment
from frontburner.manager.farm_setup import farm_folder, read_setup
from frontburner.manager.farm_state import running_farm
from frontburner.settings import Settings
from storage.errors import FrontburnerError
from system.installed_service import InstalledService

NAME = "frontburner"


def farm_service() -> InstalledService:
    """Return the service of the farm of this home."""
    home = Settings().home.expanduser().absolute()
    folder = farm_folder(home)
    return InstalledService(
        name=NAME,
        title="Frontburner render farm",
        command=(*command_line(), "farm", "up", "--foreground"),
        folder=Path(read_setup(home).folder or home),
        environment={"FRONTBURNER_HOME": str(home), **inherited_environment()},
        secrets=folder / "environment",
        log=folder / "logs" / "supervisor.log",
        notifies=True,
    )


def install(*, system: bool, only_print: bool) -> int:
    """Install the farm's service, which brings it up now and at every start of the machine."""
    home = Settings().home
    if not only_print:
        home.mkdir(parents=True, exist_ok=True)
        if running_farm(home) is not None:
            raise FrontburnerError(reason="The farm is up already.", remedy="End it first: frontburner farm down")
    code = installed_services.install(farm_service(), system=system, only_print=only_print)
    if not only_print:
        print_err("To see it come up: frontburner farm status")
    return code


def uninstall(*, system: bool) -> int:
    """Remove the farm's service; the farm ends if it runs it."""
    if installed_services.uninstall(NAME, system=system):
        print_err(f"The farm's data is still in {farm_folder(Settings().home)}.")
    return OK
