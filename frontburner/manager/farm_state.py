"""How the parts of a farm stand, in a file that its supervisor writes and anybody may read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from frontburner.cluster.running_farms import is_running
from frontburner.manager.farm_setup import farm_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class ServiceStatus(StrEnum):
    """How a part stands."""

    WAITING = "waiting"
    """For parts it needs."""
    STARTING = "starting"
    UP = "up"
    SILENT = "silent"
    """It runs, and doesn't answer."""
    RESTARTING = "restarting"
    GIVEN_UP = "given up"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """How one part stands.

    Parameters
    ----------
    since_s
        Since when, as seconds since 1970.
    restarts
        How often it was started again since the farm was started.
    wrong
        What is wrong with it, or was when it ended last.
    """

    name: str
    address: str = ""
    stand: ServiceStatus = ServiceStatus.WAITING
    since_s: float = 0.0
    restarts: int = 0
    wrong: str = ""
    pid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmState:
    """How a farm stands.

    Parameters
    ----------
    pid, began_s
        The supervisor's process: its number, and when it began, in seconds since the machine did.
    seen_s
        When it last wrote this down, as seconds since 1970.
    leads
        What leads commands on this machine to the farm: environment variables, none of them secret.
    """

    pid: int
    began_s: float
    version: str
    started_s: float
    seen_s: float
    leads: Mapping[str, str] = field(default_factory=dict)
    store: str = ""
    parts: tuple[ServiceState, ...] = ()

    @property
    def alive(self) -> bool:
        """Whether its supervisor runs."""
        return is_running(self.pid, self.began_s)

    @property
    def healthy(self) -> bool:
        """Whether all parts are up."""
        return bool(self.parts) and all(part.stand is ServiceStatus.UP for part in self.parts)

    @property
    def settled(self) -> bool:
        """Whether nothing is on its way up: every part is up, or was given up, or waits for one that was."""
        up_or_not = (ServiceStatus.UP, ServiceStatus.GIVEN_UP)
        given_up = any(part.stand is ServiceStatus.GIVEN_UP for part in self.parts)
        return bool(self.parts) and all(
            part.stand in up_or_not or (part.stand is ServiceStatus.WAITING and given_up) for part in self.parts
        )

    def document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "alive": self.alive, "healthy": self.alive and self.healthy}


def read_state(home: Path) -> FarmState | None:
    """Return how the farm stands, or stood when its supervisor ended; None where there never was one."""
    try:
        told = json.loads(_file(home).read_text(encoding="utf-8"))
        parts = tuple(ServiceState(**{**part, "stand": ServiceStatus(part["stand"])}) for part in told.pop("parts"))
        return FarmState(**told, parts=parts)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_state(state: FarmState, home: Path) -> None:
    """Write it down, whole."""
    path = _file(home)
    passing = path.with_suffix(".new")
    passing.write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
    passing.replace(path)


def running_farm(home: Path) -> FarmState | None:
    """Return the farm whose supervisor runs on this machine, if one does."""
    state = read_state(home)
    return state if state is not None and state.alive else None


def moved(part: ServiceState, stand: ServiceStatus, *, now_s: float, wrong: str = "", **changes: Any) -> ServiceState:  # noqa: ANN401
    """Return a part that stands otherwise from now on; since when doesn't change where the stand doesn't."""
    since_s = part.since_s if part.stand is stand and part.since_s else now_s
    return replace(part, stand=stand, since_s=since_s, wrong=wrong, **changes)


def _file(home: Path) -> Path:
    return farm_folder(home) / "state.json"
