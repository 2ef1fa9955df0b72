"""Make Blender files with scripts in a folder, and Blender's own picture of one with its scripts run."""

import sys
import zlib
from pathlib import Path
from typing import Any

import bpy
from make_blends import cube, empty, furnish, save  # type: ignore[import-not-found]

OFFSET = "import bpy\ndef offset(): return 1.0\nbpy.app.driver_namespace['offset'] = offset\n"
LIFT = """
import bpy

@bpy.app.handlers.persistent
def lift(scene, *_):
    for each in scene.objects:
        if each.type == 'MESH':
            each.location.x = 1

bpy.app.handlers.frame_change_pre.append(lift)
"""


def script(scene: Any, name: str, text: str) -> None:
    made = bpy.data.texts.new(name)
    made.write(text)
    made.use_module = True
    scene.use_fake_user = True


def driven(made: Any, expression: str) -> None:
    driver = made.driver_add("location", 0).driver
    driver.type, driver.expression = "SCRIPTED", expression


def calling(folder: Path) -> None:
    """A cube whose place is what a function of a registered text returns."""
    scene = empty()
    furnish(scene)
    script(scene, "offset.py", OFFSET)
    driven(cube(scene, "Driven"), "offset()")
    save(folder, "calling.blend")
    bpy.ops.wm.open_mainfile(filepath=str(folder / "calling.blend"), use_scripts=True)
    scene, settings = bpy.context.scene, bpy.context.scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_depth = "OPEN_EXR", "32"
    scene.render.use_compositing = False
    scene.frame_set(1)
    scene.cycles.seed = zlib.crc32(f"{scene.cycles.seed}/0/1".encode()) & 0x7FFFFFFF
    scene.render.filepath = str(folder / "calling.exr")
    bpy.ops.render.render(write_still=True)


def hidden(folder: Path) -> None:
    """A cube that is hidden on the screen alone, and one that isn't rendered; both have drivers that call Python."""
    scene = empty()
    furnish(scene)
    unseen, unrendered = cube(scene, "Unseen"), cube(scene, "Unrendered")
    for made in (unseen, unrendered):
        driven(made, "offset()")
    unseen.hide_viewport = unrendered.hide_render = True
    save(folder, "hidden.blend")


def simple(folder: Path) -> None:
    """Drivers that need no scripts: simple ones, a list, an expression that is none, and one that is off."""
    scene = empty()
    furnish(scene)
    for number, expression in enumerate(("frame / 2", "[0, 1][int(frame) % 2]", "1 +", "offset()")):
        driven(cube(scene, f"Cube {number}"), expression)
    bpy.data.objects["Cube 3"].animation_data.drivers[0].mute = True
    save(folder, "simple.blend")


def handler(folder: Path) -> None:
    """A text that runs when the file is opened, and leaves a handler behind."""
    scene = empty()
    furnish(scene)
    cube(scene, "Cube")
    script(scene, "lift.py", LIFT)
    save(folder, "handler.blend")


if __name__ == "__main__":
    for make in (calling, hidden, simple, handler):
        make(Path(sys.argv[-1]))
