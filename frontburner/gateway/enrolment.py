"""How a machine or a person is taken in: a token and a request for a certificate go in, all they need comes out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from frontburner.credentials.certificates import Kind, read_request, serial
from frontburner.credentials.permissions import API
from frontburner.credentials.tokens import Role, Token
from storage.errors import FrontburnerError
from tasks.node.versions import differences, versions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frontburner.credentials.authority import Authority
    from frontburner.credentials.tokens import Tokens

NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,57}")
MOST_VERSIONS = 32
STORE_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION",
                   "AWS_DEFAULT_REGION", "FRONTBURNER_FILES")  # fmt: skip
"""What of the gateway's own environment nodes and operators are given, for the store."""

Short = Annotated[str, StringConstraints(max_length=200)]


class Application(BaseModel):
    """What is asked for at the door."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(max_length=58)] = ""
    request: Annotated[str, StringConstraints(max_length=8192)] = ""
    versions: Annotated[dict[Short, Short], Field(max_length=MOST_VERSIONS)] = {}


@dataclass(kw_only=True, eq=False)
class NotTaken(FrontburnerError):
    """Whoever asks isn't taken in, and why."""

    status: int = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """Takes nodes and people in.

    Parameters
    ----------
    scheduler
        The scheduler's address, as nodes reach it.
    environment
        What they need of the environment to reach the store.
    """

    authority: Authority
    tokens: Tokens
    scheduler: str
    environment: Mapping[str, str]

    def take(self, token: Token, body: bytes) -> dict[str, Any]:
        """Take somebody in; returns what they need.

        Raises
        ------
        FrontburnerError
            When they can't be, and why.
        """
        asked = _read(body)
        given: dict[str, Any] = {
            "name": token.name,
            "role": token.role,
            "api": API,
            "ca": self.authority.path.read_text(),
        }
        if token.role in (Role.LOOK, Role.SUBMIT):
            return given
        self._check_versions(asked)
        read_request(asked.request.encode())  # before anything is changed for it
        given |= {"scheduler": self.scheduler, "environment": dict(self.environment)}
        given["revoked"] = self.authority.revoked.read_text()
        if token.role is Role.OPERATE:  # that of a node, since the machine may help to render, too
            return given | {"certificate": self._certificate(asked, Kind.NODE, token.name, token.key)}
        return given | self._node(token, asked)

    def _node(self, token: Token, asked: Application) -> dict[str, Any]:
        """Take in a node: it gets a token of its own, which lets in no other."""
        if not NODE_NAME.fullmatch(asked.name):
            raise NotTaken(
                reason=f"{asked.name!r} can't be a node's name.",
                remedy="Use letters, digits and . _ - (58 at most, a letter or digit first): --name NAME.",
            )
        if token.node:
            if token.node != asked.name:
                raise NotTaken(
                    reason=f"This token is that of the node {token.node}.",
                    remedy="Give a token for new nodes.",
                    status=403,
                )
            return {"name": asked.name, "certificate": self._certificate(asked, Kind.NODE, asked.name, token.key)}
        for other in self.tokens.of_node(asked.name):
            if other.parent != token.key:
                raise NotTaken(
                    reason=f"There is a node called {asked.name} that came with another token.",
                    remedy=f"Give this one another name, or take that back: frontburner token revoke {other.name}.",
                )
            self.authority.revoke(serial for gone in self.tokens.revoke(other.name) for serial in gone.serials)
        own = self.tokens.add(
            f"node-{asked.name}", Role.NODE, authority=self.authority.fingerprint, node=asked.name, parent=token.key
        )
        certificate = self._certificate(asked, Kind.NODE, asked.name, own.key)
        return {"name": asked.name, "token": str(own), "certificate": certificate}

    def _certificate(self, asked: Application, kind: Kind, name: str, key: str) -> str:
        made = self.authority.sign(asked.request.encode(), kind, name)
        self.tokens.certified(key, serial(made))
        return made.decode()

    def _check_versions(self, asked: Application) -> None:
        told = differences(versions(), asked.versions)
        told += [f"no {name} named" for name in ("frontburner", "python") if name not in asked.versions]
        if told:
            raise NotTaken(
                reason=f"This machine's versions aren't those of the manager: {', '.join(told)}.",
                remedy="Install the same Frontburner here, with the same Python (make env, from the same source).",
            )


def _read(body: bytes) -> Application:
    try:
        return Application.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"][:1]) or "body"
        raise NotTaken(
            reason=f"What was sent doesn't read as an application: {where}: {first['msg']}",
            remedy="Ask with `frontburner node join` or `frontburner login`.",
            status=400,
        ) from None
