"""The renderer alone, the reference for the farm: whole frames by Mitsuba's own loop, in one process on all cores."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tasks.renderers.mitsuba.builds import check_builds
from tasks.scene import animation

ROOT = Path(__file__).resolve().parents[1]


def render_alone(scene: Path, *, size: str, samples: int, frames: int) -> dict[str, Any]:
    """Run this module in a new process; returns what it prints."""
    command = [sys.executable, "-m", "benchmarks.alone", str(scene), "--size", size]
    command += ["--samples", str(samples), "--frames", str(frames)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return printed


def main() -> None:
    """Render frames, and print the seconds it took without start-up."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scene", type=Path)
    parser.add_argument("--size", required=True)
    parser.add_argument("--samples", type=int, required=True)
    parser.add_argument("--frames", type=int, default=1)
    given = parser.parse_args()
    check = next(check for check in check_builds() if check.ok)
    if check.library:
        os.environ["DRJIT_LIBLLVM_PATH"] = check.library
    import drjit as dr
    import mitsuba as mi

    mi.set_variant(check.variant)
    mi.file_resolver().append(  # type: ignore[operator]
        str(given.scene.resolve().parent)
    )
    keys = animation.animation_of(given.scene)
    began_s = time.perf_counter()
    for frame in range(1, given.frames + 1):
        config = mi.parser.ParserConfig(check.variant)
        config.unused_parameters = mi.LogLevel.Debug
        parameters = dict(keys.at(frame)) | {"frame": str(frame)}
        state = mi.parser.parse_file(config, str(given.scene), **parameters)
        mi.parser.transform_all(config, state)
        _resize(state, given.size)
        picture = mi.render(mi.parser.instantiate(config, state), spp=given.samples)
        dr.eval(picture)
        dr.sync_thread()
    render_s = time.perf_counter() - began_s
    mean = float(picture.numpy()[..., :3].mean())
    print(json.dumps({"render_s": render_s, "build": check.build, "mean": mean}))


def _resize(state: object, size: str) -> None:
    for node in state.nodes:  # type: ignore[attr-defined]
        if node.props.plugin_name() == "hdrfilm":
            node.props["width"], node.props["height"] = map(int, size.split("x"))


if __name__ == "__main__":
    main()
