"""Why a scheduler doesn't hear this machine, though it is there: found out by a connection on which nothing is said."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distributed.comm import get_address_host_port

from frontburner.credentials.identity import security_at
from frontburner.credentials.membership import PERSON
from frontburner.settings import Settings
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from frontburner.credentials.dask_security import FarmSecurity

ANSWER_S = 10.0
_CLOCK = (9, 10)
"""OpenSSL's numbers of a certificate that doesn't hold yet, or no longer."""
_ALERTS = {
    "CERTIFICATE_REVOKED": "the certificate of this machine was taken back on the manager",
    "CERTIFICATE_EXPIRED": "the certificate of this machine is over",
    "UNKNOWN_CA": "the farm has another authority than when this machine was let in",
}
"""What the other side says by OpenSSL's words, and what that means here."""


@dataclass(kw_only=True, eq=False)
class TlsRefused(FrontburnerError):
    """A scheduler is there, and one side doesn't take the other's certificate."""


def tls_refusal(scheduler: str) -> TlsRefused | None:
    """Return why a scheduler doesn't hear this machine; None where it does, or can't be reached at all."""
    security = security_at(scheduler)
    if security is None:
        return None
    try:
        _knock(scheduler, security)
    except ssl.SSLCertVerificationError as error:
        return _not_taken(scheduler, error)
    except ssl.SSLError as error:
        said = next((means for alert, means in _ALERTS.items() if alert in (error.reason or "")), "")
        return (
            TlsRefused(reason=f"The scheduler {scheduler} turns this machine away: {said}.", remedy=_anew())
            if said
            else None
        )
    except OSError:
        pass
    return None


def _knock(scheduler: str, security: FarmSecurity) -> None:
    """Wait for the first word: a scheduler that hears somebody says it, one that doesn't says why."""
    context: ssl.SSLContext = security.get_connection_args("client")["ssl_context"]
    with (
        socket.create_connection(get_address_host_port(scheduler), ANSWER_S) as raw,
        context.wrap_socket(raw) as line,
    ):
        line.recv(1)


def _refused(scheduler: str, alert: str) -> TlsRefused | None:
    """Say why the scheduler doesn't take this side's certificate; None of any other trouble on the line."""
    for ending, why in _ALERTS.items():
        if alert.endswith(ending):
            return TlsRefused(reason=f"The scheduler {scheduler} turns this machine away: {why}.", remedy=_anew())
    return None


def _not_taken(scheduler: str, error: ssl.SSLCertVerificationError) -> TlsRefused:
    """Say why this side doesn't take the scheduler's certificate."""
    if error.verify_code in _CLOCK:
        return TlsRefused(
            reason=f"By this machine's clock the certificate of {scheduler} doesn't hold: {error.verify_message}.",
            remedy="Set the clocks of both machines right; this one goes on by itself then.",
            retryable=True,
        )
    return TlsRefused(
        reason=f"{scheduler} isn't the farm that let this machine in: {error.verify_message}.",
        remedy=f"If the farm was set up anew: {_anew()} If not, somebody may stand in between.",
    )


def _anew() -> str:
    """Say how this machine is let in once more."""
    person = Settings().member == PERSON
    role, command = ("operate", "login https://MANAGER:8700") if person else ("node", "node join --token TOKEN")
    return f"Ask for a token (on the manager: frontburner token add NAME --role {role}), then: frontburner {command}."
