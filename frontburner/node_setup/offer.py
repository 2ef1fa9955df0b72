"""What the manager offers a machine to install: its own wheel, the packages with their hashes, and those it keeps."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

from frontburner.node_setup.own_wheel import own_wheel
from frontburner.node_setup.packages import PYTHON, SYSTEMS, kept_wheels, node_packages
from tasks.node.versions import versions

if TYPE_CHECKING:
    from pathlib import Path


def wheels_folder(home: Path) -> Path:
    """Return the manager's folder of packages for nodes; each system has its own in it."""
    return home / "manager" / "wheels"


def offer(system: str, wheels: Path) -> dict[str, Any]:
    """Return what is to be installed on a system, as `set_up` reads it.

    Raises
    ------
    FrontburnerError
        When the system is unknown, or the manager was installed without its list of packages.
    """
    packages, own = node_packages(system), own_wheel()
    kept, complete = kept_wheels(wheels / system, packages)
    return {
        "version": versions()["frontburner"],
        "python": PYTHON,
        "wheel": {"name": own.name, "version": importlib.metadata.version("frontburner"), "sha256": own.sha256},
        "requirements": "".join(package.line() for package in packages),
        "packages": kept,
        "complete": complete,
    }


def kept_wheel(wheels: Path, system: str, name: str) -> Path | None:
    """Return the file of a kept package; None if there is none. A name leads nowhere else."""
    if system not in SYSTEMS or not name.endswith(".whl") or "/" in name or "\\" in name:
        return None
    path = wheels / system / name
    return path if path.is_file() else None
