"""Takes V-Ray Standalone's place: understands its documented flags and no others."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from tests.renderers.stand_ins.acting import Part, hang, picture, refuse, save

KNOWN = {
    "sceneFile": r".+\.vrscene", "imgFile": r".+\.exr", "imgWidth": r"\d+", "imgHeight": r"\d+",
    "crop": r"\d+;\d+;\d+;\d+", "frames": r"\d+", "noFrameNumbers": "[01]", "numThreads": r"\d+", "display": "[01]",
    "autoClose": "[01]", "verboseLevel": "[0-4]", "showProgress": "[0-2]", "progressUseCR": "[01]",
    "progressUseColor": "[01]", "distributed": "[0-2]", "region": "none",
    "camera": ".+", "parameterOverride": r"\w+::\w+=.+",
}  # fmt: skip


def given(words: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for word in words:
        match = re.fullmatch(r"-(\w+)=(.*)", word)
        if not match or not re.fullmatch(KNOWN.get(match[1], "(?!)"), match[2]):
            refuse(f"unknown flag {word}")
            continue
        values[match[1]] = "\n".join(filter(None, [values.get(match[1]), match[2]]))
    return values


def main() -> None:
    if sys.argv[1:] == ["-version"]:
        print("V-Ray Standalone, version 6.20.00 for x64 (stand-in)")
        return
    part, flags = Part(), given(sys.argv[1:])
    scene = Path(flags["sceneFile"])
    part.note_call({**flags, "read": read(scene, scene)})
    if flags.get("display") != "0" or flags.get("autoClose") != "1" or part.does == "dialog":
        hang()
    complain(part)
    width, height, frame = int(flags["imgWidth"]), int(flags["imgHeight"]), int(flags["frames"])
    x0, y0, x1, y1 = map(int, flags.get("crop", f"0;0;{width};{height}").split(";"))
    if part.does == "whole":
        x0, y0, x1, y1 = 0, 0, width, height
    if part.does == "inclusive" and "crop" in flags:
        x1, y1 = x1 + 1, y1 + 1
    print("Starting render.\nRendering image...: 50.0% done\nRendering image...: 100.0% done")
    pixels = picture(x0, y0, x1, y1, frame)
    if part.does == "blank":
        pixels *= 0
    if part.does == "nan":
        pixels[0, 0] = float("nan")
    if part.does != "no file" or "canary" in flags["sceneFile"]:
        name = flags["imgFile"] if flags["noFrameNumbers"] == "1" else flags["imgFile"].replace(".exr", ".0001.exr")
        save(name, pixels)
    print("Frame took 0.1 s.")


def read(text: Path, scene: Path) -> dict[str, str]:
    """Read a scene and all it names, as V-Ray does: what it can't open it says, and renders on without it."""
    content = text.read_bytes()
    found = {str(text): content.decode("latin-1")}
    content = re.sub(rb"/\*.*?\*/", b"", content)
    for name in re.findall(rb'^#include "([^"]+)"', content, re.MULTILINE):
        found |= read(text.parent / os.fsdecode(name), scene)
    for name in re.findall(rb'\bfile="([^"]+)"', content):
        file = scene.parent / os.fsdecode(name)
        try:
            found[str(file)] = file.read_bytes().decode("latin-1")
        except OSError:
            print(f'[warning] Failed to open bitmap file "{file}"')
    return found


def complain(part: Part) -> None:
    """Say what the real program is known to say."""
    if part.does == "licence":
        print("[error] Could not obtain a license (-88)")
        hang()
    if part.does == "first run" and part.first("setup"):
        print("[error] could not read rayrc")
        raise SystemExit(1)
    if part.does == "never set up":
        print("[error] could not read rayrc")
        raise SystemExit(1)
    if part.does == "misleading":
        print("[error] could not read rayrc\n[error] Could not obtain a license (-88)")
        hang()
    if part.does == "texture":
        print('[warning] Failed to open bitmap file "//server/maps/oak.exr"')
    if part.does == "version":
        print("[error] The scene was exported by a newer version, 7.10")


if __name__ == "__main__":
    main()
