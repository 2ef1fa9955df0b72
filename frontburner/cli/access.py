"""``frontburner token``, ``login`` and ``logout``: who may use a farm, and logging in to one."""

from __future__ import annotations

import json as json_
import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from frontburner.cli.command import OK, Flag, guarded, print_err, print_result, table
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from frontburner.credentials.authority import Authority
    from frontburner.credentials.tokens import TokenStore

TOKEN_VARIABLE = "FRONTBURNER_TOKEN"  # noqa: S105 - the name of a variable
STANDARD_INPUT = "-"
"""As a token: read it from there."""

app = App(name="token", help="Add, list and revoke the tokens with which people and nodes use this machine's farm.")

TokenOption = Annotated[
    str,
    Parameter(name="--token", help=f"The token; - reads it from standard input, empty is {TOKEN_VARIABLE} or asks."),
]


@app.command
@guarded
def add(name: str, *, role: str, expires: str = "", json: Flag = False) -> int:
    """Make a token. It is shown only this once.

    Parameters
    ----------
    name
        Its name in lists and logs: whose it is, or for which nodes.
    role
        look: sees everything; submit: also submits jobs; operate: may do everything; node: lets nodes join.
    expires
        How long it is valid, such as 12h or 30d; empty is for ever.
    json
        Print one JSON object.
    """
    from frontburner.credentials.tokens import Role
    from frontburner.jobs.durations import parse_span

    if role not in {each.value for each in Role}:
        raise FrontburnerError(reason=f"role: {role!r} is unknown.", remedy=f"Roles are {', '.join(Role)}.")
    try:
        lifetime = timedelta(seconds=parse_span(expires)) if expires else None
    except ValueError as error:
        raise FrontburnerError(reason=f"expires: {error}", remedy="Give a time such as 12h or 30d.") from None
    authority, tokens = _authority_and_tokens()
    token = str(tokens.add(name, Role(role), authority=authority.fingerprint, lifetime=lifetime))
    print(json_.dumps({"name": name, "role": role, "token": token}) if json else token)
    print_err("This is the only time it is shown. Keep it secret.")
    return OK


@app.command(name="list")
@guarded
def list_(*, json: Flag = False) -> int:
    """List the tokens: their names, roles and when they expire; never the tokens themselves."""
    _, tokens = _authority_and_tokens()
    now = tokens.clock()
    found = [
        {
            "name": token.name, "role": token.role.value, "made": token.made, "expires": token.expires,
            "over": token.is_expired(now), "node": token.node,
        }
        for token in tokens.all()
    ]  # fmt: skip
    rows = table("token", "role", "made", "expires")
    for token in found:
        expires = str(token["expires"])[:16].replace("T", " ") or "never"
        state = " (expired)" if token["over"] else ""
        rows.add_row(str(token["name"]), str(token["role"]), str(token["made"])[:10], f"{expires}{state}")
    print_result(found, [rows], as_json=json)
    return OK


@app.command
@guarded
def revoke(name: str) -> int:
    """Revoke a token, and the certificates that nodes and people got with it.

    Parameters
    ----------
    name
        The token's name.
    """
    authority, tokens = _authority_and_tokens()
    revoked = tokens.revoke(name)
    authority.revoke(serial for token in revoked for serial in token.serials)
    nodes = [token.node for token in revoked if token.node]
    print_err(f"The token {name} is revoked.")
    if nodes:
        print_err(f"So are those of the nodes {', '.join(nodes)}, which are disconnected within moments.")
    return OK


@guarded
def login(farm: str, *, token: TokenOption = "") -> int:
    """Log in to a farm on another machine; commands use it from then on.

    Parameters
    ----------
    farm
        The manager's address, such as https://manager:8700.
    """
    from frontburner.credentials.joining import gateway_url, log_in
    from frontburner.settings import Settings

    member = log_in(gateway_url(farm), read_token(token), Settings().home)
    use = f"Commands use its scheduler {member.scheduler}." if member.scheduler else f"Its page is {member.gateway}"
    print_err(f"You are logged in to {member.gateway} as {member.name}, with the role {member.role}. {use}")
    return OK


@guarded
def logout() -> int:
    """Log out of the farm: its address, the token and the certificate are deleted from this machine."""
    from frontburner.credentials.membership import delete_login
    from frontburner.settings import Settings

    print_err("You are logged out." if delete_login(Settings().home) else "You are not logged in.")
    return OK


def read_token(option: str) -> str:
    """Return the token that was given as an option, on standard input, in the environment, or is typed now."""
    if option == STANDARD_INPUT:
        return sys.stdin.readline().strip()
    token = option or os.environ.get(TOKEN_VARIABLE, "")
    if not token and sys.stdin.isatty():
        from getpass import getpass

        token = getpass("Token: ")
    if not token:
        raise FrontburnerError(
            reason="No token was given.",
            remedy=f"Give it with --token, on standard input (--token -), or in {TOKEN_VARIABLE}.",
        )
    return token.strip()


def _authority_and_tokens() -> tuple[Authority, TokenStore]:
    """Return the authority and the tokens of this machine's farm, which are created if there are none yet."""
    from frontburner.credentials.authority import Authority
    from frontburner.credentials.dask_security import credentials_folder
    from frontburner.credentials.tokens import TokenStore

    return Authority.open(credentials_folder()), TokenStore.open(credentials_folder())
