"""Tokens: shown once when they are made, kept as digests with the role they give, and taken back by name.

A token as shown names the farm's authority too, so whoever has it knows the farm from the first contact on.
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

from frontburner.credentials.certificates import checked_name
from frontburner.credentials.private_files import locked, write_private
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PREFIX = "fb1"
_SHOWN = re.compile(r"fb1\.([0-9a-f]{12})\.([A-Za-z0-9_-]{43})\.([0-9a-f]{64})")
_SECRET_BYTES = 32
MOST_TEXT = 200
"""What is longer is no token, and isn't looked at."""


class Role(StrEnum):
    """What the bearer of a token may do."""

    LOOK = "look"
    """See jobs, nodes and pictures."""
    SUBMIT = "submit"
    """Give jobs too."""
    OPERATE = "operate"
    """Everything, with full power over nodes and scheduler."""
    NODE = "node"
    """Work for the farm."""


@dataclass(kw_only=True, eq=False)
class TokenRefused(FrontburnerError):
    """A token that doesn't read, isn't known, is over or was taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is kept of a token: all but the secret itself.

    Parameters
    ----------
    digest
        SHA-256 of the secret.
    expires
        When it is over; empty is never.
    node
        The node whose own token it is; empty is a token that lets nodes or people in.
    parent
        The token it was made with.
    serials
        Numbers of the certificates that were given for it.
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

    def over(self, now: datetime) -> bool:
        """Whether its time is over."""
        return bool(self.expires) and datetime.fromisoformat(self.expires) <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token as it is shown: what finds it, its secret, and the authority of its farm."""

    key: str
    secret: str = field(repr=False)
    authority: str

    def __str__(self) -> str:
        return f"{PREFIX}.{self.key}.{self.secret}.{self.authority}"


def read_token(text: str) -> NewToken:
    """Read a token as it is shown.

    Raises
    ------
    TokenRefused
        When it doesn't read as one. The sentence doesn't repeat it.
    """
    found = _SHOWN.fullmatch(text.strip()) if len(text) <= MOST_TEXT else None
    if found is None:
        raise TokenRefused(
            reason="This doesn't read as a token.",
            remedy="Give it whole, as `frontburner token add` showed it: fb1.… with three points.",
        )
    return NewToken(key=found[1], secret=found[2], authority=found[3])


@dataclass(slots=True, kw_only=True)
class Tokens:
    """The tokens of a farm, in a file that only its owner reads. What another process changes is seen at once.

    Parameters
    ----------
    clock
        Tells what time it is.
    """

    path: Path
    clock: Callable[[], datetime]
    _seen: tuple[int, int, int] = field(init=False, default=(0, 0, 0))
    _all: dict[str, Token] = field(init=False, default_factory=dict)

    def all(self) -> list[Token]:
        """Return all tokens, the oldest first."""
        return sorted(self._read().values(), key=lambda token: token.made)

    def add(
        self, name: str, role: Role, *, authority: str, lasts: timedelta | None = None, node: str = "", parent: str = ""
    ) -> NewToken:
        """Make a token. What is returned is the only time its secret can be seen.

        Raises
        ------
        FrontburnerError
            When there is one of this name.
        """
        checked_name(name)
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        made = self.clock()
        token = Token(
            key=secrets.token_hex(6), name=name, role=role, digest=_digest(secret), made=made.isoformat(),
            expires=(made + lasts).isoformat() if lasts else "", node=node, parent=parent,
        )  # fmt: skip
        with locked(self.path.parent):
            known = self._read()
            if any(other.name == name for other in known.values()):
                raise FrontburnerError(
                    reason=f"There is a token called {name} already.",
                    remedy=f"Give this one another name, or take that one back: frontburner token revoke {name}.",
                )
            self._write({**known, token.key: token})
        return NewToken(key=token.key, secret=secret, authority=authority)

    def check(self, text: str) -> Token:
        """Return the token that is meant.

        Raises
        ------
        TokenRefused
            When it doesn't read, isn't known, or is over.
        """
        shown = read_token(text)
        token = self._read().get(shown.key)
        # One that isn't known takes as long as one that is.
        same = hmac.compare_digest(_digest(shown.secret), token.digest if token else "0" * 64)
        if token is None or not same:
            raise TokenRefused(
                reason="This token isn't known here, or was taken back.",
                remedy="Ask whoever runs the farm for another: frontburner token add NAME --role ROLE.",
            )
        if token.over(self.clock()):
            raise TokenRefused(
                reason=f"The token {token.name} is over since {token.expires[:16]}.",
                remedy="Ask whoever runs the farm for another: frontburner token add NAME --role ROLE.",
            )
        return token

    def revoke(self, name: str) -> list[Token]:
        """Take a token back, and those that nodes got by it; returns them.

        Raises
        ------
        FrontburnerError
            When there is none of this name.
        """
        with locked(self.path.parent):
            known = self._read()
            meant = {token.key for token in known.values() if token.name == name}
            if not meant:
                names = ", ".join(sorted(token.name for token in known.values()))
                raise FrontburnerError(
                    reason=f"No token is called {name}.", remedy=f"There are {names}." if names else "There is none."
                )
            gone = [token for token in known.values() if token.key in meant or token.parent in meant]
            self._write({key: token for key, token in known.items() if token not in gone})
        return gone

    def certified(self, key: str, serial: int) -> None:
        """Note that a certificate was given for a token."""
        with locked(self.path.parent):
            known = self._read()
            if key in known:
                token = known[key]
                self._write({**known, key: replace(token, serials=(*token.serials, serial))})

    def of_node(self, node: str) -> Sequence[Token]:
        """Return the tokens of a node of this name."""
        return [token for token in self._read().values() if token.node == node]

    def _read(self) -> dict[str, Token]:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._seen, self._all = (0, 0, 0), {}
            return {}
        seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if seen != self._seen:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            self._all = {token.key: token for token in map(_token, document["tokens"])}
            self._seen = seen
        return dict(self._all)

    def _write(self, tokens: dict[str, Token]) -> None:
        text = json.dumps({"tokens": [asdict(token) for token in tokens.values()]}, indent=1)
        write_private(self.path, text.encode())


def _token(fields: dict[str, Any]) -> Token:
    return Token(**{**fields, "role": Role(fields["role"]), "serials": tuple(fields["serials"])})


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
