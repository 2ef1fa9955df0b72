"""``frontburner submit``: a job for the farm this user is logged in to, which renders it without this machine."""

from __future__ import annotations

import json as json_
import sys
from typing import TYPE_CHECKING

from frontburner.cli.node import OK, guarded
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def hand(scene: str, fields: Mapping[str, Any], *, as_json: bool) -> int:
    """Hand a job over, and say what it is called."""

    def act() -> int:
        from frontburner.credentials.membership import read_membership
        from frontburner.settings import Settings
        from frontburner.submit.submit_client import submit_through_gateway

        member = read_membership(Settings().home)
        if member is None:
            raise FrontburnerError(
                reason="Nobody is logged in to a farm here.",
                remedy="frontburner login https://MANAGER:8700 --token TOKEN; `frontburner render` needs no login.",
            )
        given = submit_through_gateway(member, {"scene": scene, **fields})
        if as_json:
            print(json_.dumps(given))
        else:
            print(f"{member.gateway} renders {given['job']}.", file=sys.stderr)
        return OK

    return guarded(act)
