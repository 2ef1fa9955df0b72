"""``frontburner node invite`` and ``farm wheels``: what lets another machine become a node by one command."""

from __future__ import annotations

import json as json_
from datetime import timedelta
from typing import TYPE_CHECKING

from frontburner.cli.command import OK, Flag, guarded, print_err
from frontburner.cli.farm import app as farm_app
from frontburner.cli.node import app as node_app
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from frontburner.node_setup.invitation import Invitation


@node_app.command
@guarded
def invite(*, expires: str = "1h", json: Flag = False) -> int:
    """Print the command that makes a machine a node of this machine's farm: paste it in a terminal there.

    It installs this Frontburner on the machine, if need be with its Python, and has the node run from then on. It is
    valid for several machines until it expires.

    Parameters
    ----------
    expires
        How long the command is valid, such as 1h or 2d.
    json
        Print one JSON object.
    """
    from frontburner.jobs.durations import parse_span

    try:
        lifetime = timedelta(seconds=parse_span(expires))
    except ValueError as error:
        raise FrontburnerError(reason=f"expires: {error}", remedy="Give a time such as 1h or 2d.") from None
    invitation = _invitation(lifetime)
    commands = invitation.commands()
    if json:
        print(json_.dumps({"name": invitation.name, "expires_s": lifetime.total_seconds(), "commands": commands}))
        return OK
    print_err("On Windows, in PowerShell:\n")
    print(commands["windows"])
    print_err("\nOn Linux and macOS, in a terminal:\n")
    print(commands["unix"])
    print_err(f"\nValid for {expires}, and only this once shown. Keep it secret until then.")
    return OK


@farm_app.command
@guarded
def wheels(*systems: str) -> int:
    """Download the packages of nodes, so that machines without internet can install them from here.

    Do it again after an upgrade. The packages take about 400 MB for each system.

    Parameters
    ----------
    systems
        windows-amd64, linux-x86_64, linux-aarch64, darwin-arm64 or darwin-x86_64; by default windows-amd64 and
        linux-x86_64.
    """
    from frontburner.node_setup.offer import wheels_folder
    from frontburner.node_setup.packages import download
    from frontburner.settings import Settings

    folder = wheels_folder(Settings().home.expanduser().absolute())
    for system in systems or ("windows-amd64", "linux-x86_64"):
        download(system, folder / system)
        count = sum(1 for _ in (folder / system).glob("*.whl"))
        print_err(f"{count} packages for {system} are in {folder / system}.")
    return OK


def _invitation(lifetime: timedelta) -> Invitation:
    """Make an invitation to this machine's farm."""
    from frontburner.credentials.authority import Authority
    from frontburner.credentials.dask_security import credentials_folder
    from frontburner.credentials.tokens import TokenStore
    from frontburner.manager.farm_setup import read_setup
    from frontburner.node_setup.invitation import invite as make
    from frontburner.settings import Settings

    setup = read_setup(Settings().home)
    if setup.is_local or "gateway" not in setup.ports:
        raise FrontburnerError(
            reason="This machine manages no farm that other machines can join.",
            remedy="Start one: frontburner farm down, then frontburner farm up --host ADDRESS.",
        )
    farm = f"https://{setup.host}:{setup.ports['gateway']}"
    authority, tokens = Authority.open(credentials_folder()), TokenStore.open(credentials_folder())
    return make(tokens, farm, authority=authority.fingerprint, lifetime=lifetime)
