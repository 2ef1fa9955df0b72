"""Enrols machines and people: a token and a signing request go in, everything they need comes out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from frontburner.credentials.certificates import CertificateKind, read_request, serial_number
from frontburner.credentials.permissions import API
from frontburner.credentials.tokens import Role, Token
from storage.errors import FrontburnerError
from tasks.node.versions import differences, versions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frontburner.credentials.authority import Authority
    from frontburner.credentials.tokens import TokenStore

NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,57}")
MAX_VERSIONS = 32
STORE_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION",
                   "AWS_DEFAULT_REGION", "FRONTBURNER_FILES")  # fmt: skip
"""Variables of the gateway's own environment that nodes and operators get, for the store."""

Short = Annotated[str, StringConstraints(max_length=200)]


class EnrolmentRequest(BaseModel):
    """The body of a request to ``/enrol``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(max_length=58)] = ""
    request: Annotated[str, StringConstraints(max_length=8192)] = ""
    versions: Annotated[dict[Short, Short], Field(max_length=MAX_VERSIONS)] = {}


@dataclass(kw_only=True, eq=False)
class EnrolmentRefused(FrontburnerError):
    """A machine or person isn't enrolled, and why."""

    status: int = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """Enrols nodes and people.

    Parameters
    ----------
    scheduler
        The scheduler's address, as nodes reach it.
    environment
        Environment variables by which the store is reached.
    """

    authority: Authority
    tokens: TokenStore
    scheduler: str
    environment: Mapping[str, str]

    def enrol(self, token: Token, body: bytes) -> dict[str, Any]:
        """Enrol the bearer of a token; returns the document that is sent to it.

        Raises
        ------
        FrontburnerError
            When it is refused.
        """
        document = _parse(body)
        answer: dict[str, Any] = {
            "name": token.name,
            "role": token.role,
            "api": API,
            "ca": self.authority.certificate_path.read_text(encoding="utf-8"),
        }
        if token.role in (Role.LOOK, Role.SUBMIT):
            return answer
        self._check_versions(document)
        read_request(document.request.encode())  # refuse an invalid one before anything is changed
        answer |= {"scheduler": self.scheduler, "environment": dict(self.environment)}
        answer["revoked"] = self.authority.revocation_list.read_text(encoding="utf-8")
        if token.role is Role.OPERATE:
            return answer | {"certificate": self._certificate(document, token.name, token.key)}
        return answer | self._enrol_node(token, document)

    def _enrol_node(self, token: Token, document: EnrolmentRequest) -> dict[str, Any]:
        """Enrol a node: it gets a token of its own, which enrols no other."""
        name = document.name
        if not NODE_NAME.fullmatch(name):
            raise EnrolmentRefused(
                reason=f"{name!r} isn't a valid name of a node.",
                remedy="Use letters, digits and . _ - (58 at most, a letter or digit first): --name NAME.",
            )
        if token.node:
            if token.node != name:
                raise EnrolmentRefused(
                    reason=f"This token belongs to the node {token.node}.",
                    remedy="Use a token for new nodes.",
                    status=403,
                )
            return {"name": name, "certificate": self._certificate(document, name, token.key)}
        for other in self.tokens.for_node(name):
            if other.parent != token.key:
                raise EnrolmentRefused(
                    reason=f"A node called {name} has joined with another token.",
                    remedy=f"Choose another name, or revoke that node's: frontburner token revoke {other.name}.",
                )
            self.authority.revoke(serial for gone in self.tokens.revoke(other.name) for serial in gone.serials)
        issued = self.tokens.add(
            f"node-{name}", Role.NODE, authority=self.authority.fingerprint, node=name, parent=token.key
        )
        certificate = self._certificate(document, name, issued.key)
        return {"name": name, "token": str(issued), "certificate": certificate}

    def leave(self, token: Token) -> None:
        """Revoke a node's token and its certificates: the farm forgets it.

        Raises
        ------
        EnrolmentRefused
            When the token is of no single node.
        """
        if not token.node:
            raise EnrolmentRefused(
                reason="This token is for new nodes, and belongs to none.",
                remedy=f"Revoke it on the manager: frontburner token revoke {token.name}.",
                status=403,
            )
        self.authority.revoke(serial for gone in self.tokens.revoke(token.name) for serial in gone.serials)

    def _certificate(self, document: EnrolmentRequest, name: str, key: str) -> str:
        """Issue a node's certificate; operators get one too, since their machine may run nodes."""
        certificate = self.authority.sign(document.request.encode(), CertificateKind.NODE, name)
        self.tokens.add_serial(key, serial_number(certificate))
        return certificate.decode()

    def _check_versions(self, document: EnrolmentRequest) -> None:
        mismatches = differences(versions(), document.versions)
        mismatches += [f"no {name} named" for name in ("frontburner", "python") if name not in document.versions]
        if mismatches:
            raise EnrolmentRefused(
                reason=f"This machine's versions differ from the manager's: {', '.join(mismatches)}.",
                remedy="Install the manager's own here: `frontburner node invite` on the manager shows the command.",
            )


def _parse(body: bytes) -> EnrolmentRequest:
    try:
        return EnrolmentRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"][:1]) or "body"
        raise EnrolmentRefused(
            reason=f"The body isn't a valid enrolment request: {where}: {first['msg']}",
            remedy="Use `frontburner node join` or `frontburner login`.",
            status=400,
        ) from None
