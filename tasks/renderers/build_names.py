"""Names of builds: version and variant, and the platform they were compiled for, since pixels depend on it.

``3.9.1 scalar_rgb windows-x86_64`` is a build for Windows. One for Linux on x86-64 has no platform in its name, since
there were no others when names became part of every frame's identity.
"""

from __future__ import annotations

import re
from functools import cache

from system.machine import platform_name

ANY = "any"
"""In the place of the platform: pictures may be mixed of builds for several."""
_UNNAMED = "linux-x86_64"
_PLATFORM = re.compile(r"(?:linux|windows|macos)-\w+|any")

_here = cache(platform_name)


def build_here(program: str) -> str:
    """Return the name of a build on this machine, by its version and variant."""
    return program if _here() == _UNNAMED else f"{program} {_here()}"


def program_of(build: str) -> str:
    """Return the version and variant in a build's name."""
    program, _, last = build.rpartition(" ")
    return program if _PLATFORM.fullmatch(last) else build


def platform_of(build: str) -> str:
    """Return the platform that a build is for, or ``any``."""
    return build.removeprefix(program_of(build)).strip() or _UNNAMED


def full_name(build: str) -> str:
    """Return a build's name with its platform, also where that goes without saying."""
    return f"{program_of(build)} {platform_of(build)}"


def for_any_platform(build: str) -> str:
    """Return what a frame asks for that may be mixed of builds like this one."""
    return f"{program_of(build)} {ANY}"


def is_build(build: str, wanted: str) -> bool:
    """Whether a build is the one that is wanted, or one of those for any platform."""
    return build == wanted or (platform_of(wanted) == ANY and program_of(build) == program_of(wanted))


def used_here(wanted: str) -> str:
    """Return the name of the build that renders a frame on this machine."""
    return build_here(program_of(wanted)) if platform_of(wanted) == ANY else wanted


def fits(build: str, asked: str) -> bool:
    """Whether a build is asked for: by its whole name, or by words that words of it begin with, such as ``win``."""
    words = full_name(build).lower().split()
    return build == asked or all(any(word.startswith(part) for word in words) for part in asked.lower().split())
