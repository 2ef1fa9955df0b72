"""Make this folder's environment: .venv from the lock file, and `frontburner` where a terminal finds it.

`setup.ps1` and `setup.sh` find a Python that can run it; it needs nothing but that Python.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent
WINDOWS = os.name == "nt"
EARLIEST = (3, 11)
BUILDS = ("hatchling", "editables")
"""What installs the checkout itself."""
_LONGEST_IN_VENV = 195
"""Characters of the longest path that is installed, from the folder of `.venv`."""
_MAX_PATH = 259
_ENTRY = re.compile(r"(?m)^(?=[A-Za-z0-9])")
_SELF = re.compile(r"frontburner\[([\w,-]+)\]")


class SetupFailed(Exception):
    """The environment can't be made: what happened, and what to do."""


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Do what the arguments say, and return the exit code."""
    options = _options(arguments)
    try:
        if options.uninstall:
            uninstall(root)
        else:
            set_up(root, extras=_named(options.extras), blender=options.blender)
            if not options.no_path:
                add_launcher(root)
            if not options.no_menu:
                add_menu_entry(root)
    except SetupFailed as failed:
        say(str(failed))
        return 1
    return 0


def set_up(root: Path, *, extras: str | None, blender: bool) -> None:
    """Make the environment, or bring it up to date with the lock file.

    Parameters
    ----------
    extras
        Extras of `pyproject.toml`, separated by commas; empty is none of them, None everything in the lock file.
    blender
        Also install Blender.
    """
    check_python(sys.version_info[:2], is_64_bit=sys.maxsize > 1 << 32)
    check_length(root)
    python = python_of(root)
    if not python.exists():
        say(f"The environment is made in {root / '.venv'}, of Python {sys.version.split()[0]} ({sys.executable}).")
        run([sys.executable, "-m", "venv", str(root / ".venv")], "The environment couldn't be made.")
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        chosen = Path(folder) / "chosen.lock"
        chosen.write_text(lock if extras is None else part(lock, names(root, lock, extras)), encoding="utf-8")
        say("Its packages are installed: some minutes the first time.")
        pip(python, "--no-deps", "--require-hashes", "-r", str(chosen))
    if blender:
        pip(python, "--no-deps", "--require-hashes", "-r", str(root / "requirements-renderers.lock"))
    pip(python, "--no-deps", "--no-build-isolation", "-e", str(root))


def check_python(version: tuple[int, ...], *, is_64_bit: bool) -> None:
    """Refuse a Python that is too old, or of 32 bits."""
    if version < EARLIEST or not is_64_bit:
        bits = "" if is_64_bit else " of 32 bits"
        raise SetupFailed(
            f"This Python {version[0]}.{version[1]}{bits} ({sys.executable}) can't be used: Frontburner needs "
            f"Python {EARLIEST[0]}.{EARLIEST[1]} or newer, of 64 bits."
        )


def check_length(root: Path) -> None:
    """Refuse a folder whose files' paths would be longer than Windows allows."""
    if WINDOWS and len(str(root)) > _MAX_PATH - _LONGEST_IN_VENV and not _long_paths():
        raise SetupFailed(
            f"{root} is too long a path: files in it would have paths of more than {_MAX_PATH} characters, which this "
            "Windows doesn't allow. Move the folder, for instance to C:\\frontburner, and run this there."
        )


def names(root: Path, lock: str, extras: str) -> set[str]:
    """Return the names of the packages that some extras need on this machine, as pip finds them."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *of_extras(project["optional-dependencies"], extras), *BUILDS]
    with tempfile.TemporaryDirectory() as folder:
        report, versions = Path(folder) / "report.json", Path(folder) / "versions.txt"
        versions.write_text("".join(f"{entry.split(chr(92))[0].strip()}\n" for entry in entries(lock)))
        pip(python_of(root), "--dry-run", "--ignore-installed", "--report", str(report), "-c", str(versions), *wanted)
        return {normal(each["metadata"]["name"]) for each in json.loads(report.read_text("utf-8"))["install"]}


def of_extras(declared: dict[str, list[str]], extras: str) -> Iterator[str]:
    """Yield what extras need; one may name others."""
    for extra in filter(None, (each.strip() for each in extras.split(","))):
        if extra not in declared:
            raise SetupFailed(f"There is no extra {extra}. There are {', '.join(declared)}, and none.")
        for requirement in declared[extra]:
            if others := _SELF.fullmatch(requirement):
                yield from of_extras(declared, others[1])
            else:
                yield requirement


def part(lock: str, chosen: Iterable[str]) -> str:
    """Return the entries of a lock file for some packages."""
    wanted = {normal(name) for name in chosen}
    return "".join(entry for entry in entries(lock) if normal(re.split(r"[=\[ ]", entry, maxsplit=1)[0]) in wanted)


def entries(lock: str) -> list[str]:
    """Split a lock file into its packages."""
    return [entry for entry in _ENTRY.split(lock) if entry[:1].isalnum()]


def normal(name: str) -> str:
    """Return a package's name in the one form in which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def launcher() -> Path:
    """Return the file by which terminals find `frontburner`, in a folder that is on the PATH of most systems."""
    if WINDOWS:
        return Path(os.environ["LOCALAPPDATA"]) / "Microsoft" / "WindowsApps" / "frontburner.exe"
    return Path.home() / ".local" / "bin" / "frontburner"


