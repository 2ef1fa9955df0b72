"""Takes 3dsmaxcmd's place: understands its documented flags and no others."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from tests.renderers.stand_ins.acting import Part, hang, picture, refuse, save

KNOWN = {
    "outputName": r".+\.exr", "w": r"\d+", "h": r"\d+", "start": r"\d+", "end": r"\d+", "showRFW": "[01]", "v": "[0-5]",
    "camera": ".+",
}  # fmt: skip
CODES = {"licence code": 248, "crash": 253, "adp": 244, "fails": 1}


def main() -> None:
    part, flags = Part(), {}
    for word in sys.argv[1:-1]:
        match = re.fullmatch(r"-(\w+):(.*)", word)
        if not match or not re.fullmatch(KNOWN.get(match[1], "(?!)"), match[2]):
            refuse(f"unknown flag {word}")
            continue
        flags[match[1]] = match[2]
    if not sys.argv[-1].endswith(".max"):
        refuse("the scene must come last")
    part.note_call(flags)
    if flags.get("showRFW") != "0" or part.does == "dialog":
        hang()
    if part.does in CODES:
        raise SystemExit(CODES[part.does])
    if part.does == "adp once" and part.first("setup"):
        print("ADP failed to start")
        raise SystemExit(CODES["adp"])
    if part.does == "hidden":
        log = Path(os.environ["LOCALAPPDATA"], "Autodesk/3dsMax/2025 - 64bit/ENU/Max.log")
        with log.open("a") as lines:
            lines.write("2026/01/01 ERR: [V-Ray] Missing external file: C:/maps/oak.png\n")
        raise SystemExit(1)
    frame = int(flags["start"])
    name = flags["outputName"].replace(".exr", f"{frame:04d}.exr")
    save(name, picture(0, 0, int(flags["w"]), int(flags["h"]), frame))


if __name__ == "__main__":
    main()
