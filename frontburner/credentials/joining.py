"""Being let into a farm: the manager is known by the token before anything is told to it, then papers are kept here."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
from cryptography import x509

from frontburner.credentials.authority import now
from frontburner.credentials.certificates import fingerprint, lasts_until, new_key, request_for
from frontburner.credentials.membership import PERSON, Membership, membership
from frontburner.credentials.tokens import NewToken, Role, read_token
from storage.errors import FrontburnerError
from tasks.node.versions import versions

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

PORT = 8700
ANSWER_S = 30.0
MOST_BYTES = 65_536


@dataclass(kw_only=True, eq=False)
class JoinRefused(FrontburnerError):
    """The farm's manager can't be reached, isn't the one that is meant, or said no."""


def gateway_of(address: str) -> str:
    """Return the address of a farm's gateway from that of its scheduler or its own.

    Raises
    ------
    NotLetIn
        When it doesn't read as an address.
    """
    text = address if "://" in address else f"https://{address}"
    try:
        at = urlsplit(text)
        port = at.port
    except ValueError:
        at, port = urlsplit(""), None
    if at.scheme not in ("tls", "https") or not at.hostname or at.username or at.path not in ("", "/"):
        raise JoinRefused(
            reason=f"{address!r} isn't the address of a farm.",
            remedy="Give it as `farm up` printed it, such as tls://manager:8786 or https://manager:8700.",
        )
    host = f"[{at.hostname}]" if ":" in at.hostname else at.hostname
    return f"https://{host}:{port if port and at.scheme == 'https' else PORT}"


def log_in(gateway: str, text: str, home: Path) -> Membership:
    """Be let in as a person; what is needed from now on is kept in this user's home.

    Raises
    ------
    FrontburnerError
        When that isn't to be, and why.
    """
    shown = read_token(text)
    given, key = _enrol(gateway, shown, "", known_by(gateway, shown))
    if given["role"] == Role.NODE:
        raise JoinRefused(
            reason="This token is for nodes, not for people.",
            remedy="Use it with `frontburner node join`, or ask for another.",
        )
    return _kept(home / "farm" / PERSON, gateway, str(shown), given, key)


def join(gateway: str, text: str, home: Path, name: str, *, scheduler: str = "") -> Membership:
    """Be let in as a node; it gets a token of its own, and the one that let it in is not kept.

    Parameters
    ----------
    scheduler
        How the scheduler is reached from here, where the manager calls it otherwise.

    Raises
    ------
    FrontburnerError
        When that isn't to be, and why.
    """
    if name == PERSON:
        raise JoinRefused(reason=f"A node can't be called {PERSON}.", remedy="Give it another name: --name NAME.")
    shown = read_token(text)
    given, key = _enrol(gateway, shown, name, known_by(gateway, shown))
    if given["role"] != Role.NODE:
        raise JoinRefused(
            reason=f"This token gives the role {given['role']}, and a node needs one of its own kind.",
            remedy="Ask for one: frontburner token add NAME --role node.",
        )
    given |= {"scheduler": scheduler} if scheduler else {}
    return _kept(home / "farm" / name, gateway, given.get("token") or str(shown), given, key)


def rejoin(home: Path, name: str, *, before: timedelta) -> Membership | None:
    """Return what a node was let in with, renewed if it is over in less than `before`; None if it wasn't yet."""
    member = membership(home, name)
    if member is None:
        return None
    if lasts_until(member.papers.certificate.read_bytes()) - now() > before:
        return member
    return join(member.gateway, member.token, home, name, scheduler=member.scheduler)


def known_by(gateway: str, shown: NewToken) -> str:
    """Return the certificate of the farm's authority, once it is sure that it is the one the token names.

    Raises
    ------
    NotLetIn
        When the manager doesn't answer, or is another one.
    """
    # Anybody may answer here: nothing is told, and what is heard is held against the token.
    unknown = ssl.create_default_context()
    unknown.check_hostname, unknown.verify_mode = False, ssl.CERT_NONE
    text = _ask(gateway, "GET", "/ca.pem", unknown).text
    try:
        same = fingerprint(x509.load_pem_x509_certificate(text.encode())) == shown.authority
    except ValueError:
        same = False
    if not same:
        raise JoinRefused(
            reason=f"{gateway} isn't the farm this token is for: its authority is another one.",
            remedy="Check the address. If it is right, tell whoever runs the farm: somebody may stand in between.",
        )
    return text


def _enrol(gateway: str, shown: NewToken, name: str, authority: str) -> tuple[dict[str, Any], bytes]:
    key = new_key()
    trusted = ssl.create_default_context(cadata=authority)
    asked = {"name": name, "request": request_for(key, name or PERSON).decode(), "versions": versions()}
    answer = _ask(
        gateway, "POST", "/enrol", trusted, json=asked, headers={"authorization": f"Bearer {shown}"}
    )  # fmt: skip
    try:
        told = answer.json()
        if answer.is_success:
            return {**told, "ca": authority}, key
        reason, remedy = str(told["reason"]), str(told.get("remedy", ""))
    except (ValueError, LookupError, TypeError):
        reason, remedy = (
            f"{gateway} answered {answer.status_code}.",
            "See the log of its gateway: frontburner farm logs.",
        )
    raise JoinRefused(reason=reason, remedy=remedy, retryable=answer.status_code in (429, 502, 503))


def _ask(gateway: str, method: str, path: str, context: ssl.SSLContext, **more: Any) -> httpx.Response:  # noqa: ANN401
    try:
        with httpx.Client(verify=context, trust_env=False, timeout=ANSWER_S) as client:
            answer = client.request(method, f"{gateway}{path}", **more)
    except httpx.HTTPError as error:
        raise _unreached(gateway, error) from None
    if len(answer.content) > MOST_BYTES or (path == "/ca.pem" and not answer.is_success):
        raise JoinRefused(reason=f"{gateway} isn't the gateway of a farm.", remedy="Check the address and the port.")
    return answer


def _unreached(gateway: str, error: httpx.HTTPError) -> JoinRefused:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return JoinRefused(
            reason=f"The gateway's certificate isn't for the name in {gateway}.",
            remedy="Use one the manager knows itself by, or have its gateway started with --name for this one.",
        )
    return JoinRefused(
        reason=f"{gateway} doesn't answer: {error or type(error).__name__}.",
        remedy="See that `frontburner farm up` runs on the manager, and that no firewall keeps the port shut.",
        retryable=True,
    )


def _kept(folder: Path, gateway: str, token: str, given: dict[str, Any], key: bytes) -> Membership:
    member = Membership(
        folder=folder, gateway=gateway, name=given["name"], role=Role(given["role"]), token=token,
        scheduler=given.get("scheduler", ""), api=given["api"], environment=given.get("environment", {}),
    )  # fmt: skip
    member.keep(
        authority=given["ca"], certificate=given.get("certificate", ""), key=key, revoked=given.get("revoked", "")
    )
    return member
