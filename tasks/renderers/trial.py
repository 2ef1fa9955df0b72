"""Find out whether a build of a renderer works on this machine, by rendering with it in a process of its own.

A verdict is kept on disk for as long as all it depends on stays the same, so that it costs a start only once.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from tasks.renderers.isa import cpu_flags, cpu_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TRIAL_S = 120.0
_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu")
"""Folders that change when something is installed: what failed for want of it is tried again then."""
_ROOT = Path(__file__).resolve().parents[2]
_TELLING = re.compile(r"LLVM ERROR|Error\b|error:|failed|could not|cannot", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a build works here, and why not. ``reason`` and ``remedy`` are empty if it works.

    ``said`` is the last line that a trial that went well put out.
    """

    ok: bool
    reason: str = ""
    remedy: str = ""
    said: str = ""


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
        What to do if it fails.
    facts
        All that the verdict depends on besides the processor and the command, such as versions.
    files
        Files that it depends on: another size or time of change is another trial.
    keeps_failures
        Whether a failure is kept too. One that may pass by itself, such as a missing licence, is tried again.
    """

    what: str
    command: Sequence[str]
    remedy: str
    environment: Mapping[str, str] = field(default_factory=dict)
    facts: Sequence[str] = ()
    files: Sequence[Path] = ()
    keeps_failures: bool = True

    def verdict(self) -> Verdict:
        """Return the verdict from before, or try."""
        kept = user_cache_path("frontburner") / "builds" / f"{self._key()}.json"
        found = _remembered(kept) or self.held()
        if found.ok or self.keeps_failures:
            _remember(kept, found)
        return found

    def held(self) -> Verdict:
        """Try now. A bad library may end the process, so it is one of its own."""
        environment = {**os.environ, "PYTHONPATH": str(_ROOT), **self.environment}
        try:
            done = subprocess.run(
                self.command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                errors="replace", timeout=TRIAL_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Verdict(
                ok=False, reason=f"{self.what} didn't render a small scene in {TRIAL_S:g} s.", remedy=self.remedy
            )
        except OSError as error:
            return Verdict(ok=False, reason=f"{self.what} can't be started: {error}.", remedy=self.remedy)
        if done.returncode == 0:
            return Verdict(ok=True, said=(done.stdout.strip().splitlines() or [""])[-1])
        cause = _cause(done.stderr + "\n" + done.stdout if not done.stderr.strip() else done.stderr)
        return Verdict(ok=False, reason=f"{self.what} {_ending(done.returncode)}: {cause}.", remedy=self.remedy)

    def _key(self) -> str:
        places = [
            (str(path), stat.st_size, stat.st_mtime_ns)
            for path in (*self.files, *map(Path, _LIBRARIES))
            if (stat := _stat(path))
        ]
        facts = [list(self.command), sorted(self.environment.items()), list(self.facts), places]
        return hashlib.sha256(json.dumps([*facts, cpu_model(), sorted(cpu_flags())]).encode()).hexdigest()


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _ending(code: int) -> str:
    if code >= 0:
        return "fails"
    return "aborts" if code == -signal.SIGABRT else f"ends with {signal.Signals(-code).name}"


def _cause(said: str) -> str:
    """Return the line of a process's errors that says most."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return (telling or lines or ["it left no message"])[-1][:300].rstrip(".")


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