def add_launcher(root: Path) -> None:
    """Make `frontburner` in a terminal mean the one of this environment."""
    place, program = launcher(), program_of(root)
    place.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(place):
        place.unlink()
    if WINDOWS:
        shutil.copy(program, place)  # it has the path of its Python in it
    else:
        place.symlink_to(program)
    folders = [os.path.normcase(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    if os.path.normcase(place.parent) in folders:
        say("Done. Try: frontburner --help")
    elif WINDOWS:
        say(f"Done. {place.parent} isn't on the PATH of this machine: add it, or use {program}.")
    else:
        say(f'Done. For `frontburner` to be found, add to your shell\'s profile: export PATH="{place.parent}:$PATH"')


def is_own_launcher(place: Path, root: Path) -> bool:
    """Whether a launcher is that of this environment."""
    if place.is_symlink():
        return place.readlink() == program_of(root)
    return place.is_file() and str(python_of(root)).encode().lower() in place.read_bytes().lower()


def add_menu_entry(root: Path) -> None:
    """Add "Frontburner" to the start menu or the desktop's applications, where the system has one."""
    module = [str(python_of(root)), "-m", "system.start_menu"]
    if subprocess.run([*module, "add", str(program_of(root))], cwd=root, check=False).returncode:
        say("There is no entry in the menu of applications: frontburner farm open does what it would do.")


def uninstall(root: Path) -> None:
    """Remove what was set up, and what starts with the machine; pictures and the farm's data stay."""
    python = python_of(root)
    if python.exists():
        for command in (["frontburner.cli", "farm", "uninstall"], ["frontburner.cli", "node", "uninstall", "--keep"],
                        ["frontburner.cli", "farm", "down"], ["system.start_menu", "remove"]):  # fmt: skip
            subprocess.run([str(python), "-m", *command], cwd=root, check=False)
    if is_own_launcher(launcher(), root):
        launcher().unlink()
    try:
        shutil.rmtree(root / ".venv", ignore_errors=False)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise SetupFailed(
            f"{error.filename} can't be removed: {error.strerror}. End what uses it, and try again."
        ) from None
    say(f"The environment is removed. Jobs, logs and the farm's data stay; {root} can be deleted.")


def python_of(root: Path) -> Path:
    """Return the Python of the environment."""
    return root / ".venv" / ("Scripts/python.exe" if WINDOWS else "bin/python")


def program_of(root: Path) -> Path:
    """Return the program `frontburner` of the environment."""
    return python_of(root).with_name("frontburner.exe" if WINDOWS else "frontburner")


def pip(python: Path, *arguments: str) -> None:
    """Have pip install packages into the environment."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    run(command, "Packages couldn't be installed. If Frontburner runs, end it first: frontburner farm down.")


def run(command: Sequence[str], why: str) -> None:
    """Run a program, whose output is shown; if it fails, so does the set-up."""
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
        raise SetupFailed(f"{why} What was made so far is kept: the same command goes on.")


def say(text: str) -> None:
    """Tell the user something."""
    print(text, file=sys.stderr, flush=True)


def _named(extras: Sequence[str] | None) -> str | None:
    """Return the extras as one text. PowerShell makes several words of names with commas between them."""
    return None if extras is None else "" if list(extras) == ["none"] else ",".join(extras)


def _long_paths() -> bool:
    if sys.platform != "win32":
        return True
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
            return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
    except OSError:
        return False


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="setup.ps1" if WINDOWS else "./setup.sh",
        description="Set Frontburner up in this folder, or bring it up to date.",
    )
    parser.add_argument(
        "--extras", nargs="+", metavar="NAME",
        help="only these extras of pyproject.toml, such as mitsuba,movies; none, for a machine that only submits. "
        "Default: everything in the lock file",
    )  # fmt: skip
    parser.add_argument("--blender", action="store_true", help="also install Blender, which takes Python 3.11")
    parser.add_argument("--no-path", action="store_true", help="don't put `frontburner` on the PATH")
    parser.add_argument("--no-menu", action="store_true", help="no entry in the menu of applications")
    parser.add_argument("--uninstall", action="store_true", help="remove all of it, and what starts with the machine")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
