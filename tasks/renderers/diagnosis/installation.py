"""Checks whether a renderer's packages, programs and libraries are as they were installed."""

from __future__ import annotations

import csv
import importlib.metadata
import os
import re
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tasks.renderers.diagnosis import places
from tasks.renderers.diagnosis.elf import fits, read_elf, this_machine
from tasks.renderers.diagnosis.findings import Finding
from tasks.renderers.diagnosis.libraries import install_hint, loaded_libraries, missing_library

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PYTHON_TAG = re.compile(r"^(.+?)\.(?:cpython|cp|pypy)-?(\d)(\d+)[^/]*\.(?:so|pyd)$")
_MAX_FILES = 200


def package_fault(package: str) -> Finding | None:
    """Return what is wrong with an installed Python package; None if it is complete and of the required version.

    Its files' sizes are compared with those its installer recorded: missing, truncated or exchanged files would
    otherwise show as a strange message or a wrong picture.
    """
    try:
        found = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return Finding(cause=f"the Python package {package} isn't installed", remedy=_pip(package))
    wanted = declared_version(package)
    if wanted and found.version != wanted:
        cause = f"{package} {found.version} is installed, and this Frontburner needs {wanted}"
        return Finding(cause=cause, remedy=_pip(package))
    files = [(PurePosixPath(name), int(size)) for name, _, size in _recorded_files(found) if size]
    folders = {file.parts[0] for file, _ in files if len(file.parts) == 2 and file.stem == "__init__"}
    checked = ((file, size) for file, size in files if file.parts[0].removesuffix(".libs") in folders)
    faults = (_file_fault(package, Path(str(found.locate_file(file))), size) for file, size in checked)
    fault = next(filter(None, faults), None)
    if fault is None:
        return None
    return Finding(cause=fault.cause, remedy=fault.remedy or _pip(package))


def _recorded_files(found: importlib.metadata.Distribution) -> Iterable[list[str]]:
    """Return what an installer recorded of each file: name, digest, size. Python's own reader omits missing ones."""
    return (row for row in csv.reader((found.read_text("RECORD") or "").splitlines()) if len(row) == 3)


def declared_version(package: str) -> str:
    """Return the version of a package that Frontburner requires; empty if any will do."""
    try:
        needed = importlib.metadata.requires("frontburner") or []
    except importlib.metadata.PackageNotFoundError:
        return ""
    pins = (re.fullmatch(r"([\w.-]+)\s*==\s*([\w.+!-]+).*", need) for need in needed)
    return next((pin[2] for pin in pins if pin and pin[1].lower() == package.lower()), "")


def named_fault(parts: Sequence[Path], output: str) -> Finding | None:
    """Check the programs and libraries that the output names: the loader calls a foreign one missing."""
    named = (file for file in _programs(parts) if file.name in output)
    return next((finding for file in named if (finding := binary_fault(file))), None)


def parts_fault(parts: Sequence[Path]) -> Finding | None:
    """Check a renderer's programs and libraries, for faults that its output doesn't name.

    Parameters
    ----------
    parts
        Programs, libraries, and folders of them.
    """
    for part in parts:
        if finding := places.read_fault(part):
            return finding
    files = list(_programs(parts))
    for file in files:
        if finding := binary_fault(file):
            return finding
    return _other_python(files) or _missing_library(parts, files) or _bad_library(files)


def binary_fault(path: Path) -> Finding | None:
    """Return what is wrong with a program's or library's file."""
    if finding := places.read_fault(path):
        return finding
    try:
        elf, length = read_elf(path), path.stat().st_size
    except OSError:
        return None
    if elf is None:
        return None
    if not fits(elf.machine):
        cause = f"{path.name} was built for {elf.machine}, and this machine is {this_machine()}"
        return Finding(cause=cause, remedy=f"Install the renderer's build for {this_machine()}.")
    if length < elf.required_bytes:
        return Finding(cause=f"{path.name} is cut off: {length} of at least {elf.required_bytes} bytes are there")
    if elf.loader and not Path(elf.loader).exists():
        return Finding(
            cause=f"{path.name} needs the loader {elf.loader}, which this system doesn't have",
            remedy="Use the renderer's build for this system.",
        )
    return None


def _file_fault(package: str, path: Path, size_bytes: int) -> Finding | None:
    try:
        actual_bytes = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return Finding(cause=f"the file {path.name} of {package} is missing")
    except OSError:
        return places.read_fault(path) or Finding(cause=f"the file {path.name} of {package} can't be read")
    if actual_bytes != size_bytes:
        how = f"was exchanged or cut off: {actual_bytes} bytes instead of {size_bytes}"
        return Finding(cause=f"the file {path.name} of {package} {how}")
    return None if os.access(path, os.R_OK) else places.read_fault(path)


def _programs(parts: Iterable[Path]) -> Iterable[Path]:
    for part in parts:
        if part.is_file():
            yield part
        elif part.is_dir():
            inside = sorted(path for path in part.iterdir() if ".so" in path.suffixes or path.suffix == ".pyd")
            yield from inside[:_MAX_FILES]


def _other_python(files: Sequence[Path]) -> Finding | None:
    """Return the fault of extension modules that were built for another Python."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX") or ""
    for file in files:
        tag = _PYTHON_TAG.match(file.name)
        if tag and not file.name.endswith(suffix) and not file.with_name(tag[1] + suffix).exists():
            running = f"{sys.version_info.major}.{sys.version_info.minor}"
            return Finding(cause=f"{file.name} was built for Python {tag[2]}.{tag[3]}, and this is Python {running}")
    return None


def _missing_library(parts: Sequence[Path], files: Sequence[Path]) -> Finding | None:
    binaries = [file for file in files if _is_elf(file)]
    bundled = {path.name for part in parts for path in (part if part.is_dir() else part.parent).glob("*.so*")}
    return missing_library(binaries, bundled) if binaries else None


def _bad_library(files: Sequence[Path]) -> Finding | None:
    """Return the fault of a system library a program loads that is truncated or another machine's."""
    for program in (file for file in files if _is_program(file)):
        for library in loaded_libraries(program):
            if finding := binary_fault(library):
                return replace(finding, remedy=finding.remedy or install_hint(library.name, again=True))
    return None


def _is_program(path: Path) -> bool:
    try:
        elf = read_elf(path)
    except OSError:
        return False
    return elf is not None and bool(elf.loader) and ".so" not in path.suffixes


def _is_elf(path: Path) -> bool:
    try:
        return read_elf(path) is not None
    except OSError:
        return False


def _pip(package: str) -> str:
    version = declared_version(package)
    name = f"{package}=={version}" if version else package
    return f"Install it again: {Path(sys.executable).name} -m pip install --force-reinstall --no-deps {name}."
