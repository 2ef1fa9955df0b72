"""``frontburner node join``: this machine becomes a node of a farm on another one."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from typing import Any

from flows.cli.gate import GivenToken, given
from flows.cli.node import OK, Flag, app, attend, guarded, words
from storage.errors import FrontburnerError

RENEW = timedelta(days=120)


@app.command
def join(
    farm: str = "",
    *,
    token: GivenToken = "",
    gateway: str = "",
    name: str = "",
    threads: int = 0,
    group: str | None = None,
    hours: str | None = None,
    nice: Flag = False,
    leave_when_in_use: Flag = False,
) -> int:
    """Be a node of a farm on another machine until Ctrl-C, or until it is drained.

    The first time takes a token (frontburner token add NAME --role node, on the manager); the node gets papers of
    its own, and needs none again. It comes back by itself after whatever went away: scheduler, network, machine.

    Parameters
    ----------
    farm
        The farm's address, such as tls://manager:8786; empty is the one this node was let into.
    gateway
        Where the manager's gateway is, if that isn't https://MANAGER:8700.
    name
        What it is called; empty is the machine's name.
    threads
        Threads its renderer uses; 0 is one for each core.
    group
        Groups it belongs to, with commas between them.
    hours
        When it takes work, such as 'mon-fri 19:00-07:00, sat-sun'.
    nice
        Its renderer gives way to all else on the machine.
    leave_when_in_use
        It takes no work while somebody uses the machine.
    """
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "error")

    def act() -> int:
        own = name or socket.gethostname()
        scheduler = _let_in(farm, token, gateway, own)
        standing: dict[str, Any] = {} if group is None else {"groups": words(group)}
        standing |= {} if hours is None else {"hours": hours}
        attend(
            scheduler=scheduler, name=own, threads=threads, nice=nice, standing=standing,
            leave_when_in_use=leave_when_in_use,
        )  # fmt: skip
        return OK

    return guarded(act)


def _let_in(farm: str, token: str, gateway: str, name: str) -> str:
    """Have this node let in, unless it was before; returns its scheduler."""
    from flows.gate.certificates import checked_name
    from flows.gate.joining import gateway_of, join, rejoin
    from flows.gate.membership import adopt, membership
    from flows.settings import Settings

    home, address = Settings().home, gateway_of(gateway or farm) if gateway or farm else ""
    scheduler = farm if farm.startswith("tls://") else ""
    member = membership(home, checked_name(name))
    if token or member is None or (address and address != member.gateway):
        if not address:
            raise FrontburnerError(
                reason=f"The node {name} isn't in any farm yet.",
                remedy="Say which: frontburner node join tls://MANAGER:8786 --token TOKEN.",
            )
        member = join(address, given(token), home, name, scheduler=scheduler)
    else:
        member = rejoin(home, name, before=RENEW) or member
    os.environ["FRONTBURNER_MEMBER"] = name
    adopt(member)
    return scheduler or member.scheduler
