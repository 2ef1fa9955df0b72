"""Finds out which Blenders work on this machine: the module of this Python and installed programs; each is tried."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from system.software import find, of_system
from tasks.renderers.blender.link import MODULE
from tasks.renderers.build_names import build_here, program_of
from tasks.renderers.diagnosis import package_fault
from tasks.renderers.trial import Trial, Verdict, record_untried

PROGRAMS_VARIABLE = "FRONTBURNER_BLENDER"
"""Names the program to use; several are separated as in PATH."""
OLDEST_VERSION = (3, 4)
EXACT_SAMPLES_FROM = (5, 0)
"""From this version on, ranges of samples are exact. Before, samples depended on the size of the range."""
_LINUX = ("/opt/blender*/blender", "/usr/local/blender*/blender", "~/blender*/blender")
_MACOS = ("/Applications/Blender*.app/Contents/MacOS/Blender", "~/Applications/Blender*.app/Contents/MacOS/Blender")
_WINDOWS = (
    r"%ProgramFiles%\Blender Foundation\Blender*\blender.exe",
    r"%ProgramFiles(x86)%\Steam\steamapps\common\Blender\blender.exe",
    r"~\blender*\blender.exe",
)
_BLENDER = "Blender 3.4 or newer"
_INSTALL = of_system(
    linux=f"the bpy module (make env-renderers, or pip install --no-deps bpy under Python 3.11) or {_BLENDER}",
    macos=f"{_BLENDER} (brew install --cask blender)",
    windows=f"{_BLENDER} (winget install BlenderFoundation.Blender)",
)
_REMEDY = f"Install {_INSTALL}, or name the program in {PROGRAMS_VARIABLE}."


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildCheck:
    """A Blender and a device, and whether it works here.

    Parameters
    ----------
    build
        Its name: version and device, such as ``5.0.1 cpu``, and its platform; empty where it isn't known.
    path
        The program; empty for the module.
    colours
        Its OpenColorIO configuration.
    reason, remedy
        Empty if it works.
    """

    build: str
    path: str
    colours: str = ""
    reason: str = ""
    remedy: str = ""


def version_of(build: str) -> tuple[int, ...]:
    """Return the version in a build's name."""
    return tuple(int(part) for part in build.partition(" ")[0].split(".") if part.isdigit())


def device_of(build: str) -> str:
    """Return the device in a build's name, as Blender calls it."""
    return program_of(build).rpartition(" ")[2].upper()


@cache
def check_builds() -> tuple[BuildCheck, ...]:
    """Check every Blender on this machine; returns those that work first, and the newest of them first."""
    checks: dict[str, BuildCheck] = {}
    failed = []
    for path in ([MODULE] if _module_version() else []) + programs():
        for check in _check_program(path):
            if check.reason:
                failed.append(check)
            else:
                checks.setdefault(check.build, check)
    working = sorted(checks.values(), key=lambda check: (device_of(check.build) == "CPU", _newest_first(check.build)))
    if not (working or failed):
        failed = [BuildCheck(build="", path="", reason="There is no Blender on this machine.", remedy=_REMEDY)]
    return (*working, *failed)


def colour_config(build: str) -> str:
    """Return the OpenColorIO configuration of a build, the same for all devices; empty if it isn't on this machine."""
    return next((check.colours for check in check_builds() if version_of(check.build) == version_of(build)), "")


def programs() -> list[str]:
    """Return the installed programs: only those named in the environment, else all that are found."""
    named = os.environ.get(PROGRAMS_VARIABLE)
    if named is not None:
        return [path for path in named.split(os.pathsep) if path]
    places = of_system(linux=_LINUX, macos=_MACOS, windows=_WINDOWS)
    newest_first = (path for place in places for path in reversed(find(place)))
    found = [shutil.which("blender"), *map(str, newest_first)]
    return list(dict.fromkeys(str(Path(path).resolve()) for path in found if path))


def _check_program(path: str) -> list[BuildCheck]:
    fault = None if path else package_fault("bpy")
    if fault is not None:
        reason = f"bpy doesn't work: {fault.cause}."
        record_untried("bpy", reason, fault.remedy)
        return [BuildCheck(build="", path=path, reason=reason, remedy=fault.remedy)]
    verdict = _try_start(path) if path else Verdict(ok=True)
    verdict = _try_render(path) if verdict.ok else verdict
    if not verdict.ok:
        return [BuildCheck(build="", path=path, reason=verdict.reason, remedy=verdict.remedy)]
    details = json.loads(verdict.details)
    version = details["version"]
    if version_of(version) < OLDEST_VERSION:
        reason = f"{path} is Blender {version}; Frontburner needs {OLDEST_VERSION[0]}.{OLDEST_VERSION[1]} or newer."
        return [BuildCheck(build="", path=path, reason=reason, remedy=_REMEDY)]
    colours = details["colours"]
    return [
        BuildCheck(build=build_here(f"{version} {device.lower()}"), path=path, colours=colours)
        for device in details["devices"]
    ]


def _try_start(path: str) -> Verdict:
    """Try whether a program starts at all: why it can't is clearest then."""
    return Trial(what=path, command=(path, "--version"), remedy=_by_hand(path), files=(Path(path),)).verdict()


def _by_hand(path: str) -> str:
    return f"Start {path} by hand once to see what it lacks."


def _try_render(path: str) -> Verdict:
    return Trial(
        what=path or f"bpy {_module_version()}",
        command=(sys.executable, "-P", "-m", "tasks.renderers.blender.canary", path),
        remedy=_by_hand(path) if path else "Install bpy again in this environment.",
        facts=(_module_version(), sys.version, *_sources()),
        parts=(Path(path),) if path else _module_parts(),
    ).verdict()


def _newest_first(build: str) -> tuple[int, ...]:
    return tuple(-number for number in version_of(build))


def _sources() -> list[str]:
    """Return the code that runs inside Blender: changed code is another trial."""
    return [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parent / "inside").glob("*.py"))]


def _module_parts() -> tuple[Path, ...]:
    """Return the module's library, without loading it."""
    found = importlib.util.find_spec("bpy")
    return () if found is None or found.origin is None else (Path(found.origin),)


@cache
def _module_version() -> str:
    try:
        return importlib.metadata.version("bpy")
    except importlib.metadata.PackageNotFoundError:
        return ""
