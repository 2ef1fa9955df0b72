"""Renders a small scene with POV-Ray and exits with 0 if the picture is right. Run as ``python -m``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from system.files import temporary_folder
from tasks.renderers.povray.program import environment, include_folders
from tasks.renderers.program.picture import read

_SCENE = """#version 3.7;
global_settings { assumed_gamma 1.0 }
#include "colors.inc"
camera { location -4*z look_at 0 }
light_source { <3,5,-4>, rgb 1 }
sphere { 0, 1.2 pigment { Orange } finish { ambient 0 diffuse 0.5 emission 0.25 reflection 0.1 } }
"""
_SIZE = 16
_EXPECTED = (
    ((0, 0), (0.0, 0.0, 0.0)),
    ((3, 8), (0.712, 0.356, 0.0)),
    ((8, 5), (0.270, 0.135, 0.0)),
    ((8, 8), (0.458, 0.229, 0.0)),
    ((11, 9), (0.250, 0.125, 0.0)),
)
"""Rows and columns that are checked, and their colours: lit, in the shade, and beside the sphere."""
_TOLERANCE = 0.01
_TIMEOUT_S = 60.0


def main(program: str) -> None:
    """Render the scene, which uses an include file, and check some of its pixels."""
    with temporary_folder() as folder:
        scene = folder / "canary.pov"
        scene.write_text(_SCENE, encoding="utf-8")
        scene.with_name("none.ini").write_text("Display=Off\n", encoding="utf-8")
        command = [program, "+Icanary.pov", "+Ocanary.exr", "+FE", f"+W{_SIZE}", f"+H{_SIZE}", "-D", "-GS", "-GR"]
        command += [f"+L{place}" for place in include_folders(Path(program))]
        done = subprocess.run(
            command, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{done.stderr}\n{done.stdout}")
        picture = read(scene.with_suffix(".exr"), "it")
    for place, expected in _EXPECTED:
        found = picture[place].tolist()
        if max(abs(value - right) for value, right in zip(found, expected, strict=True)) > _TOLERANCE:
            rounded = [round(value, 3) for value in found]
            raise SystemExit(f"error: the canary is {rounded} at {place} instead of {list(expected)}")


if __name__ == "__main__":
    main(sys.argv[1])
