"""Finds out whether a build of a renderer works on this machine, by rendering with it in a process of its own.

A verdict is cached on disk while all it depends on stays the same, so that it costs a start only once.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from system.processes import end_group, start_group
from tasks.process.hang_detection import HangDetector, tree_activity
from tasks.renderers.diagnosis import Finding, ProgramExit, diagnose, diagnose_start
from tasks.renderers.isa import cpu_flags, cpu_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MEASURE_VARIABLE = "FRONTBURNER_MEASURE"
"""Set where a canary should measure how fast it renders, too."""
SPEED_PREFIX = "samples per second:"
"""Start of the line in which a canary prints its speed."""
FOUND_PREFIX = "found:"
"""Start of the line in which a canary prints what else it found out about its renderer."""

TIMEOUT_S, HANG_TIMEOUT_S = 120.0, 45.0
_POLL_S = 0.5
_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu")
"""Folders that change when something is installed: then what failed is tried again."""
_ROOT = Path(__file__).resolve().parents[2]
_STORED_NAMES = {"transient": "passes", "details": "said"}
"""Names in cached verdicts that aren't those of the fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a build works here, and why not. ``reason`` and ``remedy`` are empty if it works.

    Parameters
    ----------
    transient
        Whether the fault may go away without anything being installed: then it is tried again each time.
    seconds
        How long the trial took, including the renderer's start.
    samples_per_s
        How fast it rendered; None where that wasn't measured.
    details
        What else the canary found out.
    """

    ok: bool
    reason: str = ""
    remedy: str = ""
    transient: bool = False
    seconds: float = 0.0
    samples_per_s: float | None = None
    details: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """A build that was tried, or couldn't be."""

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
        What the verdict depends on besides the processor and the command, such as versions.
    files
        Files that it depends on: a new size or time of modification makes it another trial.
    parts
        Programs, libraries and folders of them that are inspected, besides ``files``, when it fails.
    timeout_s, hang_timeout_s
        Seconds it may take, and may do nothing at all.
    """

    what: str
    command: Sequence[str]
    remedy: str
    environment: Mapping[str, str] = field(default_factory=dict)
    facts: Sequence[str] = ()
    files: Sequence[Path] = ()
    parts: Sequence[Path] = ()
    timeout_s: float = TIMEOUT_S
    hang_timeout_s: float = HANG_TIMEOUT_S

    def verdict(self) -> Verdict:
        """Return the cached verdict, or try."""
        cached = user_cache_path("frontburner") / "builds" / f"{self._key()}.json"
        verdict = (None if _afresh else _load(cached)) or self.run()
        if not verdict.transient:
            _save(cached, verdict)
        if _records is not None:
            _records.append(TrialRecord(what=self.what, verdict=verdict))
        return verdict

    def run(self) -> Verdict:
        """Try now, in a process of its own, since a bad library may end it."""
        try:
            ended = _run(self.command, self._environment(), self.timeout_s, self.hang_timeout_s)
        except OSError as error:
            return self._failed(diagnose_start(self.command[0], error), "can't be started")
        if ended.code == 0:
            speed, details = _line(ended, SPEED_PREFIX), _line(ended, FOUND_PREFIX)
            samples_per_s = float(speed) if speed else None
            return Verdict(ok=True, seconds=ended.seconds, samples_per_s=samples_per_s, details=details)
        return self._failed(diagnose(ended, self._inspected()), "doesn't work")

    def _failed(self, finding: Finding, how: str) -> Verdict:
        reason = f"{self.what} {how}: {finding.cause}."
        return Verdict(ok=False, reason=reason, remedy=finding.remedy or self.remedy, transient=finding.transient)

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", ""))))
        measure = {MEASURE_VARIABLE: "1"} if _measure else {}
        return {**os.environ, "PYTHONPATH": path, **measure, **self.environment}

    def _inspected(self) -> list[Path]:
        """Return what is inspected when it fails: not the interpreter that runs us, which works."""
        program = Path(self.command[0])
        programs = [program] if program.is_absolute() and self.command[0] != sys.executable else []
        return [*programs, *self.files, *self.parts]

    def _key(self) -> str:
        stats = [
            (str(path), stat.st_size, stat.st_mtime_ns)
            for path in (*self.files, *self.parts, *map(Path, _LIBRARIES))
            if (stat := _stat(path))
        ]
        library_path = os.environ.get("LD_LIBRARY_PATH", "")
        facts = [list(self.command), sorted(self.environment.items()), list(self.facts), stats, library_path]
        return hashlib.sha256(json.dumps([*facts, cpu_model(), sorted(cpu_flags())]).encode()).hexdigest()


_records: list[TrialRecord] | None = None
_afresh = _measure = False


@contextmanager
def recorded_trials(*, afresh: bool, measure: bool = False) -> Iterator[list[TrialRecord]]:
    """Record all trials in this process, which adapters run on their own.

    Parameters
    ----------
    afresh
        Whether to ignore cached verdicts.
    measure
        Whether canaries should measure their speed, if they can.
    """
    global _records, _afresh, _measure
    before = (_records, _afresh, _measure)
    _records, _afresh, _measure = [], afresh, measure
    try:
        yield _records
    finally:
        _records, _afresh, _measure = before


def record_untried(what: str, reason: str, remedy: str) -> None:
    """Record that a build can't even be tried, and why."""
    if _records is not None:
        _records.append(TrialRecord(what=what, verdict=Verdict(ok=False, reason=reason, remedy=remedy)))


def _run(
    command: Sequence[str], environment: Mapping[str, str], timeout_s: float, hang_timeout_s: float
) -> ProgramExit:
    """Run a command to its end. It is ended, with all it started, when it takes too long or hangs. Raises `OSError`."""
    began_s = time.monotonic()
    process = start_group(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    detector = HangDetector(partial(tree_activity, process.pid), hang_timeout_s, min(1.0, hang_timeout_s / 4))
    hung = late = False
    with process:
        try:
            while not (hung or late):
                with suppress(subprocess.TimeoutExpired):
                    output, _ = process.communicate(timeout=_POLL_S)
                    break
                now_s = time.monotonic()
                hung, late = detector.hangs(now_s), now_s - began_s > timeout_s
            else:
                end_group(process)
                output, _ = process.communicate()
        except BaseException:
            end_group(process)
            raise
    code = None if hung or late else process.returncode
    return ProgramExit(code=code, output=output.decode(errors="replace"), hung=hung, seconds=time.monotonic() - began_s)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _line(ended: ProgramExit, prefix: str) -> str:
    """Return the rest of the line that starts like this."""
    found = re.search(rf"^{prefix} (.+)$", ended.output, re.MULTILINE)
    return found[1] if found else ""


def _load(path: Path) -> Verdict | None:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Verdict(**{each.name: stored[_STORED_NAMES.get(each.name, each.name)] for each in fields(Verdict)})
    except (OSError, ValueError, TypeError, KeyError, RuntimeError):
        return None


def _save(path: Path, verdict: Verdict) -> None:
    """Cache a verdict. If the cache can't be written, trials only take longer."""
    stored = {_STORED_NAMES.get(each.name, each.name): getattr(verdict, each.name) for each in fields(Verdict)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
            json.dump(stored, file)
        Path(file.name).replace(path)
    except (OSError, RuntimeError):
        return
