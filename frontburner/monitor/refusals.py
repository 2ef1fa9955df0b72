"""How the monitor says no: what it doesn't take, with the status a browser is answered with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from frontburner.jobs.job import RenderJob
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Iterable

TOO_MUCH, GONE, CONFLICT = 413, 404, 409


@dataclass(kw_only=True, eq=False)
class RequestRefused(FrontburnerError):
    """Files or a scene that aren't taken, and why."""

    status: int = 400


@dataclass(kw_only=True, eq=False)
class BadRequest(FrontburnerError):
    """A control that there isn't, or that was given what it can't take."""


def by_field(problems: Iterable[str]) -> dict[str, str]:
    """Sort a job's problems by the field each begins with; those of no field are under an empty name."""
    found: dict[str, str] = {}
    for problem in problems:
        name, _, rest = problem.partition(":")
        field = name.split(" ")[0]
        own, said = (field, rest if name == field else problem) if field in RenderJob.model_fields else ("", problem)
        found[own] = f"{found[own]} {said.strip()}" if own in found else said.strip()
    return found
