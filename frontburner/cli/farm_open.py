"""``frontburner farm open``: the farm's page in the browser, and the farm up if it isn't."""

from __future__ import annotations

import webbrowser

import httpx

from frontburner.cli.command import OK, print_err
from frontburner.cli.farm_up import up
from frontburner.cli.monitor import HOST, PORT, monitor
from frontburner.credentials.membership import read_membership
from frontburner.manager.farm_setup import FarmSetup, read_setup
from frontburner.manager.farm_state import running_farm
from frontburner.settings import Settings

TIMEOUT_S = 5.0
_TITLE = "<title>Frontburner"


def open_farm() -> int:
    """Open the page of the farm this user is logged in to, or else of this machine's; returns the exit code."""
    home = Settings().home.expanduser().absolute()
    if (member := read_membership(home)) is not None:
        return _open(member.gateway)
    farm = running_farm(home)
    if (farm is None or not farm.healthy) and (code := up({}, foreground=False)) != OK:
        return code
    if address := gateway(read_setup(home)):
        return _open(address)
    page = f"http://{HOST}:{PORT}/"
    if _is_served(page):
        return _open(page)
    return monitor(open=True)


def gateway(setup: FarmSetup) -> str:
    """Return the address of a farm's own page; empty for a farm of this machine alone, which has none."""
    return "" if setup.is_local else f"https://{setup.host}:{setup.ports['gateway']}"


def _is_served(page: str) -> bool:
    """Whether a monitor serves its page already."""
    try:
        return _TITLE in httpx.get(page, timeout=TIMEOUT_S).text
    except httpx.HTTPError:
        return False


def _open(address: str) -> int:
    print_err(f"The farm's page is {address}")
    webbrowser.open(address)
    return OK
