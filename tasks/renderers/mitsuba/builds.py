"""Finds out which builds of Mitsuba work on this machine, by trying each in a process of its own."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from system.software import how_to_install
from tasks.renderers.build_names import build_here, program_of
from tasks.renderers.diagnosis import package_fault
from tasks.renderers.mitsuba.llvm_libraries import llvm_libraries
from tasks.renderers.trial import Trial, record_untried

PACKAGES = ("mitsuba", "drjit")
_CANARY = tuple(Path(__file__).with_name(name) for name in ("canary.py", "canary.json"))
_NO_LLVM = "No LLVM library was found."
_INSTALL = how_to_install(apt="libllvm19", brew="llvm@19", winget="LLVM.LLVM")
_REMEDY = (
    f"Install LLVM 19 ({_INSTALL}), or name a library in DRJIT_LIBLLVM_PATH; "
    "until then scalar_rgb is used, which is two to three times slower."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildCheck:
    """Whether a build works here, and why not.

    Parameters
    ----------
    build
        Its name: version and variant, such as ``3.9.1 llvm_ad_rgb``, and its platform.
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
    return program_of(build).rpartition(" ")[2]


def installed() -> bool:
    """Whether the Python package is installed here, damaged or not."""
    try:
        return bool(_version())
    except importlib.metadata.PackageNotFoundError:
        return False


@cache
def check_builds() -> tuple[BuildCheck, ...]:
    """Try all builds on this machine, best first. Stops at the first LLVM library that works.

    A damaged installation isn't tried: it might render wrong pictures.
    """
    fault = next(filter(None, map(package_fault, PACKAGES)), None)
    if fault:
        reason = f"Mitsuba doesn't work: {fault.cause}."
        record_untried("Mitsuba", reason, fault.remedy)
        return (BuildCheck(build="mitsuba", library="", ok=False, reason=reason, remedy=fault.remedy),)
    checks: list[BuildCheck] = []
    for library in llvm_libraries():
        checks.append(check_build("llvm_ad_rgb", str(library)))
        if checks[-1].ok:
            break
    if not checks:
        build = build_here(f"{_version()} llvm_ad_rgb")
        record_untried(build, _NO_LLVM, _REMEDY)
        checks.append(BuildCheck(build=build, library="", ok=False, reason=_NO_LLVM, remedy=_REMEDY))
    scalar = check_build("scalar_rgb", "")
    return tuple(sorted([*checks, scalar], key=lambda c: not c.ok))


def check_build(variant: str, library: str) -> BuildCheck:
    """Check whether a variant works here with an LLVM library, by the cached verdict or by trying."""
    trial = Trial(
        what=f"{Path(library).name} with {variant}" if library else variant,
        command=(sys.executable, "-P", "-m", "tasks.renderers.mitsuba.canary", variant),
        environment={"DRJIT_LIBLLVM_PATH": library} if library else {},
        remedy=_REMEDY if library else "Install mitsuba again in this environment.",
        facts=(
            _version(),
            importlib.metadata.version("drjit"),
            platform.python_version(),
            *(path.read_text(encoding="utf-8") for path in _CANARY),
        ),
        files=(Path(library),) if library else (),
        parts=_folders(),
    )
    verdict = trial.verdict()
    build = build_here(f"{_version()} {variant}")
    return BuildCheck(build=build, library=library, ok=verdict.ok, reason=verdict.reason, remedy=verdict.remedy)


@cache
def _version() -> str:
    return importlib.metadata.version("mitsuba")


def _folders() -> tuple[Path, ...]:
    """Return where the packages are, without importing them."""
    found = (importlib.metadata.distribution(package).locate_file(package) for package in PACKAGES)
    return tuple(Path(str(folder)) for folder in found)
