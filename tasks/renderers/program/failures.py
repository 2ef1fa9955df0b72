"""What programs say when they fail, and what is really the matter: a table that grows by one line a failure."""

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
    """A failure that is known by a line of a program's output.

    Parameters
    ----------
    pattern
        Regular expression for a line, whatever its case.
    cause, remedy
        One sentence each. ``{name}`` stands for what a named group of the pattern found, ``{line}`` for the line.
    retryable
        Whether another attempt, perhaps on another node, may succeed.
    scene
        Whether it is the scene's own fault.
    fatal
        Whether the program is ended at once: after this it would wait for what never comes, or draw a wrong picture.
        Any other line explains a program that failed by itself, and of one that didn't nothing.
    again
        Whether the program is run once more: its first run on a node puts in place what it then missed.
    """

    pattern: str
    cause: str
    remedy: str
    retryable: bool = False
    scene: bool = False
    fatal: bool = False
    again: bool = False

    def found_in(self, line: str) -> re.Match[str] | None:
        """Find it in a line."""
        return re.search(self.pattern, line, re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A failure, the line it was known by, and what the pattern's groups found in it."""

    failure: Failure
    line: str
    words: dict[str, str]

    def error(self, scene: str) -> FrontburnerError:
        """Return it as the error it is."""
        failure = self.failure
        cause, remedy = failure.cause.format_map(self.words), failure.remedy.format_map(self.words)
        if failure.scene:
            return SceneError(reason=cause, remedy=remedy, scene=scene, retryable=failure.retryable)
        return ProgramFailed(reason=cause, remedy=remedy, retryable=failure.retryable)


def find(failures: Sequence[Failure], line: str) -> Found | None:
    """Return the first of the failures that a line tells of."""
    for failure in failures:
        match = failure.found_in(line)
        if match:
            groups = {name: value or "" for name, value in match.groupdict().items()}
            return Found(failure=failure, line=line, words={"line": line.strip().rstrip("."), **groups})
    return None


def worst(found: Sequence[Found], failures: Sequence[Failure]) -> Found | None:
    """Return what explains most: the one that stands first in the table, and of those that was said first."""
    return min(found, key=lambda one: failures.index(one.failure), default=None)
