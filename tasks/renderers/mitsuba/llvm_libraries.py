"""Finds the LLVM libraries of this machine, which Mitsuba's compiled variants need."""

from __future__ import annotations

import os
import re
from pathlib import Path

from system.software import find, of_system

_LINUX = (
    "/usr/lib/*-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
    "/usr/lib/llvm-*/lib",
    "/usr/lib64/llvm*/lib",
)
_MACOS = ("/opt/homebrew/opt/llvm*/lib", "/usr/local/opt/llvm*/lib")
_WINDOWS = (r"%ProgramFiles%\LLVM*\bin", r"%CONDA_PREFIX%\Library\bin")
_LINUX_NAMES = ("libLLVM.so*", "libLLVM-[0-9]*.so*")


def llvm_libraries() -> list[Path]:
    """Return the LLVM libraries on this machine: only the one named in DRJIT_LIBLLVM_PATH, else all, newest first."""
    named = os.environ.get("DRJIT_LIBLLVM_PATH")
    if named:
        return [Path(named)]
    places = of_system(
        linux=[f"{folder}/{name}" for folder in _LINUX for name in _LINUX_NAMES],
        macos=[f"{folder}/libLLVM.dylib" for folder in _MACOS],
        windows=[rf"{folder}\LLVM-C.dll" for folder in (*_WINDOWS, *os.get_exec_path())],
    )
    found = find(*places)
    return sorted({path.resolve(): path for path in found}.values(), key=_llvm_version, reverse=True)


def _llvm_version(path: Path) -> tuple[int, ...]:
    numbers = re.findall(r"\d+", path.name) or re.findall(r"llvm-?@?(\d+)", str(path.resolve()))
    return tuple(int(number) for number in numbers)
