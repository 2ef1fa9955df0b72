"""Whose papers a process here shows to a scheduler: a node's, those of whoever is logged in, or the manager's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from frontburner.credentials.certificates import Kind
from frontburner.credentials.dask_security import FarmSecurity, security_for
from frontburner.credentials.membership import PERSON, membership
from frontburner.settings import Settings
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TLS = "tls://"
LOADER = {"distributed.client.security-loader": "frontburner.credentials.identity.loaded"}
"""What has Dask's own clients, such as Prefect's, ask here too."""


def gate_folder() -> Path:
    """Folder of the authority and the tokens of the farm this machine manages."""
    return Settings().home / "gate"


def security_at(address: str) -> FarmSecurity | None:
    """Return what a connection to a scheduler takes; nothing where it isn't encrypted, on this machine alone.

    Raises
    ------
    FrontburnerError
        When it takes a certificate and this machine has none.
    """
    if not address.startswith(TLS):
        return None
    settings = Settings()
    member = membership(settings.home, settings.member)
    manages = (gate_folder() / "authority.key").exists()
    if member and member.certified and not (manages and address != member.scheduler):
        return FarmSecurity(member.papers)
    if manages and settings.member == PERSON:
        return security_for(Kind.NODE, gate_folder())  # that of a node, since nodes run on the manager, too
    raise FrontburnerError(
        reason=f"The scheduler {address} asks for a certificate, and this machine has none.",
        remedy="Let it in: `frontburner login https://MANAGER:8700` with a token that may operate.",
    )


def connection_args(address: str) -> dict[str, Any]:
    """Return what Dask connects to a scheduler with, where it has no client."""
    security = security_at(address)
    found: dict[str, Any] = security.get_connection_args("client") if security else {}
    return found


def loaded(asked: Mapping[str, Any]) -> FarmSecurity | None:
    """Return what a client of Dask connects to an address with. Dask calls this."""
    return security_at(str(asked["address"]))
