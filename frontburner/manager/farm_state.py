"""The state of a farm's services and its last outage, in files that its supervisor writes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from frontburner.cluster.running_farms import is_running
from frontburner.manager.farm_setup import farm_folder
from system.files import once_free, replace

if TYPE_CHECKING:
    from pathlib import Path

_CONFIG = ConfigDict(frozen=True, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)


def _written_as(name: str, default: Any) -> Any:  # noqa: ANN401 - as pydantic's Field
    """Return a field that has another name in the file."""
    return Field(default=default, validation_alias=name, serialization_alias=name)


class ServiceStatus(StrEnum):
    """What a service is doing."""

    WAITING = "waiting"
    """For services it needs."""
    STARTING = "starting"
    UP = "up"
    SILENT = "silent"
    """It runs, but doesn't answer."""
    RESTARTING = "restarting"
    GIVEN_UP = "given up"
    ENDED = "ended"


class ServiceState(BaseModel):
    """State of one service."""

    model_config = _CONFIG

    name: str
    address: str = ""
    status: ServiceStatus = _written_as("stand", ServiceStatus.WAITING)
    since_s: float = Field(default=0.0, description="When its status changed, in seconds since 1970.")
    restarts: int = Field(default=0, description="Restarts since the farm was started.")
    problem: str = _written_as("wrong", "")
    pid: int = 0

    def changed(self, status: ServiceStatus, *, now_s: float, problem: str = "", **changes: Any) -> ServiceState:  # noqa: ANN401
        """Return the state with a status from now on; `since_s` stays if the status does."""
        since_s = self.since_s if self.status is status and self.since_s else now_s
        return self.model_copy(update={"status": status, "since_s": since_s, "problem": problem, **changes})


class FarmState(BaseModel):
    """State of a farm."""

    model_config = _CONFIG

    pid: int = Field(description="Process of the supervisor.")
    began_s: float = Field(description="When that process began, in seconds since the machine did.")
    version: str
    started_s: float
    seen_s: float = Field(description="When the state was written, in seconds since 1970.")
    addresses: Mapping[str, str] = _written_as("leads", {})
    store: str = ""
    services: tuple[ServiceState, ...] = _written_as("parts", ())

    @property
    def alive(self) -> bool:
        """Whether its supervisor runs."""
        return is_running(self.pid, self.began_s)

    @property
    def healthy(self) -> bool:
        """Whether all services are up."""
        return bool(self.services) and all(service.status is ServiceStatus.UP for service in self.services)

    @property
    def settled(self) -> bool:
        """Whether no service is still starting: each is up, given up, or waits for one that was given up."""
        final = {ServiceStatus.UP, ServiceStatus.GIVEN_UP}
        if any(service.status is ServiceStatus.GIVEN_UP for service in self.services):
            final.add(ServiceStatus.WAITING)
        return bool(self.services) and all(service.status in final for service in self.services)

    def document(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**self.model_dump(mode="json"), "alive": self.alive, "healthy": self.alive and self.healthy}


def read_state(home: Path) -> FarmState | None:
    """Return the last state of the farm, which may have ended; None if there is none."""
    try:
        return FarmState.model_validate_json(once_free(_state_file(home).read_bytes))
    except (OSError, ValueError):
        return None


def write_state(state: FarmState, home: Path) -> None:
    """Write the state atomically."""
    path = _state_file(home)
    temporary = path.with_suffix(".new")
    temporary.write_text(state.model_dump_json(indent=1), encoding="utf-8")
    replace(temporary, path)


def running_farm(home: Path) -> FarmState | None:
    """Return the farm whose supervisor runs on this machine, if one does."""
    state = read_state(home)
    return state if state is not None and state.alive else None


def record_outage(home: Path) -> None:
    """Record when the farm was last alive, before its state is overwritten. An earlier record stays."""
    state, path = read_state(home), _outage_file(home)
    if state is not None and not path.exists():
        path.write_text(str(state.seen_s), encoding="utf-8")


def read_outage(home: Path) -> datetime | None:
    """Return when the farm went down; None if it never did, or its runs were recovered."""
    with suppress(OSError, ValueError):
        return datetime.fromtimestamp(float(_outage_file(home).read_text(encoding="utf-8")), UTC)
    return None


def clear_outage(home: Path) -> None:
    """Record that the runs of the last outage were recovered."""
    _outage_file(home).unlink(missing_ok=True)


def _state_file(home: Path) -> Path:
    return farm_folder(home) / "state.json"


def _outage_file(home: Path) -> Path:
    return farm_folder(home) / "went-down"
