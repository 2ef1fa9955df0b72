"""Finds the LLVM libraries of this machine, which Mitsuba's compiled variants need."""

from __future__ import annotations

import os
import re
from pathlib import Path

_FOLDERS = (
    "/usr/lib/*-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
    "/usr/lib/llvm-*/lib",
    "/usr/lib64/llvm*/lib",
    "/opt/homebrew/opt/llvm*/lib",
    "/usr/local/opt/llvm*/lib",
)


def llvm_libraries() -> list[Path]:
    """Return the LLVM libraries on this machine: only the one named in DRJIT_LIBLLVM_PATH, else all, newest first."""
    named = os.environ.get("DRJIT_LIBLLVM_PATH")
    if named:
        return [Path(named)]
    found = {
        path.resolve(): path
        for folder in _FOLDERS
        for pattern in ("libLLVM.so*", "libLLVM-[0-9]*.so*", "libLLVM.dylib")
        for path in sorted(Path("/").glob(f"{folder}/{pattern}".lstrip("/")))
        if path.exists()
    }
    return sorted(found.values(), key=_llvm_version, reverse=True)


def _llvm_version(path: Path) -> tuple[int, ...]:
    numbers = re.findall(r"\d+", path.name) or re.findall(r"llvm-?@?(\d+)", str(path.resolve()))
    return tuple(int(number) for number in numbers)
