"""Try a Blender with each of its devices, and print as JSON which work. Run as ``python -m``."""

from __future__ import annotations

import json
import sys

from tasks.renderers.blender.link import BlenderError, link


def main(path: str) -> None:
    """Exit with 0 if at least the CPU renders the small scene as it must be."""
    blender = link(path)
    told = blender.ask("builds")
    working, faults = [], []
    for device in told["devices"]:
        try:
            fault = blender.ask("try_out", device=device)
        except BlenderError as error:
            fault = str(error)
        if fault:
            faults.append(f"{device}: {fault}")
        else:
            working.append(device)
    if "CPU" not in working:
        raise SystemExit(f"error: Blender {told['version']} can't render: {'; '.join(faults)}")
    sys.stdout.flush()
    print("\n" + json.dumps({"version": told["version"], "devices": working}))


if __name__ == "__main__":
    main(sys.argv[1])
