"""Installations of renderers that are broken on purpose, each in one way, and programs that fail as renderers do."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.end_to_end.conftest import TIMEOUT_S

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("mitsuba", "drjit")
AARCH64 = 183


def copied(to: Path, *, noted: bool) -> Path:
    """Copy Mitsuba's installation by hard links; ``noted`` says whether its installer's list comes with it."""
    for package in PACKAGES:
        found = importlib.metadata.distribution(package)
        notes = Path(str(found.locate_file(f"{package}-{found.version}.dist-info")))
        for folder in (Path(str(found.locate_file(package))), notes):
            shutil.copytree(
                folder, to / folder.name, copy_function=_linked, ignore=shutil.ignore_patterns("__pycache__")
            )
        if not noted:
            (to / notes.name / "RECORD").unlink()
    return to


def rewritten(path: Path, data: bytes) -> None:
    """Give a file other bytes; what it was linked to stays as it is."""
    mode = path.stat().st_mode
    path.unlink()
    path.write_bytes(data)
    path.chmod(mode)


def for_another_machine(path: Path) -> None:
    """Make a program or library one for another processor."""
    data = bytearray(path.read_bytes())
    data[18:20] = AARCH64.to_bytes(2, "little")
    rewritten(path, bytes(data))


def cut_off(path: Path) -> None:
    """Leave a third of a file, as a copy that was broken off does."""
    data = path.read_bytes()
    rewritten(path, data[: len(data) // 3])


def half_a_library(folder: Path) -> dict[str, str]:
    """Have programs find a library of the system's that was cut off: what their environment must have for it."""
    folder.mkdir(parents=True)
    whole = next(Path("/usr/lib").glob("*/libpng16.so.16"))
    (folder / whole.name).write_bytes(whole.read_bytes()[:3000])
    return {"LD_LIBRARY_PATH": str(folder)}


def compiled(to: Path, source: str, *options: object) -> Path:
    """Compile a program, or a library with ``-shared``."""
    subprocess.run(
        ["cc", "-o", to, "-x", "c", "-", "-x", "none", *map(str, options)],
        input=source,
        text=True,
        check=True,
        cwd=to.parent,
    )
    return to


def script(to: Path, text: str) -> Path:
    """Write a program in shell."""
    to.write_text("#!/bin/sh\n" + textwrap.dedent(text))
    to.chmod(0o755)
    return to


def alone(code: str, *arguments: object, wrapper: tuple[str, ...] = (), **environment: str) -> str:
    """Run Python code as another process, user or namespace; returns what it printed."""
    done = subprocess.run(
        [*wrapper, sys.executable, "-P", "-c", textwrap.dedent(code), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _linked(source: str, target: str) -> None:
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copy2(source, target)
