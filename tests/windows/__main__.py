"""Run tests by Windows' Python: `python -m tests.windows [--short] [arguments of pytest]`.

Without them all tests run that aren't slow, but for those in `tests/windows/left_out.py`; with `--short` those of them
that start nothing and concern what systems do differently, in a few minutes. They run on a machine of their own, so
this tree stays as it is.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.windows.machine import ROOT, windows_machine

WPY = ROOT / "build" / "windows" / "wpy"
SHORT = ["tests/system", "tests/storage", "tests/scene", "tests/node", "tests/tasks", "tests/picture", "-m", "quick"]
OPTIONS = [
    "-m", "not slow", "-q", "--tb=short", "-p", "no:cacheprovider", "--timeout=600", "--color=no", "--dist=worksteal",
    f"-n{os.cpu_count()}",
]  # fmt: skip


def main(arguments: list[str]) -> int:
    """Run tests on a new machine; return pytest's exit code."""
    chosen = [each for argument in arguments for each in (SHORT if argument == "--short" else [argument])]
    wpy = os.environ.get("FRONTBURNER_WINDOWS_PYTHON", str(WPY))
    with TemporaryDirectory(prefix="windows-") as folder, windows_machine(wpy, Path(folder)) as machine:
        tests = machine.start("-m", "pytest", *OPTIONS, *chosen, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert tests.stdout is not None
        for line in tests.stdout:  # Wine can't write to a file or terminal itself
            sys.stdout.write(line.decode(errors="replace").replace("\r", ""))
            sys.stdout.flush()
        return tests.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the machine ends with this program
    sys.exit(main(sys.argv[1:]))
