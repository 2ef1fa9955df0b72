"""Press the add-on's button inside Blender, and write what came of it to a file.

Its one argument, the last of the command line, is a JSON object: the add-on's zip file, the file to open,
the command, what the panel says.
"""

import json
import sys
import time
from array import array
from pathlib import Path

import bpy

told = json.loads(sys.argv[-1])
bpy.ops.wm.read_factory_settings(use_empty=bool(told["blend"]))
bpy.ops.preferences.addon_install(filepath=told["addon"], overwrite=True)
bpy.ops.preferences.addon_enable(module="frontburner_addon")
preferences = bpy.context.preferences.addons["frontburner_addon"].preferences
preferences.command = told["command"]
if told["blend"]:
    bpy.ops.wm.open_mainfile(filepath=told["blend"])
scene = bpy.context.scene
for name, value in told["resolution"].items():
    setattr(scene.render, name, value)
for name, value in told["panel"].items():
    setattr(scene.frontburner, name, value)
if "moved" in told:
    bpy.data.objects[told["moved"]].location.x += 0.5
    bpy.data.objects[told["moved"]].update_tag()

began_s = time.monotonic()
answer = {"error": "", "version": bpy.app.version_string}
try:
    answer["result"] = sorted(bpy.ops.frontburner.render())
except RuntimeError as error:
    answer["error"] = str(error)
answer["seconds"] = time.monotonic() - began_s

from frontburner_addon import operators  # noqa: E402 - it is there once the add-on is installed

run = operators.current
if run is not None and run.image:
    image = bpy.data.images[run.image]
    values = array("f", bytes(4 * len(image.pixels)))  # not every Blender has NumPy
    image.pixels.foreach_get(values)
    Path(told["pixels"]).write_bytes(values.tobytes())
    answer["image"] = {
        "name": image.name,
        "shape": [*reversed(image.size), image.channels],
        "file": bpy.path.abspath(image.filepath),
        "source": image.source,
        "colours": image.colorspace_settings.name,
        "packed": image.packed_file is not None,
    }
if run is not None:
    answer["ended"], answer["pictures"], answer["done"] = run.ended, run.pictures, run.done
answer["named"] = bool(bpy.data.filepath)
Path(told["answer"]).write_text(json.dumps(answer))
