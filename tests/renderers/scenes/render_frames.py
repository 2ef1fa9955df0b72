"""Render frames with Blender itself, one sample each: ``SCENE@FRAME ...``."""

import os
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.scenes.opened_files import mark

for argument in sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]:
    path, _, frame = argument.rpartition("@")
    mark(argument)
    bpy.ops.wm.open_mainfile(filepath=path)
    bpy.context.scene.frame_set(int(frame))
    bpy.context.scene.cycles.samples = 1
    bpy.ops.render.render()
    mark("")
os._exit(0)
