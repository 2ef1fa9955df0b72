"""What this machine stores about a farm it joined: the farm's address and authority, a token and a certificate."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from frontburner.credentials.authority import CertificateFiles
from frontburner.credentials.private_files import write_private
from frontburner.credentials.tokens import Role
from frontburner.settings import membership_fields, unreadable_membership

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PERSON = "person"
"""Folder of the logged-in user; each node has one of its own name."""
_PREFECT_USER = "frontburner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A person's login to a farm, or a node's registration.

    Parameters
    ----------
    gateway
        Address of the farm's gateway.
    scheduler
        Address of its scheduler; empty for roles that don't use it.
    token
        Token for the gateway.
    environment
        Environment variables by which the farm's store is reached.
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
    def files(self) -> CertificateFiles:
        """Certificate files for connections to scheduler and nodes."""
        return CertificateFiles(
            authority=self.folder / "ca.pem",
            certificate=self.folder / "own.pem",
            key=self.folder / "own.key",
            revocation_list=self.folder / "revoked.pem",
        )

    @property
    def has_certificate(self) -> bool:
        """Whether it has a certificate, which the scheduler requires."""
        return self.files.certificate.exists()

    def environment_variables(self) -> dict[str, str]:
        """Return the environment of its processes: the store and, for people, Prefect through the gateway."""
        prefect = {
            "PREFECT_API_URL": f"{self.gateway}{self.api}",
            "PREFECT_API_AUTH_STRING": f"{_PREFECT_USER}:{self.token}",
            "PREFECT_API_SSL_CERT_FILE": str(self.files.authority),
        }
        store = dict(self.environment)
        if store.get("AWS_ENDPOINT_URL", "").startswith("https://"):
            store["AWS_CA_BUNDLE"] = str(self.files.authority)
            if self.has_certificate:
                store["FRONTBURNER_STORE_CERTIFICATE"] = str(self.files.certificate)
                store["FRONTBURNER_STORE_KEY"] = str(self.files.key)
        return store if self.role is Role.NODE else prefect | store

    def save(self, *, authority: str, certificate: str = "", key: bytes = b"", revocation_list: str = "") -> None:
        """Write it and its certificate files, readable by this user only."""
        files = self.files
        write_private(files.authority, authority.encode())
        if certificate:
            write_private(files.key, key)
            write_private(files.certificate, certificate.encode())
        if revocation_list and files.revocation_list:
            write_private(files.revocation_list, revocation_list.encode())
        fields = {name: value for name, value in asdict(self).items() if name != "folder"}
        write_private(self.folder / "farm.json", json.dumps(fields, indent=1).encode())


def read_membership(home: Path, name: str = PERSON) -> Membership | None:
    """Return the membership of the logged-in user or of a node; None if there is none.

    Raises
    ------
    FrontburnerError
        When it can't be read.
    """
    folder = home / "farm" / name
    fields = membership_fields(home, name)
    if fields is None:
        return None
    try:
        return Membership(**{**fields, "role": Role(fields["role"])}, folder=folder)
    except (ValueError, TypeError, LookupError) as error:
        raise unreadable_membership(folder / "farm.json", error) from None


def nodes_here(home: Path) -> list[Membership]:
    """Return the memberships of this machine's nodes."""
    names = sorted(path.parent.name for path in (home / "farm").glob("*/farm.json"))
    return [member for name in names if name != PERSON and (member := read_membership(home, name)) is not None]


def delete_login(home: Path) -> bool:
    """Delete the logged-in user's membership; returns whether there was one."""
    folder = home / "farm" / PERSON
    existed = folder.exists()
    shutil.rmtree(folder, ignore_errors=True)
    return existed


def apply_environment(member: Membership) -> None:
    """Set this process's environment so that it reaches the farm's store and, if allowed, Prefect."""
    os.environ.update(member.environment_variables())


def apply_login(home: Path) -> None:
    """Set a command's environment from the login, unless another scheduler is named. Variables that are set stay."""
    if os.environ.get("FRONTBURNER_SCHEDULER") or not (home / "farm" / PERSON / "farm.json").exists():
        return
    member = read_membership(home)
    if member and member.has_certificate:
        for name, value in member.environment_variables().items():
            os.environ.setdefault(name, value)
