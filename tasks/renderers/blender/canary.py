"""Tries a Blender with each of its devices, and prints as JSON which work. Run as ``python -m``."""

from __future__ import annotations

import json
import sys

import numpy as np

from tasks.errors import ProgramFailed
from tasks.renderers.blender.link import BlenderError, Link, link, render_to_array
from tasks.renderers.trial import FOUND_PREFIX

SIZE = (16, 16)
ALBEDO = (0.25, 0.5, 0.75)
"""As in `inside.canary`."""
TOLERANCE = 0.02


def main(path: str) -> None:
    """Exit with 0 if at least the CPU renders the small scene correctly."""
    blender = link(path)
    try:
        builds = blender.call("builds")
    except ProgramFailed as error:
        raise SystemExit(f"error: {error.reason.rstrip('.')} when it was asked for its version") from None
    working, faults = [], []
    for device in builds["devices"]:
        fault = _fault(blender, device)
        if fault:
            faults.append(f"{device}: {fault}")
        else:
            working.append(device)
    if "CPU" not in working:
        raise SystemExit(f"error: Blender {builds['version']} can't render: {'; '.join(faults)}")
    sys.stdout.flush()
    print(f"\n{FOUND_PREFIX} " + json.dumps(builds | {"devices": working}))


def _fault(blender: Link, device: str) -> str:
    """Say what is wrong with the small scene's picture; empty if nothing is."""
    try:
        means, _ = render_to_array(lambda file: blender.call("try_out", device=device, file=file), *SIZE)
    except (BlenderError, ProgramFailed, OSError) as error:
        return str(error)
    found = means[..., :3].mean(axis=(0, 1))
    if np.abs(found - ALBEDO).max() <= TOLERANCE:
        return ""
    return f"its small scene is {found.round(3).tolist()} instead of {list(ALBEDO)}"


if __name__ == "__main__":
    main(sys.argv[1])
