"""Versions that must be the same on all machines of a farm: Frontburner's own, its source's digest, and a few more."""

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
_FOLDERS = ("flows", "frontburner", "tasks", "storage", "system")
_DIGITS = 8


@cache
def versions() -> dict[str, str]:
    """Return this machine's versions. What isn't installed is left out."""
    python = ".".join(platform.python_version_tuple()[:2])  # compiled packages and pickles depend on no more of it
    found = {"frontburner": f"{_version('frontburner')} {_source_digest()}".strip(), "python": python}
    return found | {name: version for name in PACKAGES if (version := _version(name))}


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """Say in which versions another machine differs, of those that both have."""
    differing = [name for name in here if name in there and here[name] != there[name]]
    return [f"{name} {there[name]} instead of {here[name]}" for name in differing]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _source_digest() -> str:
    """Digest of the source, which can differ between machines of the same version."""
    digest = hashlib.sha256()
    for folder in _FOLDERS:
        for path in sorted((_ROOT / folder).rglob("*.py")):
            digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:_DIGITS]
