"""``frontburner node join``: this machine becomes a node of a farm on another one."""

from __future__ import annotations

import os
from datetime import timedelta

from frontburner.cli.access import GivenToken, given
from frontburner.cli.joined_node import NodeOptions, quiet_dask
from frontburner.cli.node import OK, app, guarded
from storage.errors import FrontburnerError

RENEW = timedelta(days=120)


@app.command
def join(
    farm: str = "", *, token: GivenToken = "", gateway: str = "", options: NodeOptions | None = None
) -> int:  # fmt: skip
    """Be a node of a farm on another machine until Ctrl-C, or until it is drained.

    The first time takes a token (frontburner token add NAME --role node, on the manager); the node gets papers of
    its own, and needs none again. It comes back by itself after whatever went away: scheduler, network, machine.

    Parameters
    ----------
    farm
        The farm's address, such as tls://manager:8786; empty is the one this node was let into.
    gateway
        Where the manager's gateway is, if that isn't https://MANAGER:8700.
    """
    quiet_dask()

    def act() -> int:
        node = options or NodeOptions()
        node.attend(_let_in(farm, token, gateway, node.own_name))
        return OK

    return guarded(act)


def _let_in(farm: str, token: str, gateway: str, name: str) -> str:
    """Have this node let in, unless it was before; returns its scheduler."""
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
                reason=f"The node {name} isn't in any farm yet.",
                remedy="Say which: frontburner node join tls://MANAGER:8786 --token TOKEN.",
            )
        member = join(address, given(token), home, name, scheduler=scheduler)
    else:
        member = renew(home, name, before=RENEW) or member
    os.environ["FRONTBURNER_MEMBER"] = name
    apply_environment(member)
    return scheduler or member.scheduler
