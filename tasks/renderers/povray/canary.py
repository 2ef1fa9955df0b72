"""Render a small scene with a POV-Ray and exit with 0 if its pixels are sound. Run as ``python -m``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tasks.renderers.povray.program import environment, installed
from tasks.renderers.program.picture import read

_SCENE = """#version 3.7;
global_settings { assumed_gamma 1.0 }
#include "colors.inc"
camera { location -4*z look_at 0 }
light_source { <3,5,-4>, rgb 1 }
sphere { 0, 1.2 pigment { rgb 0.5 } finish { ambient 0 diffuse 0.5 emission 0.25 reflection 0.1 } }
"""
_MIDDLE, _SIZE = 8, 16
_WAIT_S = 60.0


def main(program: str) -> None:
    """Render it, an include file and all, and look at the middle."""
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder, "canary.pov")
        scene.write_text(_SCENE)
        scene.with_name("none.ini").write_text("Display=Off\n")
        command = [program, "+Icanary.pov", "+Ocanary.exr", "+FE", f"+W{_SIZE}", f"+H{_SIZE}", "-D", "-GS", "-GR"]
        command += [f"+L{place}" for place in installed(Path(program))]
        done = subprocess.run(
            command, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=_WAIT_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{done.stderr}\n{done.stdout}")
        middle = float(read(scene.with_suffix(".exr"), "it")[_MIDDLE, _MIDDLE, 0])
        if not 0.1 < middle < 1:
            raise SystemExit(f"error: the canary's middle is {middle}")


if __name__ == "__main__":
    main(sys.argv[1])
