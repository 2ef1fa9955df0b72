"""Find out whether a build of a renderer works on this machine, by rendering with it in a process of its own.

A verdict is kept on disk for as long as all it depends on stays the same, so that it costs a start only once.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from tasks.renderers.diagnosis import Finding, not_started, why
from tasks.renderers.isa import cpu_flags, cpu_model
from tasks.renderers.tried import HANG_TIMEOUT_S, TRIAL_S, tried

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tasks.renderers.diagnosis import Ending

MEASURE = "FRONTBURNER_MEASURE"
"""Set where a canary is to measure how fast it renders, too."""
SPEED = "samples per second:"
"""A canary that measured says so in a line that begins like this."""
FOUND = "found:"
"""A canary that found out more about its renderer says so in a line that begins like this."""

_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu")
"""Folders that change when something is installed: what failed for want of it is tried again then."""
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a build works here, and why not. ``reason`` and ``remedy`` are empty if it works.

    Parameters
    ----------
    passes
        Whether what is wrong may be over without anything being installed: then it is tried again each time.
    seconds
        How long the trial took, the renderer's start with it.
    samples_per_s
        How fast it rendered; None where that wasn't measured.
    said
        What else the canary found out.
    """

    ok: bool
    reason: str = ""
    remedy: str = ""
    passes: bool = False
    seconds: float = 0.0
    samples_per_s: float | None = None
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A build that was tried, or couldn't be, for whoever wants to know of all."""

    what: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A build to try: a command that renders a small scene, checks it, and exits with 0.

    Parameters
    ----------
    what
        What is tried, in words.
    command, environment
        What is run, and variables that are set for it.
    remedy
        What to do if it fails for a reason that has no remedy of its own.
    facts
        All that the verdict depends on besides the processor and the command, such as versions.
    files
        Files that it depends on: another size or time of change is another trial.
    parts
        Programs, libraries and folders of them that are looked at, besides ``files``, when it fails.
    most_s, still_s
        Seconds it may take, and may do nothing at all.
    """

    what: str
    command: Sequence[str]
    remedy: str
    environment: Mapping[str, str] = field(default_factory=dict)
    facts: Sequence[str] = ()
    files: Sequence[Path] = ()
    parts: Sequence[Path] = ()
    most_s: float = TRIAL_S
    still_s: float = HANG_TIMEOUT_S

    def verdict(self) -> Verdict:
        """Return the verdict from before, or try."""
        kept = user_cache_path("frontburner") / "builds" / f"{self._key()}.json"
        found = (None if _afresh else _remembered(kept)) or self.held()
        if not found.passes:
            _remember(kept, found)
        if _notes is not None:
            _notes.append(Tried(what=self.what, verdict=found))
        return found

    def held(self) -> Verdict:
        """Try now. A bad library may end the process, so it is one of its own."""
        try:
            ending = tried(self.command, self._surroundings(), most_s=self.most_s, still_s=self.still_s)
        except OSError as error:
            return self._not_ok(not_started(self.command[0], error), "can't be started")
        if ending.code == 0:
            speed, said = _line(ending, SPEED), _line(ending, FOUND)
            return Verdict(ok=True, seconds=ending.after_s, samples_per_s=float(speed) if speed else None, said=said)
        return self._not_ok(why(ending, self._parts()), "doesn't work")

    def _not_ok(self, finding: Finding, how: str) -> Verdict:
        reason = f"{self.what} {how}: {finding.cause}."
        return Verdict(ok=False, reason=reason, remedy=finding.remedy or self.remedy, passes=finding.passes)

    def _surroundings(self) -> dict[str, str]:
        found = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", ""))))
        measure = {MEASURE: "1"} if _measures else {}
        return {**os.environ, "PYTHONPATH": found, **measure, **self.environment}

    def _parts(self) -> list[Path]:
        """All that is looked at when it fails: the interpreter that runs us is sound."""
        program = Path(self.command[0])
        own = [program] if program.is_absolute() and self.command[0] != sys.executable else []
        return [*own, *self.files, *self.parts]

    def _key(self) -> str:
        places = [
            (str(path), stat.st_size, stat.st_mtime_ns)
            for path in (*self.files, *self.parts, *map(Path, _LIBRARIES))
            if (stat := _stat(path))
        ]
        searched = os.environ.get("LD_LIBRARY_PATH", "")
        facts = [list(self.command), sorted(self.environment.items()), list(self.facts), places, searched]
        return hashlib.sha256(json.dumps([*facts, cpu_model(), sorted(cpu_flags())]).encode()).hexdigest()


_notes: list[Tried] | None = None
_afresh = _measures = False


@contextmanager
def watched(*, afresh: bool, measure: bool = False) -> Iterator[list[Tried]]:
    """Note what all trials in this process come to: they are held deep inside adapters.

    Parameters
    ----------
    afresh
        Whether they are to be really held, whatever is remembered.
    measure
        Whether canaries that can are to measure their speed, too.
    """
    global _notes, _afresh, _measures
    before = (_notes, _afresh, _measures)
    _notes, _afresh, _measures = [], afresh, measure
    try:
        yield _notes
    finally:
        _notes, _afresh, _measures = before


def noted(what: str, reason: str, remedy: str) -> None:
    """Have it known that a build can't even be tried, and why."""
    if _notes is not None:
        _notes.append(Tried(what=what, verdict=Verdict(ok=False, reason=reason, remedy=remedy)))


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _line(ending: Ending, beginning: str) -> str:
    """Return what a line says that begins like this."""
    found = re.search(rf"^{beginning} (.+)$", ending.said, re.MULTILINE)
    return found[1] if found else ""


def _remembered(path: Path) -> Verdict | None:
    try:
        return Verdict(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, RuntimeError):
        return None


def _remember(path: Path, verdict: Verdict) -> None:
    """Keep a verdict; a cache that can't be written costs time and nothing else."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            json.dump(asdict(verdict), file)
        Path(file.name).replace(path)
    except (OSError, RuntimeError):
        return
