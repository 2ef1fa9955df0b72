"""Shared libraries: which ones a program lacks, and how to install them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.renderers.diagnosis.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LDD_TIMEOUT_S = 20.0

DEBIAN = {
    "libasound.so.2": "libasound2",
    "libcairo.so.2": "libcairo2",
    "libcups.so.2": "libcups2",
    "libdbus-1.so.3": "libdbus-1-3",
    "libdrm.so.2": "libdrm2",
    "libEGL.so.1": "libegl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libgbm.so.1": "libgbm1",
    "libGL.so.1": "libgl1",
    "libGLU.so.1": "libglu1-mesa",
    "libGLX.so.0": "libglx0",
    "libgomp.so.1": "libgomp1",
    "libICE.so.6": "libice6",
    "libjpeg.so.62": "libjpeg62-turbo",
    "libncurses.so.6": "libncurses6",
    "libnss3.so": "libnss3",
    "libOpenCL.so.1": "ocl-icd-libopencl1",
    "libOpenGL.so.0": "libopengl0",
    "libpng16.so.16": "libpng16-16",
    "libpulse.so.0": "libpulse0",
    "libSM.so.6": "libsm6",
    "libstdc++.so.6": "libstdc++6",
    "libtbb.so.12": "libtbb12",
    "libtiff.so.6": "libtiff6",
    "libvulkan.so.1": "libvulkan1",
    "libwayland-client.so.0": "libwayland-client0",
    "libX11.so.6": "libx11-6",
    "libXcursor.so.1": "libxcursor1",
    "libXext.so.6": "libxext6",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXinerama.so.1": "libxinerama1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libXmu.so.6": "libxmu6",
    "libXpm.so.4": "libxpm4",
    "libXrandr.so.2": "libxrandr2",
    "libXrender.so.1": "libxrender1",
    "libXt.so.6": "libxt6",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libz.so.1": "zlib1g",
}
"""Which Debian package a library is in."""


def install_hint(library: str, *, again: bool = False) -> str:
    """Return how to get a library; empty where only the renderer's own installation has it."""
    name = Path(library).name
    if name in DEBIAN and again:
        return f"Install it again (Debian, Ubuntu: apt-get install --reinstall {DEBIAN[name]})."
    if name in DEBIAN:
        return f"Install it (Debian, Ubuntu: apt-get install {DEBIAN[name]})."
    if name.startswith(("libcuda.so", "libnvoptix.so", "libnvidia-")):
        return "Install the graphics card's own driver."
    return ""


def missing_library(files: Sequence[Path], bundled: Iterable[str]) -> Finding | None:
    """Ask the loader which libraries programs and libraries lack.

    Parameters
    ----------
    files
        The programs and libraries.
    bundled
        Names of files that the renderer brings along and finds by itself, which the loader alone may not.
    """
    missing = [name for name in _not_found(files) if name not in set(bundled)]
    if not missing:
        return None
    first, others = missing[0], missing[1:]
    more = f", and {len(others)} more ({', '.join(others[:4])})" if others else ""
    return Finding(cause=f"the library {first} is missing{more}", remedy=_install_all(missing))


def loaded_libraries(program: Path) -> list[Path]:
    """Ask the loader which libraries a program loads, as far as it gets: a truncated one may end it."""
    environment = {**os.environ, "LD_TRACE_LOADED_OBJECTS": "1", "LD_DEBUG": "libs"}
    try:
        done = subprocess.run(
            [program], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=LDD_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return []
    found = re.findall(r"(?:trying file=|=> )(/\S+)", done.stderr + done.stdout)
    return [path for name in dict.fromkeys(found) if (path := Path(name)).is_file()]


def _install_all(names: Sequence[str]) -> str:
    packages = [DEBIAN[name] for name in names if name in DEBIAN]
    if len(packages) > 1:
        return f"Install them (Debian, Ubuntu: apt-get install {' '.join(packages)})."
    return install_hint(names[0])


def _not_found(files: Sequence[Path]) -> list[str]:
    try:
        done = subprocess.run(
            ["ldd", *map(str, files)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LDD_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return list(dict.fromkeys(re.findall(r"^\s*(\S+) => not found", done.stdout, re.MULTILINE)))
