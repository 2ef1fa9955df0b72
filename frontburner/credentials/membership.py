"""What this machine holds of a farm it was let into: the farm's address, its authority, a token and a certificate."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from frontburner.credentials.authority import CertificateFiles
from frontburner.credentials.private_files import make_folder, write_private
from frontburner.credentials.tokens import Role
from frontburner.settings import membership_fields, unreadable_membership

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PERSON = "person"
"""The name of the folder of whoever is logged in; nodes have theirs under their names."""
USER = "frontburner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Being part of a farm, as a person or as a node.

    Parameters
    ----------
    gateway
        Address of the farm's gateway.
    scheduler
        Address of its scheduler; empty for those who don't reach it.
    token
        What lets in at the gateway.
    environment
        What reaches the farm's store.
    """

    folder: Path
    gateway: str
    name: str
    role: Role
    token: str = field(repr=False)
    scheduler: str = ""
    api: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def papers(self) -> CertificateFiles:
        """Files by which it proves itself to scheduler and nodes."""
        return CertificateFiles(
            authority=self.folder / "ca.pem",
            certificate=self.folder / "own.pem",
            key=self.folder / "own.key",
            revoked=self.folder / "revoked.pem",
        )

    @property
    def certified(self) -> bool:
        """Whether it has a certificate, so that it reaches the scheduler."""
        return self.papers.certificate.exists()

    def variables(self) -> dict[str, str]:
        """Return what a process of it needs in its environment: the store and, for people, Prefect by the gateway."""
        own = {
            "PREFECT_API_URL": f"{self.gateway}{self.api}",
            "PREFECT_API_AUTH_STRING": f"{USER}:{self.token}",
            "PREFECT_API_SSL_CERT_FILE": str(self.papers.authority),
        }
        store = dict(self.environment)
        if store.get("AWS_ENDPOINT_URL", "").startswith("https://"):
            store["AWS_CA_BUNDLE"] = str(self.papers.authority)
            if self.certified:
                store["FRONTBURNER_STORE_CERTIFICATE"] = str(self.papers.certificate)
                store["FRONTBURNER_STORE_KEY"] = str(self.papers.key)
        return store if self.role is Role.NODE else own | store

    def keep(self, *, authority: str, certificate: str = "", key: bytes = b"", revoked: str = "") -> None:
        """Keep it, and its files, for this user alone."""
        make_folder(self.folder)
        papers = self.papers
        write_private(papers.authority, authority.encode())
        if certificate:
            write_private(papers.key, key)
            write_private(papers.certificate, certificate.encode())
        if revoked and papers.revoked:
            write_private(papers.revoked, revoked.encode())
        told = {name: value for name, value in asdict(self).items() if name != "folder"}
        write_private(self.folder / "farm.json", json.dumps(told, indent=1).encode())


def membership(home: Path, who: str = PERSON) -> Membership | None:
    """Return what this machine holds as a person, or as a node of a name; None if it holds nothing.

    Raises
    ------
    FrontburnerError
        When it can't be read.
    """
    folder = home / "farm" / who
    fields = membership_fields(home, who)
    if fields is None:
        return None
    try:
        return Membership(**{**fields, "role": Role(fields["role"])}, folder=folder)
    except (ValueError, TypeError, LookupError) as error:
        raise unreadable_membership(folder / "farm.json", error) from None


def forget(home: Path) -> bool:
    """Take away what this machine holds of a farm for whoever is logged in; returns whether it held anything."""
    folder = home / "farm" / PERSON
    held = folder.exists()
    shutil.rmtree(folder, ignore_errors=True)
    return held


def adopt(member: Membership) -> None:
    """Give this process what it needs to reach the store, and Prefect where it may, of the farm it is part of."""
    os.environ.update(member.variables())


def adopt_person(home: Path) -> None:
    """Give a command what whoever is logged in needs; what is set already stays, as does a farm that is named."""
    if os.environ.get("FRONTBURNER_SCHEDULER") or not (home / "farm" / PERSON / "farm.json").exists():
        return
    member = membership(home)
    if member and member.certified:
        for name, value in member.variables().items():
            os.environ.setdefault(name, value)
