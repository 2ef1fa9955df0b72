"""The packages of a node: those of the lock file that it needs on its system, and copies of them on the manager."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.tags import mac_platforms
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from frontburner.node_setup.own_wheel import LOCKS, lock_file
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SYSTEMS = ("windows-amd64", "linux-x86_64", "linux-aarch64", "darwin-arm64", "darwin-x86_64")
"""Systems of nodes, as Python's ``platform`` names them."""
PYTHON = ".".join(platform.python_version_tuple()[:2])
"""Version of the manager's Python, which its nodes have too."""
EXTRAS = ("all",)
_ENTRY = re.compile(r"(?m)^(?=[A-Za-z0-9])")
_HASH = re.compile(r"--hash=(\S+)")
_NEWEST_GLIBC = 40
_NEWEST_MACOS = (26, 0)
_SYSTEM_NAMES = {"windows": ("nt", "win32", "Windows"), "linux": ("posix", "linux", "Linux"),
                 "darwin": ("posix", "darwin", "Darwin")}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """A package of the lock file.

    Parameters
    ----------
    requirement
        Its name, exact version, and the systems it is for.
    hashes
        Of all its files, as ``sha256:…``.
    """

    requirement: Requirement
    hashes: Sequence[str]

    @property
    def name(self) -> str:
        """Its name in normal form."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """Its version."""
        return next(iter(self.requirement.specifier)).version

    def line(self) -> str:
        """Return it as pip reads it, for any system."""
        hashes = "".join(f" --hash={each}" for each in self.hashes)
        return f"{self.requirement.name}=={self.version}{hashes}\n"


def node_packages(system: str) -> list[LockedPackage]:
    """Return the packages that a node needs on a system, Frontburner itself left out.

    Raises
    ------
    FrontburnerError
        When the system is unknown.
    """
    environment = marker_environment(system)
    locked: dict[str, list[LockedPackage]] = defaultdict(list)
    for name in LOCKS:
        for package in parse_lock(lock_file(name).read_text(encoding="utf-8")):
            locked[package.name].append(package)
    renderers = [
        package.name for package in parse_lock(lock_file(LOCKS[1]).read_text(encoding="utf-8")) if _installed(package)
    ]
    needed = _closure("frontburner", EXTRAS, environment) | set(renderers)
    packages = (package for name in sorted(needed) for package in locked[name])
    return [package for package in packages if _applies(package.requirement, environment)]


def parse_lock(text: str) -> Iterator[LockedPackage]:
    """Yield the packages of a lock file, whose lines are continued by backslashes."""
    for entry in _ENTRY.split(text.replace("\\\n", " ")):
        if entry[:1].isalnum():
            requirement = entry.partition("--hash=")[0].strip()
            yield LockedPackage(requirement=Requirement(requirement), hashes=_HASH.findall(entry))


def marker_environment(system: str) -> dict[str, str]:
    """Return the variables by which requirements say what they are for, as they are on another system."""
    if system not in SYSTEMS:
        raise FrontburnerError(
            reason=f"{system[:40]!r} isn't a system that nodes are set up on.",
            remedy=f"These are: {', '.join(SYSTEMS)}.",
        )
    name, _, machine = system.partition("-")
    os_name, sys_platform, platform_system = _SYSTEM_NAMES[name]
    return {
        "implementation_name": "cpython", "implementation_version": platform.python_version(), "os_name": os_name,
        "platform_machine": "AMD64" if name == "windows" else machine, "platform_release": "",
        "platform_system": platform_system, "platform_version": "",
        "python_full_version": platform.python_version(), "platform_python_implementation": "CPython",
        "python_version": PYTHON, "sys_platform": sys_platform,
    }  # fmt: skip


def kept_wheels(folder: Path, packages: Iterable[LockedPackage]) -> tuple[list[str], bool]:
    """Return which wheels of a folder are of these packages, and whether there is one for each of them."""
    wanted = {(package.name, package.version) for package in packages}
    found = {path.name: key for path in folder.glob("*.whl") if (key := _wheel_key(path.name)) in wanted}
    return sorted(found), wanted <= set(found.values())


def download(system: str, folder: Path) -> None:
    """Download the packages that a node needs on a system into a folder, from the index that pip uses.

    Raises
    ------
    FrontburnerError
        When pip can't get one of them.
    """
    packages = node_packages(system)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "requirements.txt"
        file.write_text("".join(package.line() for package in packages), encoding="utf-8")
        options = [option for tag in wheel_platforms(system) for option in ("--platform", tag)]
        command = [
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--require-hashes", "--only-binary", ":all:", "--implementation", "cp", "--python-version", PYTHON,
            "--dest", str(folder), *options, "-r", str(file),
        ]  # fmt: skip
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        last = (result.stderr.strip() or "pip failed").splitlines()[-1]
        raise FrontburnerError(
            reason=f"The packages for {system} couldn't be downloaded: {last}",
            remedy="Check that this machine reaches PyPI, or set PIP_INDEX_URL to a mirror.",
            retryable=True,
        )
    kept, _ = kept_wheels(folder, packages)
    for path in folder.glob("*.whl"):
        if path.name not in kept:
            path.unlink()  # of an earlier version


def wheel_platforms(system: str) -> list[str]:
    """Return the platform tags of wheels that a system can use."""
    name, _, machine = system.partition("-")
    if name == "windows":
        return [f"win_{machine}"]
    if name == "darwin":
        return list(mac_platforms(_NEWEST_MACOS, machine))
    named = [f"manylinux{each}_{machine}" for each in ("2014", "2010", "1")]
    return [f"manylinux_2_{minor}_{machine}" for minor in range(_NEWEST_GLIBC, 4, -1)] + named + [f"linux_{machine}"]


def _closure(name: str, extras: Iterable[str], environment: Mapping[str, str]) -> set[str]:
    """Return the names of all packages that one needs on a system, directly or not.

    What a package needs is known of those that are installed here. Those that are for other systems alone, such as
    pywin32, need nothing else.
    """
    seen: set[tuple[str, str]] = set()
    rest = [(name, extra) for extra in ("", *extras)]
    while rest:
        package, extra = rest.pop()
        if (package, extra) in seen:
            continue
        seen.add((package, extra))
        for requirement in _requirements(package):
            if _applies(requirement, environment, extra):
                rest += [(canonicalize_name(requirement.name), each) for each in ("", *requirement.extras)]
    return {package for package, _ in seen} - {name}


def _requirements(package: str) -> list[Requirement]:
    try:
        return [Requirement(each) for each in importlib.metadata.requires(package) or ()]
    except importlib.metadata.PackageNotFoundError:
        return []


def _applies(requirement: Requirement, environment: Mapping[str, str], extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**environment, "extra": extra})


def _installed(package: LockedPackage) -> bool:
    try:
        return importlib.metadata.version(package.name) == package.version
    except importlib.metadata.PackageNotFoundError:
        return False


def _wheel_key(name: str) -> tuple[str, str] | None:
    try:
        package, version, _, _ = parse_wheel_filename(name)
    except InvalidWheelFilename:
        return None
    return package, str(version)
