"""Run an installed service: give it its variables, and where nobody else does, a log and another try when it fails."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from system.files import replace
from system.installed_service import RESTART_DELAY_S
from system.processes import guarded, replace_process, start_group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_LOG_BYTES = 5_000_000
_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)
"""Gives a program on Windows a console that isn't shown, and that all it starts uses: else each opens a window."""


def main() -> int:
    """Run what the arguments say."""
    options = _options(sys.argv[1:])
    os.environ.update(dict(assignment.split("=", 1) for assignment in options.set))
    os.environ.update(read_secrets(options.secrets))
    if options.log is None:  # the service manager keeps its output, and restarts it
        replace_process(options.command)
    return run_until_done(options.command, options.folder, options.log)


def run_until_done(
    command: Sequence[str], folder: Path, log: Path, *, restart_delay_s: float = RESTART_DELAY_S
) -> int:  # fmt: skip
    """Run a program until it ends with 0. Task Scheduler restarts what it couldn't start, not what failed."""
    while True:
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            replace(log, log.with_name(f"{log.name}.1"))
        with log.open("ab") as sink:
            sink.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} {subprocess.list2cmdline(command)}\n".encode())
            sink.flush()
            process = start_group(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, creationflags=_NO_WINDOW
            )
            with guarded(process):
                code = process.wait()
            if code == 0:
                return 0
            sink.write(f"--- It ended with {code}, and is started again in {restart_delay_s:g} s.\n".encode())
        time.sleep(restart_delay_s)


def read_secrets(path: Path) -> Mapping[str, str]:
    """Return the variables of a file like systemd's EnvironmentFile=; none if there is no such file."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError:
        return {}
    assignments = [line.strip().partition("=")[::2] for line in lines if not line.lstrip().startswith(("#", ";"))]
    return {name.strip(): _unquoted(value.strip()) for name, value in assignments if name.strip()}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m system.run_service", description=__doc__)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--secrets", type=Path, required=True, help="file with more variables, which may be missing")
    parser.add_argument("--log", type=Path, help="file of its output; with it, a program that fails is started again")
    parser.add_argument("--folder", type=Path, default=Path(), help="its working folder")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
