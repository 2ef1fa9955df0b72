"""``frontburner node start`` and ``node join``: run a node on this machine."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cyclopts import Parameter

from frontburner.cli.access import STANDARD_INPUT, TOKEN_VARIABLE, TokenOption, read_token
from frontburner.cli.command import OK, Flag, Scheduler, comma_separated, guarded, print_err, quiet_dask
from frontburner.cli.node import app
from frontburner.cli.tray import page_of, tray_shown
from storage.errors import FrontburnerError
from system.machine import cores
from system.signals import END, on_signal

RENEW_BEFORE = timedelta(days=120)


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOptions:
    """How a node takes part.

    Parameters
    ----------
    name
        The node's name; empty is the machine's name.
    threads
        Threads its renderer uses; 0 is one for each core.
    group
        Groups it belongs to, separated by commas.
    hours
        When it takes work, such as 'mon-fri 19:00-07:00, sat-sun'.
    nice
        Run its renderer at low priority.
    leave_when_in_use
        Give the machine back as soon as somebody uses it: what it renders then is rendered elsewhere.
    keep_cores
        Cores kept for who works at the machine: its renderer uses the others.
    keep_memory
        Memory kept for who works at the machine, such as 4GB: its renderer may take the rest.
    no_tray
        Show no icon in the tray of the desktop.
    """

    name: str = ""
    threads: int = 0
    group: str | None = None
    hours: str | None = None
    nice: Flag = False
    leave_when_in_use: Flag = False
    keep_cores: int = 0
    keep_memory: str = ""
    no_tray: Flag = False

    @property
    def renderer_threads(self) -> int:
        """Threads its renderer uses: those that were asked for, of the cores that aren't kept."""
        left = cores() - self.keep_cores
        if self.keep_cores < 0 or left < 1:
            raise FrontburnerError(
                reason=f"--keep-cores {self.keep_cores}: the node may use {cores()} cores, and needs one of them.",
                remedy=f"Keep {cores() - 1} at most." if cores() > 1 else "Keep none.",
            )
        return min(self.threads or left, left) if self.keep_cores else self.threads

    @property
    def renderer_memory_bytes(self) -> int:
        """Most memory its renderer may take; 0 is no limit."""
        if not self.keep_memory:
            return 0
        from pydantic import ByteSize, TypeAdapter, ValidationError

        from tasks.process.memory import total_bytes

        total = total_bytes()
        try:
            left = total - int(TypeAdapter(ByteSize).validate_python(self.keep_memory))
        except ValidationError:
            left = 0
        if not 0 < left <= total:
            raise FrontburnerError(
                reason=f"--keep-memory {self.keep_memory}: of {total / (1 << 30):.1f} GiB, its node needs some.",
                remedy="Write a size such as 4GB, smaller than the machine's memory.",
            )
        return left

    @property
    def node_name(self) -> str:
        """Name of the node."""
        return self.name or socket.gethostname()

    @property
    def settings(self) -> dict[str, Any]:
        """Settings for the arbiter before the node joins: only those that were given."""
        groups = {} if self.group is None else {"groups": comma_separated(self.group)}
        return groups if self.hours is None else groups | {"hours": self.hours}

    def run(self, scheduler: str) -> None:
        """Run the node until a signal ends it, or it is drained or removed."""
        asyncio.run(_run(self, scheduler))


async def _run(options: NodeOptions, scheduler: str) -> None:
    from frontburner.cluster.node_service import NodeService
    from frontburner.settings import Settings
    from frontburner.workstation.desk import Desk

    service = NodeService(
        scheduler=scheduler,
        name=options.node_name,
        threads=options.renderer_threads,
        nice=options.nice,
        settings=options.settings,
        leave_when_in_use=options.leave_when_in_use,
        memory_bytes=options.renderer_memory_bytes,
        desk=Desk.of(Settings().home, options.node_name),
        page=page_of(options.node_name),
        log=print_err,
    )
    on_signal(asyncio.get_running_loop(), END, service.stop)
    with nullcontext() if options.no_tray else tray_shown(options.node_name):
        await service.run()


