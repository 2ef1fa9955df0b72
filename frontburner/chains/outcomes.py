"""How stages of a chain end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from frontburner.events import StageState
from storage.errors import FrontburnerError


@dataclass(kw_only=True, eq=False)
class ChainFailed(FrontburnerError):
    """A chain of which not all stages are complete; how each ended is in ``report``."""

    report: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a stage ended, and what was made by it."""

    name: str
    state: StageState
    reason: str = ""
    remedy: str = ""
    seconds: float = 0.0
    outputs: tuple[str, ...] = ()
    report: dict[str, Any] | None = None

    @property
    def complete(self) -> bool:
        """Whether what comes after it may begin."""
        return self.state in (StageState.COMPLETED, StageState.REUSED)
