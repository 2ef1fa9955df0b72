"""Converts what nodes report of units in flight, plain values, to messages for the dispatcher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from frontburner.dispatch.messages import Baking, Began, Damaged, Fetched, Message, Waiting
from storage.errors import StoreError
from tasks.node.renderer_process import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping


def message_of(report: Mapping[str, Any]) -> Message:
    """Return the message for a report about a unit that isn't finished."""
    ticket = int(report["ticket"])
    if "damaged" in report:
        return Damaged(node=report["node"], frame=report["frame"], reason=report["damaged"])
    if "fetched" in report:
        return Fetched(ticket=ticket, node=report["node"], **report["fetched"])
    if "baked" in report:
        return Baking(node=report["node"], **report["baked"])
    if "away" in report:
        return Waiting(ticket=ticket, error=StoreError(**report["away"], retryable=True))
    if report["phase"] == Phase.WAITING:
        return Waiting(ticket=ticket)
    return Began(ticket=ticket, ago_s=float(report["seconds"]))