@app.command
@guarded
def start(*, scheduler: Scheduler = "", options: NodeOptions | None = None) -> int:
    """Run a node on this machine until Ctrl-C, or until it is drained. It reconnects when its scheduler is back."""
    quiet_dask("error")
    from frontburner.cluster.running_farms import find_scheduler

    (options or NodeOptions()).run(find_scheduler(scheduler))
    return OK


@app.command
@guarded
def enrol(farm: str, *, token: TokenOption = "", name: str = "") -> int:
    """Get this machine the certificates of a node of a farm, without running the node.

    Parameters
    ----------
    farm
        The farm's address, such as https://manager:8700.
    name
        The node's name; empty is the machine's name.
    """
    from frontburner.credentials.joining import gateway_url, join_again
    from frontburner.settings import Settings

    member = join_again(gateway_url(farm), read_token(token), Settings().home, NodeOptions(name=name).node_name)
    print_err(f"The node {member.name} has joined {member.gateway}.")
    return OK


@app.command
@guarded
def join(
    farm: str = "", *, token: TokenOption = "", gateway: str = "", options: NodeOptions | None = None
) -> int:  # fmt: skip
    """Run a node of a farm on another machine until Ctrl-C, or until it is drained.

    The first time takes a token (frontburner token add NAME --role node, on the manager); the node gets certificates
    of its own with it, and needs no token again. It reconnects by itself after any outage: scheduler, network, machine.

    Parameters
    ----------
    farm
        The farm's address, such as tls://manager:8786; empty is the farm this node joined before.
    gateway
        Address of the manager's gateway, if that isn't https://MANAGER:8700.
    """
    quiet_dask("error")
    node = options or NodeOptions()
    _upgrade(farm, token, gateway, node.node_name)
    node.run(_enrol(farm, token, gateway, node.node_name))
    return OK


def _upgrade(farm: str, token: str, gateway: str, name: str) -> None:
    """Go on with the manager's version, if this one was set up by a manager and is another."""
    from frontburner.credentials.joining import gateway_url
    from frontburner.credentials.membership import read_membership
    from frontburner.node_setup.upgrade import own_environment, upgrade
    from frontburner.settings import Settings

    if own_environment() is None or token == STANDARD_INPUT:  # which is read once
        return
    member = read_membership(Settings().home, name)
    address = gateway_url(gateway or farm) if gateway or farm else member.gateway if member else ""
    if not address:
        return
    known = member is not None and member.gateway == address and not token
    if member and known:
        text = member.token
    else:
        text = os.environ[TOKEN_VARIABLE] = read_token(token)
    upgrade(address, text, sys.argv[1:], report=print_err)


def _enrol(farm: str, token: str, gateway: str, name: str) -> str:
    """Get certificates for this node, unless it has them; returns the address of its scheduler."""
    from frontburner.credentials.certificates import check_name
    from frontburner.credentials.joining import gateway_url, join, renew
    from frontburner.credentials.membership import apply_environment, read_membership
    from frontburner.settings import Settings

    home, address = Settings().home, gateway_url(gateway or farm) if gateway or farm else ""
    scheduler = farm if farm.startswith("tls://") else ""
    member = read_membership(home, check_name(name))
    if token or member is None or (address and address != member.gateway):
        if not address:
            raise FrontburnerError(
                reason=f"The node {name} hasn't joined a farm yet.",
                remedy="Name one: frontburner node join tls://MANAGER:8786 --token TOKEN.",
            )
        member = join(address, read_token(token), home, name, scheduler=scheduler)
    else:
        member = renew(home, name, before=RENEW_BEFORE) or member
    os.environ["FRONTBURNER_MEMBER"] = name
    apply_environment(member)
    return scheduler or member.scheduler
