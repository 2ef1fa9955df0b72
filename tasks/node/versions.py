"""Versions that must be the same on all machines of a farm: Frontburner's own down to its source, and a few others."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGES = ("distributed", "numpy", "mitsuba", "drjit")
_ROOT = Path(__file__).resolve().parents[2]
_FOLDERS = ("flows", "frontburner", "tasks", "storage")
_DIGITS = 8


@cache
def versions() -> dict[str, str]:
    """Return the versions here. What isn't installed isn't named."""
    found = {"frontburner": f"{_version('frontburner')} {_source()}".strip(), "python": _python()}
    return found | {name: version for name in PACKAGES if (version := _version(name))}


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """Say in which versions another machine differs, of those both have."""
    both = [name for name in here if name in there and here[name] != there[name]]
    return [f"{name} {there[name]} instead of {here[name]}" for name in both]


def _python() -> str:
    """Python's version as far as compiled packages and pickles depend on it."""
    return ".".join(platform.python_version_tuple()[:2])


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _source() -> str:
    """Digest of the source, which a version alone doesn't tell apart."""
    digest = hashlib.sha256()
    for folder in _FOLDERS:
        for path in sorted((_ROOT / folder).rglob("*.py")):
            digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:_DIGITS]
