"""``frontburner token``, ``login`` and ``logout``: who may come into a farm, and being let in."""

from __future__ import annotations

import json as json_
import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from frontburner.cli.joined_node import Flag  # noqa: TC001 - cyclopts reads annotations
from frontburner.cli.node import OK, guarded
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from frontburner.credentials.authority import Authority
    from frontburner.credentials.tokens import TokenStore

TOKEN_VARIABLE = "FRONTBURNER_TOKEN"  # noqa: S105 - the name of a variable

app = App(name="token", help="Make, list and take back the tokens that let people and nodes into this machine's farm.")

GivenToken = Annotated[
    str,
    Parameter(name="--token", help=f"The token; - reads it from standard input, empty is {TOKEN_VARIABLE} or asks."),
]


@app.command
def add(name: str, *, role: str, expires: str = "", json: Flag = False) -> int:
    """Make a token. It is shown this once.

    Parameters
    ----------
    name
        What it is called in lists and logs: whose it is, or for which nodes.
    role
        look sees everything; submit gives jobs too; operate may do all; node lets nodes in.
    expires
        After how long it is over, such as 12h or 30d; empty is never.
    json
        Print one JSON object.
    """

    def act() -> int:
        from frontburner.credentials.tokens import Role
        from frontburner.jobs.durations import parse_span

        if role not in {one.value for one in Role}:
            raise FrontburnerError(reason=f"role: {role!r} isn't one.", remedy=f"Roles are {', '.join(Role)}.")
        try:
            lifetime = timedelta(seconds=parse_span(expires)) if expires else None
        except ValueError as error:
            raise FrontburnerError(reason=f"expires: {error}", remedy="Give a time such as 12h or 30d.") from None
        authority, tokens = _here()
        shown = str(tokens.add(name, Role(role), authority=authority.fingerprint, lifetime=lifetime))
        print(json_.dumps({"name": name, "role": role, "token": shown}) if json else shown)
        print("This is the only time it is shown. Give it to nobody else.", file=sys.stderr)
        return OK

    return guarded(act)


@app.command(name="list")
def list_(*, json: Flag = False) -> int:
    """List the tokens: their names, roles and when they are over; never what they say."""

    def act() -> int:
        _, tokens = _here()
        now = tokens.clock()
        found = [
            {
                "name": token.name, "role": token.role.value, "made": token.made, "expires": token.expires,
                "over": token.is_expired(now), "node": token.node,
            }
            for token in tokens.all()
        ]  # fmt: skip
        if json:
            print(json_.dumps(found))
            return OK
        from rich.console import Console
        from rich.table import Table

        table = Table("token", "role", "made", "good until", box=None, pad_edge=False)
        for one in found:
            until = str(one["expires"])[:16].replace("T", " ") or "taken back"
            table.add_row(
                str(one["name"]), str(one["role"]), str(one["made"])[:10], f"{until}{' (over)' * bool(one['over'])}"
            )
        Console(highlight=False, soft_wrap=True).print(table, markup=False)
        return OK

    return guarded(act)


@app.command
def revoke(name: str) -> int:
    """Take a token back, with all that came of it: nodes it let in, and certificates.

    Parameters
    ----------
    name
        The token's name.
    """

    def act() -> int:
        authority, tokens = _here()
        gone = tokens.revoke(name)
        authority.revoke(serial for token in gone for serial in token.serials)
        others = [token.node for token in gone if token.node]
        print(f"The token {name} lets nobody in any more.", file=sys.stderr)
        if others:
            print(
                f"Nor do those of {', '.join(others)}. Nodes that are there with them are sent away within moments.",
                file=sys.stderr,
            )
        return OK

    return guarded(act)


def login(farm: str, *, token: GivenToken = "") -> int:
    """Be let into a farm on another machine; from then on, commands use it.

    Parameters
    ----------
    farm
        The manager's address, such as https://manager:8700.
    """

    def act() -> int:
        from frontburner.credentials.joining import gateway_url, log_in
        from frontburner.settings import Settings

        member = log_in(gateway_url(farm), given(token), Settings().home)
        reach = (
            f"Commands use its scheduler {member.scheduler}." if member.scheduler else "Its page is " + member.gateway
        )
        print(f"You are {member.name} at {member.gateway} and may {member.role}. {reach}", file=sys.stderr)
        return OK

    return guarded(act)


def logout() -> int:
    """Forget the farm this user is logged in to: its address, the token and the certificate."""

    def act() -> int:
        from frontburner.credentials.membership import delete_login
        from frontburner.settings import Settings

        gone = delete_login(Settings().home)
        print(
            "Nobody is logged in here." if not gone else "What this machine held of the farm is gone.", file=sys.stderr
        )
        return OK

    return guarded(act)


def given(text: str) -> str:
    """Return the token that is meant: the one that is given, piped in, set, or typed."""
    if text == "-":
        return sys.stdin.readline().strip()
    found = text or os.environ.get(TOKEN_VARIABLE, "")
    if not found and sys.stdin.isatty():
        from getpass import getpass

        found = getpass("Token: ")
    if not found:
        raise FrontburnerError(
            reason="No token was given.",
            remedy=f"Give it with --token, on standard input (--token -), or in {TOKEN_VARIABLE}.",
        )
    return found.strip()


def _here() -> tuple[Authority, TokenStore]:
    """The authority and the tokens of the farm this machine manages; made if there are none yet."""
    from frontburner.credentials.authority import Authority
    from frontburner.credentials.dask_security import credentials_folder
    from frontburner.credentials.tokens import TokenStore

    return Authority.open(credentials_folder()), TokenStore.open(credentials_folder())
