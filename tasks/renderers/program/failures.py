"""Known failures of programs: what their output says, and the true cause and remedy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import ProgramFailed, SceneError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.errors import FrontburnerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A known failure, recognised by a line of a program's output.

    Parameters
    ----------
    pattern
        Regular expression for a line, ignoring case.
    cause, remedy
        One sentence each. ``{name}`` stands for what a named group of the pattern matched, ``{line}`` for the line.
    retryable
        Whether another attempt, perhaps on another node, may succeed.
    scene
        Whether the scene is at fault.
    fatal
        Whether the program is ended at once: after this it would wait forever or draw a wrong picture. Other failures
        only explain why a program failed by itself.
    retry_at_once
        Whether the program is run once more: its first run on a node creates what it then lacked.
    """

    pattern: str
    cause: str
    remedy: str
    retryable: bool = False
    scene: bool = False
    fatal: bool = False
    retry_at_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureMatch:
    """A failure, the line that told of it, and the values for its sentences."""

    failure: Failure
    line: str
    values: dict[str, str]

    def error(self, scene: str) -> FrontburnerError:
        """Return it as an error."""
        failure = self.failure
        cause, remedy = failure.cause.format_map(self.values), failure.remedy.format_map(self.values)
        if failure.scene:
            return SceneError(reason=cause, remedy=remedy, scene=scene, retryable=failure.retryable)
        return ProgramFailed(reason=cause, remedy=remedy, retryable=failure.retryable)


def match_failure(failures: Sequence[Failure], line: str) -> FailureMatch | None:
    """Return the first failure that a line matches."""
    for failure in failures:
        match = re.search(failure.pattern, line, re.IGNORECASE)
        if match:
            groups = {name: value or "" for name, value in match.groupdict().items()}
            return FailureMatch(failure=failure, line=line, values={"line": line.strip().rstrip("."), **groups})
    return None


def most_telling(found: Sequence[FailureMatch], failures: Sequence[Failure]) -> FailureMatch | None:
    """Return the match that explains most: the first in the table, and of those the first in the output."""
    return min(found, key=lambda match: failures.index(match.failure), default=None)


def out_of_memory(name: str, pattern: str = r"out of memory|not enough memory|bad_alloc") -> Failure:
    """Return the failure that a program ran out of memory."""
    return Failure(
        pattern=pattern,
        cause=f"{name} ran out of memory.",
        remedy="Render it on a node with more memory.",
        retryable=True,
    )


WAITS_FOR_PERSON = (
    "It may wait for a licence, or for a person to close a dialog on this node: run it once there by hand, as the user "
    "the node runs as."
)
"""Explains why a licensed program with windows may hang."""
