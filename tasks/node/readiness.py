"""Whether a node is ready: a list of checks, each with reason and remedy where it fails, as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

JOB_CHECKS = ("scene", "store")
"""Checks of a job's files rather than of the node."""


class Grade(StrEnum):
    """The result of a check."""

    OK = "ok"
    NOTE = "note"
    """It works, but could be better."""
    ABSENT = "absent"
    """A renderer isn't installed, which is no fault."""
    FAILS = "fails"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was checked.

    Parameters
    ----------
    name
        ``memory``, ``clock``, ``store``, or a renderer's name.
    value
        What was found, in words.
    reason, remedy
        Empty if nothing is wrong.
    """

    name: str
    grade: Grade = Grade.OK
    value: str = ""
    reason: str = ""
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether it doesn't keep the node from rendering."""
        return self.grade is not Grade.FAILS


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What was found of a node, and what it can render.

    Parameters
    ----------
    builds
        Builds that passed, best first, by renderer.
    speeds
        Samples of the small scene rendered in a second, by renderer, where that was measured.
    scene
        Digest of the scene that was asked about; empty if none was, or it can't be read.
    """

    node: str
    host: str
    checks: tuple[Check, ...]
    builds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    speeds: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    scene: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing fails."""
        return all(check.ok for check in self.checks)

    @property
    def problems(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if not check.ok)

    def of(self, name: str) -> Check | None:
        """Return the check of this name."""
        return next((check for check in self.checks if check.name == name), None)

    def document(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {**asdict(self), "ok": self.ok}


def readiness_from(document: Mapping[str, Any]) -> Readiness:
    """Rebuild what `Readiness.document` wrote."""
    return Readiness(
        node=document["node"],
        host=document["host"],
        checks=tuple(Check(**{**check, "grade": Grade(check["grade"])}) for check in document["checks"]),
        builds={name: tuple(builds) for name, builds in document["builds"].items()},
        speeds=document["speeds"],
        versions=document["versions"],
        scene=document["scene"],
    )


def with_checks(readiness: Readiness, more: Iterable[Check]) -> Readiness:
    """Return it with further checks, made elsewhere; the first of a name counts."""
    document = readiness.document()
    return readiness_from({**document, "checks": [*document["checks"], *(asdict(check) for check in more)]})
