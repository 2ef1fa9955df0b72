"""Invitations: a token for nodes that expires soon, and the commands with it that make a machine a node.

The commands need no trust in a certificate: each names the SHA-256 of the script it runs, and the script verifies the
manager by the token before it sends it (decision 20).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.credentials.tokens import Role
from frontburner.node_setup.packages import PYTHON

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frontburner.credentials.tokens import BearerToken, TokenStore

LIFETIME = timedelta(hours=1)
_FOLDER = Path(__file__).parent
SCRIPTS: Mapping[str, str] = {"windows": "join.ps1", "unix": "join.sh"}
"""The script for each kind of system."""

_POWERSHELL = (
    "$s=(curl.exe -ksSf --noproxy '*' '{farm}/{script}?{key}') -join \"`n\"; "
    "if([BitConverter]::ToString([Security.Cryptography.SHA256]::Create().ComputeHash([Text.Encoding]::UTF8.GetBytes("
    "$s))).Replace('-','') -eq '{sha256}'){{$env:FRONTBURNER_TOKEN='{token}'; "
    "& ([scriptblock]::Create($s)) '{farm}'}}else{{Write-Warning '{refusal}'}}"
)
_SHELL = (
    "s=$(curl -ksSf --noproxy '*' '{farm}/{script}?{key}' || "
    "wget -qO- --no-proxy --no-check-certificate '{farm}/{script}?{key}'); "
    'if [ "$(printf %s "$s" | (sha256sum || shasum -a 256) 2>/dev/null | cut -c-64)" = {sha256} ]; '
    "then FRONTBURNER_TOKEN={token} sh -c \"$s\" join '{farm}'; else echo '{refusal}' >&2; fi"
)
_REFUSAL = "Nothing was run: {farm} did not answer as the farm that made this command. Make another one there."


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A token with which machines join as nodes for a while, and the address of the farm.

    Parameters
    ----------
    farm
        Address of the farm's gateway.
    """

    name: str
    farm: str
    token: BearerToken
    lifetime: timedelta

    def commands(self) -> dict[str, str]:
        """Return the command for each kind of system, to be pasted on a machine."""
        return {kind: self._command(template, SCRIPTS[kind]) for kind, template in _TEMPLATES.items()}

    def _command(self, template: str, script: str) -> str:
        return template.format(
            farm=self.farm, script=script, key=self.token.key, token=self.token, sha256=script_digest(script),
            refusal=_REFUSAL.format(farm=self.farm),
        )  # fmt: skip


_TEMPLATES = {"windows": _POWERSHELL, "unix": _SHELL}


def invite(tokens: TokenStore, farm: str, *, authority: str, lifetime: timedelta = LIFETIME) -> Invitation:
    """Make an invitation.

    Parameters
    ----------
    authority
        Fingerprint of the farm's authority.
    """
    name = f"invitation-{secrets.token_hex(4)}"
    token = tokens.add(name, Role.NODE, authority=authority, lifetime=lifetime)
    return Invitation(name=name, farm=farm, token=token, lifetime=lifetime)


@cache
def script_text(script: str) -> str:
    """Return a script as it is served: the program it runs is in it, so that one digest is of both."""
    program = (_FOLDER / "set_up.py").read_text(encoding="ascii").strip()
    text = (_FOLDER / script).read_text(encoding="ascii").strip()
    return text.replace("@PYTHON@", PYTHON).replace("@PROGRAM@", program)


def script_digest(script: str) -> str:
    """Return the SHA-256 of a script, without the line end that shells drop when they read it."""
    return hashlib.sha256(script_text(script).encode()).hexdigest()
