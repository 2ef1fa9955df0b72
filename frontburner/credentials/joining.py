"""Joins a farm as a person or a node: verifies the manager by the token, then sends it and stores what comes back."""

from __future__ import annotations

import shutil
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
from cryptography import x509

from frontburner.credentials.authority import utc_now
from frontburner.credentials.certificates import expires_at, fingerprint, new_key, signing_request
from frontburner.credentials.membership import PERSON, Membership, read_membership
from frontburner.credentials.permissions import LEAVE
from frontburner.credentials.tokens import BearerToken, Role, read_token
from storage.errors import FrontburnerError
from tasks.node.versions import versions

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

PORT = 8700
TIMEOUT_S = 30.0
MAX_BYTES = 65_536


@dataclass(kw_only=True, eq=False)
class JoinRefused(FrontburnerError):
    """The farm's manager can't be reached, isn't the expected one, or refused."""


def gateway_url(address: str) -> str:
    """Return the URL of a farm's gateway from its address or that of the scheduler.

    Raises
    ------
    JoinRefused
        When it isn't a valid address.
    """
    text = address if "://" in address else f"https://{address}"
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        url, port = urlsplit(""), None
    if url.scheme not in ("tls", "https") or not url.hostname or url.username or url.path not in ("", "/"):
        raise JoinRefused(
            reason=f"{address!r} isn't the address of a farm.",
            remedy="Give it as `farm up` printed it, such as tls://manager:8786 or https://manager:8700.",
        )
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"https://{host}:{port if port and url.scheme == 'https' else PORT}"


def log_in(gateway: str, text: str, home: Path) -> Membership:
    """Join as a person with a token, and store the membership in this user's home.

    Raises
    ------
    FrontburnerError
        When the farm can't be reached or refuses.
    """
    token = read_token(text)
    answer, key = _enrol(gateway, token, "")
    if answer["role"] == Role.NODE:
        raise JoinRefused(
            reason="This token is for nodes, not for people.",
            remedy="Use it with `frontburner node join`, or get another.",
        )
    return _save(home / "farm" / PERSON, gateway, str(token), answer, key)


def join(gateway: str, text: str, home: Path, name: str, *, scheduler: str = "") -> Membership:
    """Join as a node. It gets a token of its own; the one it joined with isn't stored.

    Parameters
    ----------
    scheduler
        Address of the scheduler from here, where it differs from the manager's own.

    Raises
    ------
    FrontburnerError
        When the farm can't be reached or refuses.
    """
    if name == PERSON:
        raise JoinRefused(reason=f"A node can't be called {PERSON}.", remedy="Give it another name: --name NAME.")
    token = read_token(text)
    answer, key = _enrol(gateway, token, name)
    if answer["role"] != Role.NODE:
        raise JoinRefused(
            reason=f"This token has the role {answer['role']}; a node needs one of the role node.",
            remedy="Get one: frontburner token add NAME --role node.",
        )
    if scheduler:
        answer["scheduler"] = scheduler
    return _save(home / "farm" / name, gateway, answer.get("token") or str(token), answer, key)


def join_again(gateway: str, text: str, home: Path, name: str) -> Membership:
    """Join as a node that may have joined before: with its own token, if the farm still knows it, else with another.

    Raises
    ------
    FrontburnerError
        When the farm can't be reached or refuses.
    """
    member = read_membership(home, name)
    if member is not None and member.gateway == gateway:
        with suppress(JoinRefused):
            return join(gateway, member.token, home, name)
    return join(gateway, text, home, name)


def renew(home: Path, name: str, *, before: timedelta) -> Membership | None:
    """Return a node's membership, renewed if its certificate expires within `before`; None if it never joined."""
    member = read_membership(home, name)
    if member is None:
        return None
    if expires_at(member.files.certificate.read_bytes()) - utc_now() > before:
        return member
    return join(member.gateway, member.token, home, name, scheduler=member.scheduler)


