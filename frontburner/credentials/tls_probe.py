"""Finds out why a scheduler's TLS connection fails, by opening one that sends nothing."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distributed.comm import get_address_host_port

from frontburner.credentials.dask_security import security_at
from frontburner.credentials.membership import PERSON
from frontburner.settings import Settings
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from frontburner.credentials.dask_security import FarmSecurity

TIMEOUT_S = 10.0
_CLOCK_ERRORS = (9, 10)
"""OpenSSL's codes of a certificate that isn't valid yet, or no longer."""
_ALERTS = {
    "CERTIFICATE_REVOKED": "the certificate of this machine was revoked on the manager",
    "CERTIFICATE_EXPIRED": "the certificate of this machine has expired",
    "UNKNOWN_CA": "the farm has another authority than when this machine joined",
}
"""Meaning of the TLS alerts the scheduler sends, by OpenSSL's names."""


@dataclass(kw_only=True, eq=False)
class TlsRefused(FrontburnerError):
    """A scheduler was reached, and one side refuses the other's certificate."""


def tls_refusal(scheduler: str) -> TlsRefused | None:
    """Return why TLS with a scheduler fails; None if it works, or the scheduler can't be reached at all."""
    security = security_at(scheduler)
    if security is None:
        return None
    try:
        _handshake(scheduler, security)
    except ssl.SSLCertVerificationError as error:
        return _untrusted(scheduler, error)
    except ssl.SSLError as error:
        for alert, meaning in _ALERTS.items():
            if alert in (error.reason or ""):
                return TlsRefused(
                    reason=f"The scheduler {scheduler} refuses this machine: {meaning}.", remedy=_how_to_rejoin()
                )
    except OSError:
        pass
    return None


def _handshake(scheduler: str, security: FarmSecurity) -> None:
    """Connect and wait for the first byte: with TLS 1.3 a refusal arrives only after the client's handshake."""
    context: ssl.SSLContext = security.get_connection_args("client")["ssl_context"]
    with (
        socket.create_connection(get_address_host_port(scheduler), TIMEOUT_S) as raw,
        context.wrap_socket(raw) as connection,
    ):
        connection.recv(1)


def _untrusted(scheduler: str, error: ssl.SSLCertVerificationError) -> TlsRefused:
    """Return why this machine refuses the scheduler's certificate."""
    if error.verify_code in _CLOCK_ERRORS:
        return TlsRefused(
            reason=f"By this machine's clock the certificate of {scheduler} isn't valid: {error.verify_message}.",
            remedy="Set the clocks of both machines; this one then continues by itself.",
            retryable=True,
        )
    return TlsRefused(
        reason=f"{scheduler} isn't the farm this machine joined: {error.verify_message}.",
        remedy=f"If the farm was set up anew: {_how_to_rejoin()} If not, the connection may be intercepted.",
    )


def _how_to_rejoin() -> str:
    is_person = Settings().member == PERSON
    role, command = ("operate", "login https://MANAGER:8700") if is_person else ("node", "node join --token TOKEN")
    return f"Get a token (on the manager: frontburner token add NAME --role {role}), then: frontburner {command}."
