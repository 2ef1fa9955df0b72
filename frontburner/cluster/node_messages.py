"""Reads what nodes say of units while they have them: plain values on the way, messages to the dispatcher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from frontburner.dispatch.messages import Began, Damaged, Fetched, Message, Waiting
from storage.errors import StoreError
from tasks.node.renderer_process import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping


def message_of(news: Mapping[str, Any]) -> Message:
    """Read what a node says of a unit that isn't done."""
    ticket = int(news["ticket"])
    if "damaged" in news:
        return Damaged(node=news["node"], frame=news["frame"], reason=news["damaged"])
    if "fetched" in news:
        return Fetched(ticket=ticket, node=news["node"], **news["fetched"])
    if "away" in news:
        return Waiting(ticket=ticket, error=StoreError(**news["away"], retryable=True))
    if news["phase"] == Phase.WAITING:
        return Waiting(ticket=ticket)
    return Began(ticket=ticket, ago_s=float(news["seconds"]))
