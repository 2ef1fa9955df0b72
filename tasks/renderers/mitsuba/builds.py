"""Find out which builds of Mitsuba work on this machine, by really trying each in a process of its own.

A verdict is kept on disk for this version, library and processor, so that it costs a start only once.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from platformdirs import user_cache_path

from tasks.renderers.isa import cpu_flags, cpu_model

_CANARY_S = 120.0
_ROOT = Path(__file__).resolve().parents[3]
_FOLDERS = (
    "/usr/lib/*-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
    "/usr/lib/llvm-*/lib",
    "/usr/lib64/llvm*/lib",
)
_APPLE = ("/opt/homebrew/opt/llvm*/lib", "/usr/local/opt/llvm*/lib")
_NO_LLVM = "No LLVM library was found."
_REMEDY = (
    "Install LLVM 19 (apt-get install libllvm19), or name a library in DRJIT_LIBLLVM_PATH; "
    "until then rendering goes on with scalar_rgb, two to three times slower."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildCheck:
    """Whether a build works here, and why not.

    Parameters
    ----------
    build
        Version and variant, such as ``3.9.1 llvm_ad_rgb``.
    library
        The LLVM library it was tried with; empty if it needs none.
    reason, remedy
        Empty if it works.
    """

    build: str
    library: str
    ok: bool
    reason: str = ""
    remedy: str = ""

    @property
    def variant(self) -> str:
        """Mitsuba's name of the variant."""
        return variant_of(self.build)


def variant_of(build: str) -> str:
    """Variant in a build's name."""
    return build.rpartition(" ")[2]


@cache
def survey() -> tuple[BuildCheck, ...]:
    """Every build that was tried on this machine, best first. Stops at the first LLVM library that works."""
    checks: list[BuildCheck] = []
    for library in llvm_libraries():
        checks.append(check("llvm_ad_rgb", str(library)))
        if checks[-1].ok:
            break
    if not checks:
        build = f"{_version()} llvm_ad_rgb"
        checks.append(BuildCheck(build=build, library="", ok=False, reason=_NO_LLVM, remedy=_REMEDY))
    scalar = check("scalar_rgb", "")
    return tuple(sorted([*checks, scalar], key=lambda c: not c.ok))


def llvm_libraries() -> list[Path]:
    """LLVM libraries on this machine: the one named in DRJIT_LIBLLVM_PATH alone, else all, newest first."""
    named = os.environ.get("DRJIT_LIBLLVM_PATH")
    if named:
        return [Path(named)]
    folders = (*_FOLDERS, *(_APPLE if sys.platform == "darwin" else ()))
    found = {
        path.resolve(): path
        for folder in folders
        for pattern in ("libLLVM.so*", "libLLVM-[0-9]*.so*", "libLLVM.dylib")
        for path in sorted(Path("/").glob(f"{folder}/{pattern}".lstrip("/")))
        if path.exists()
    }
    return sorted(found.values(), key=_llvm_version, reverse=True)


def check(variant: str, library: str) -> BuildCheck:
    """Whether a variant works here with an LLVM library, from an earlier verdict or by trying."""
    key = _key(variant, library)
    verdict = _remembered(key) or _try(variant, library)
    _remember(key, verdict)
    return verdict


def _try(variant: str, library: str) -> BuildCheck:
    """Render the canary in a process of its own, since a bad library ends the process."""
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    if library:
        environment["DRJIT_LIBLLVM_PATH"] = library
    command = [sys.executable, "-P", "-m", "tasks.renderers.mitsuba.canary", variant]
    what = f"{Path(library).name} with {variant}" if library else variant
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_CANARY_S, check=False)
        reason = "" if done.returncode == 0 else f"{what} {_ending(done.returncode)}: {_cause(done.stderr)}."
    except subprocess.TimeoutExpired:
        reason = f"{what} didn't render a small scene in {_CANARY_S:g} s."
    remedy = "" if not reason else _REMEDY if library else "Install mitsuba again in this environment."
    return BuildCheck(build=f"{_version()} {variant}", library=library, ok=not reason, reason=reason, remedy=remedy)


def _ending(code: int) -> str:
    if code >= 0:
        return "fails"
    return "aborts" if code == -signal.SIGABRT else f"ends with {signal.Signals(-code).name}"


def _cause(stderr: str) -> str:
    """Return the line of a process's errors that says most."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"LLVM ERROR|Error\b|error:|failed|could not", line)]
    return (telling or lines or ["it left no message"])[-1][:300].rstrip(".")


def _llvm_version(path: Path) -> tuple[int, ...]:
    numbers = re.findall(r"\d+", path.name) or re.findall(r"llvm-?@?(\d+)", str(path.resolve()))
    return tuple(int(number) for number in numbers)


@cache
def _version() -> str:
    return importlib.metadata.version("mitsuba")


def _key(variant: str, library: str) -> str:
    """Return what a verdict depends on."""
    place: list[object] = [library]
    if library and Path(library).exists():
        stat = Path(library).stat()
        place += [stat.st_size, stat.st_mtime_ns]
    versions = [_version(), importlib.metadata.version("drjit"), platform.python_version()]
    canary = Path(__file__).with_name("canary.py").read_text()
    facts = [variant, place, versions, cpu_model(), sorted(cpu_flags()), canary]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _cache_folder() -> Path:
    return user_cache_path("frontburner") / "builds"


def _remembered(key: str) -> BuildCheck | None:
    try:
        return BuildCheck(**json.loads((_cache_folder() / f"{key}.json").read_text()))
    except (OSError, ValueError, TypeError, RuntimeError):
        return None


def _remember(key: str, verdict: BuildCheck) -> None:
    """Keep a verdict; a cache that can't be written costs time and nothing else."""
    try:
        _cache_folder().mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=_cache_folder(), delete=False) as file:
            json.dump(asdict(verdict), file)
        Path(file.name).replace(_cache_folder() / f"{key}.json")
    except (OSError, RuntimeError):
        return
