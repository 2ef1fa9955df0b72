"""Tokens: shown once when they are made, stored as digests with their role, and revoked by name.

A token also names the farm's authority, so that its owner can verify the farm from the first contact on.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from frontburner.credentials.authority import utc_now
from frontburner.credentials.certificates import check_name
from frontburner.credentials.private_files import locked, write_private
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PREFIX = "fb1"
_PATTERN = re.compile(r"fb1\.([0-9a-f]{12})\.([A-Za-z0-9_-]{43})\.([0-9a-f]{64})")
_SECRET_BYTES = 32
MAX_LENGTH = 200
"""Longer texts are refused without parsing."""
_GET_ANOTHER = "Get another from whoever runs the farm: frontburner token add NAME --role ROLE."


class Role(StrEnum):
    """What the bearer of a token may do."""

    LOOK = "look"
    """See jobs, nodes and pictures."""
    SUBMIT = "submit"
    """Submit jobs too."""
    OPERATE = "operate"
    """Everything, with full power over nodes and scheduler."""
    NODE = "node"
    """Join as a node."""


@dataclass(kw_only=True, eq=False)
class TokenRefused(FrontburnerError):
    """A token is malformed, unknown, expired or revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is stored of a token: everything but its secret.

    Parameters
    ----------
    digest
        SHA-256 of the secret.
    expires
        When it expires; empty is never.
    node
        The node it belongs to; empty for a token by which nodes or people join.
    parent
        Key of the token it was made with.
    serials
        Serial numbers of the certificates that were issued for it.
    """

    key: str
    name: str
    role: Role
    digest: str
    made: str
    expires: str = ""
    node: str = ""
    parent: str = ""
    serials: tuple[int, ...] = ()

    def is_expired(self, now: datetime) -> bool:
        """Whether it has expired."""
        return bool(self.expires) and datetime.fromisoformat(self.expires) <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerToken:
    """A token as its owner has it: its key in the store, its secret, and the fingerprint of its farm's authority."""

    key: str
    secret: str = field(repr=False)
    authority: str

    def __str__(self) -> str:
        return f"{PREFIX}.{self.key}.{self.secret}.{self.authority}"


def read_token(text: str) -> BearerToken:
    """Parse a token.

    Raises
    ------
    TokenRefused
        When it is malformed. The message doesn't repeat it.
    """
    match = _PATTERN.fullmatch(text.strip()) if len(text) <= MAX_LENGTH else None
    if match is None:
        raise TokenRefused(
            reason="This isn't a token.",
            remedy="Give all of it, as `frontburner token add` printed it: fb1.… with three points.",
        )
    return BearerToken(key=match[1], secret=match[2], authority=match[3])


@dataclass(slots=True, kw_only=True)
class TokenStore:
    """The tokens of a farm, in a file that only its owner may read. Changes by other processes apply at once.

    Parameters
    ----------
    clock
        Returns the current time.
    """

    path: Path
    clock: Callable[[], datetime] = utc_now
    _version: tuple[int, int, int] = field(init=False, default=(0, 0, 0))
    _cached: dict[str, Token] = field(init=False, default_factory=dict)

    @classmethod
    def open(cls, folder: Path) -> TokenStore:
        """Return the tokens in a folder of credentials."""
        return cls(path=folder / "tokens.json")

    def all(self) -> list[Token]:
        """Return all tokens, oldest first."""
        return sorted(self._read().values(), key=lambda token: token.made)

    def add(
        self, name: str, role: Role, *, authority: str, lifetime: timedelta | None = None, node: str = "",
        parent: str = "",
    ) -> BearerToken:  # fmt: skip
        """Make a token. Its secret is in the returned value and nowhere else.

        Raises
        ------
        FrontburnerError
            When the name is taken or invalid.
        """
        check_name(name)
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        now = self.clock()
        token = Token(
            key=secrets.token_hex(6), name=name, role=role, digest=_digest(secret), made=now.isoformat(),
            expires=(now + lifetime).isoformat() if lifetime else "", node=node, parent=parent,
        )  # fmt: skip
        with locked(self.path.parent):
            known = self._read()
            if any(other.name == name for other in known.values()):
                raise FrontburnerError(
                    reason=f"A token called {name} exists already.",
                    remedy=f"Choose another name, or revoke that one: frontburner token revoke {name}.",
                )
            self._write({**known, token.key: token})
        return BearerToken(key=token.key, secret=secret, authority=authority)

    def check(self, text: str) -> Token:
        """Return the stored token for what a client presented.

        Raises
        ------
        TokenRefused
            When it is malformed, unknown or expired.
        """
        presented = read_token(text)
        token = self._read().get(presented.key)
        # Unknown keys are compared too, so that they take as long as known ones.
        matches = hmac.compare_digest(_digest(presented.secret), token.digest if token else "0" * 64)
        if token is None or not matches:
            raise TokenRefused(reason="This token is unknown, or was revoked.", remedy=_GET_ANOTHER)
        if token.is_expired(self.clock()):
            raise TokenRefused(reason=f"The token {token.name} expired at {token.expires[:16]}.", remedy=_GET_ANOTHER)
        return token

    def revoke(self, name: str) -> list[Token]:
        """Revoke a token and those that nodes got with it; returns them.

        Raises
        ------
        FrontburnerError
            When there is none of this name.
        """
        with locked(self.path.parent):
            known = self._read()
            keys = {token.key for token in known.values() if token.name == name}
            if not keys:
                names = ", ".join(sorted(token.name for token in known.values()))
                raise FrontburnerError(
                    reason=f"No token is called {name}.",
                    remedy=f"The farm's tokens are {names}." if names else "There are no tokens.",
                )
            revoked = [token for token in known.values() if token.key in keys or token.parent in keys]
            self._write({key: token for key, token in known.items() if token not in revoked})
        return revoked

    def add_serial(self, key: str, serial: int) -> None:
        """Record that a certificate was issued for a token."""
        with locked(self.path.parent):
            known = self._read()
            if key in known:
                token = known[key]
                self._write({**known, key: replace(token, serials=(*token.serials, serial))})

    def invites(self, key: str) -> bool:
        """Whether there is a valid token of this key by which nodes join."""
        token = self._read().get(key)
        return token is not None and token.role is Role.NODE and not token.node and not token.is_expired(self.clock())

    def for_node(self, node: str) -> Sequence[Token]:
        """Return the tokens of a node of this name."""
        return [token for token in self._read().values() if token.node == node]

    def _read(self) -> dict[str, Token]:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._version, self._cached = (0, 0, 0), {}
            return {}
        version = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if version != self._version:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            self._cached = {token.key: token for token in map(_parse, document["tokens"])}
            self._version = version
        return dict(self._cached)

    def _write(self, tokens: dict[str, Token]) -> None:
        text = json.dumps({"tokens": [asdict(token) for token in tokens.values()]}, indent=1)
        write_private(self.path, text.encode())


def _parse(fields: dict[str, Any]) -> Token:
    return Token(**{**fields, "role": Role(fields["role"]), "serials": tuple(fields["serials"])})


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