def leave(member: Membership) -> None:
    """Have a farm forget a node for good, and delete its credentials here, in any case.

    Raises
    ------
    JoinRefused
        When the farm can't be reached, and so still knows the node.
    """
    try:
        trusted = ssl.create_default_context(cafile=str(member.files.authority))
        _request(member.gateway, "POST", LEAVE, trusted, headers={"authorization": f"Bearer {member.token}"})
    finally:
        shutil.rmtree(member.folder, ignore_errors=True)


def _enrol(gateway: str, token: BearerToken, name: str) -> tuple[dict[str, Any], bytes]:
    """Send the token and a signing request to a verified gateway; returns its answer and the new private key."""
    authority, key = _verified_authority(gateway, token), new_key()
    body = {"name": name, "request": signing_request(key, name or PERSON).decode(), "versions": versions()}
    trusted, headers = ssl.create_default_context(cadata=authority), {"authorization": f"Bearer {token}"}
    response = _request(gateway, "POST", "/enrol", trusted, json=body, headers=headers)
    try:
        answer = response.json()
        if response.is_success:
            return {**answer, "ca": authority}, key
        reason, remedy = str(answer["reason"]), str(answer.get("remedy", ""))
    except (ValueError, LookupError, TypeError):
        reason = f"{gateway} answered {response.status_code}."
        remedy = "See the log of its gateway: frontburner farm logs."
    raise JoinRefused(reason=reason, remedy=remedy, retryable=response.status_code in (429, 502, 503))


def _verified_authority(gateway: str, token: BearerToken) -> str:
    """Return the certificate of the farm's authority after checking that it is the one the token names.

    Raises
    ------
    JoinRefused
        When the manager doesn't answer, or is another one.
    """
    # Anybody may answer this unverified request: it sends nothing secret, and the answer is checked by the token.
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    text = _request(gateway, "GET", "/ca.pem", unverified).text
    try:
        matches = fingerprint(x509.load_pem_x509_certificate(text.encode())) == token.authority
    except ValueError:
        matches = False
    if not matches:
        raise JoinRefused(
            reason=f"{gateway} isn't the farm this token is for: its authority is another one.",
            remedy="Check the address. If it is right, warn whoever runs the farm: the connection may be intercepted.",
        )
    return text


def _request(gateway: str, method: str, path: str, context: ssl.SSLContext, **options: Any) -> httpx.Response:  # noqa: ANN401
    try:
        with httpx.Client(verify=context, trust_env=False, timeout=TIMEOUT_S) as client:
            response = client.request(method, f"{gateway}{path}", **options)
    except httpx.HTTPError as error:
        raise _unreachable(gateway, error) from None
    if len(response.content) > MAX_BYTES or (path == "/ca.pem" and not response.is_success):
        raise JoinRefused(reason=f"{gateway} isn't the gateway of a farm.", remedy="Check the address and the port.")
    return response


def _unreachable(gateway: str, error: httpx.HTTPError) -> JoinRefused:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return JoinRefused(
            reason=f"The gateway's certificate isn't valid for the name in {gateway}.",
            remedy="Use a name the manager has, or start its gateway with --name and this one.",
        )
    return JoinRefused(
        reason=f"{gateway} doesn't answer: {error or type(error).__name__}.",
        remedy="Check that `frontburner farm up` runs on the manager, and that no firewall blocks the port.",
        retryable=True,
    )


def _save(folder: Path, gateway: str, token: str, answer: dict[str, Any], key: bytes) -> Membership:
    member = Membership(
        folder=folder, gateway=gateway, name=answer["name"], role=Role(answer["role"]), token=token,
        scheduler=answer.get("scheduler", ""), api=answer["api"], environment=answer.get("environment", {}),
    )  # fmt: skip
    member.save(
        authority=answer["ca"], certificate=answer.get("certificate", ""), key=key,
        revocation_list=answer.get("revoked", ""),
    )  # fmt: skip
    return member
