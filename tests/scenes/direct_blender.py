"""Renders scenes with Blender itself: no code of the product, but the seed that it combines. Runs inside Blender.

Reads a case a line from standard input, and answers each with a line. Options of a case's ``direct``:

``set``     properties of the scene, as ``render.use_border``, and their values
``play``    the frame from which it is played, one frame after the other; else each frame is rendered alone
``layer``   the only view layer that is rendered
``scene``   the scene that is rendered
``camera``  the camera that is rendered
``property`` values of the scene's custom properties
``unkeyed`` whether settings of the scene stay as they were saved
``all_in_view`` whether the camera must see all
``hide``    an object that isn't rendered
``scripts`` whether the file's scripts may run
"""

from __future__ import annotations

import json
import os
import sys
import zlib
from functools import reduce
from pathlib import Path
from typing import Any

import bpy

IMPORTERS = {
    ".obj": lambda path: bpy.ops.wm.obj_import(filepath=path),
    ".fbx": lambda path: bpy.ops.wm.fbx_import(filepath=path),
    **dict.fromkeys((".gltf", ".glb"), lambda path: bpy.ops.import_scene.gltf(filepath=path)),
    **dict.fromkeys((".usd", ".usda", ".usdc", ".usdz"), lambda path: bpy.ops.wm.usd_import(filepath=path)),
}


def main() -> None:
    """Answer each line until there are no more."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Blender prints much
    for line in sys.stdin:
        case = json.loads(line)
        try:
            answer = {"pictures": render(case, Path(case["out"])), "error": ""}
        except (RuntimeError, ValueError, KeyError, OSError, AttributeError, IndexError) as error:
            answer = {"pictures": {}, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)  # Blender's own exit takes seconds


def render(case: dict[str, Any], out: Path) -> dict[int, str]:
    """Render the frames of a case; returns the names of their pictures without suffix."""
    from tests.scenes.opened_files import mark

    how = case["direct"]
    pictures: dict[int, str] = {}
    seed = 0
    for frame in case["frames"]:
        mark(f"{case['name']}/{frame}")
        if not (pictures and "play" in how):
            open_scene(case)
        scene = bpy.data.scenes[how["scene"]] if "scene" in how else bpy.context.scene
        if not pictures or "play" not in how:
            seed = scene.cycles.seed
        prepare(scene, case)
        if "play" in how:
            for before in range(how["play"] if not pictures else max(pictures) + 1, frame):
                scene.frame_set(before)
        scene.frame_set(frame)
        if "camera" in how:
            scene.camera = bpy.data.objects[how["camera"]]
        scene.cycles.seed = zlib.crc32(f"{seed}/0/{frame}".encode()) & 0x7FFFFFFF
        bpy.ops.render.render(scene=scene.name)
        pictures[frame] = str(out / f"{case['name']}.{frame}")
        write(scene, pictures[frame])
        if how.get("all_in_view"):
            check_view(scene)
    mark("")
    return pictures


def open_scene(case: dict[str, Any]) -> None:
    """Open a file, or import it."""
    path, how = case["scene"], case["direct"]
    if path.endswith(".blend"):
        bpy.ops.wm.open_mainfile(filepath=path, load_ui=False, use_scripts=how.get("scripts", False))
        return
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
    if how.get("world"):
        scene.world = bpy.data.worlds.new("World")
    if path.endswith((".gltf", ".glb")):
        import addon_utils

        addon_utils.enable("io_scene_gltf2")
    IMPORTERS[Path(path).suffix.lower()](path)
    if not how.get("own_camera"):
        add_missing(scene, path)
    scene.camera = scene.camera or next(each for each in scene.objects if each.type == "CAMERA")


def add_missing(scene: Any, path: str) -> None:
    """Add the camera and the light that the product adds; that they show all is another test's business."""
    from tasks.renderers.blender.inside import default_view, importing

    frames = importing.go_to_own_frames(scene, path)
    list(default_view.complete(scene, default_view.corners(scene, frames)))


def prepare(scene: Any, case: dict[str, Any]) -> None:
    """Apply what the job asks for, and what the case overrides."""
    job, how = case["job"], case["direct"]
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.cycles.use_animated_seed = False
    if "samples" in job:
        scene.cycles.samples = int(job["samples"])
    if "size" in job:
        scene.render.resolution_x, scene.render.resolution_y = map(int, job["size"].split("x"))
        scene.render.resolution_percentage = 100
    override(scene, how)
    if not scene.camera:
        scene.camera = min((each for each in scene.objects if each.type == "CAMERA"), key=lambda each: str(each.name))
    if scene.camera.get("frontburner_fitted"):
        wide = scene.render.resolution_x > scene.render.resolution_y
        scene.camera.data.sensor_fit = "VERTICAL" if wide else "HORIZONTAL"


def override(scene: Any, how: dict[str, Any]) -> None:
    """Set what the case sets."""
    if how.get("unkeyed"):
        scene.animation_data_clear()
    for name, value in how.get("set", {}).items():
        *owners, last = name.split(".")
        setattr(reduce(getattr, owners, scene), last, value)
    for name, value in how.get("property", {}).items():
        scene[name] = value
        scene.update_tag()
    if "hide" in how:
        bpy.data.objects[how["hide"]].hide_render = True
    for layer in scene.view_layers:
        layer.use = layer.use and how.get("layer", layer.name) == layer.name


def check_view(scene: Any) -> None:
    """Raise `ValueError` if a corner of anything is outside of the picture."""
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    for each in bpy.context.evaluated_depsgraph_get().object_instances:
        for corner in each.object.bound_box if each.object.type == "MESH" else ():
            x, y, depth = world_to_camera_view(scene, scene.camera, each.matrix_world @ Vector(corner))
            if not (0 <= x <= 1 and 0 <= y <= 1 and depth > 0):
                raise ValueError(f"{each.object.name} is outside of the picture")


def write(scene: Any, name: str) -> None:
    """Write the picture as a linear EXR and as Blender's own PNG."""
    settings, result = scene.render.image_settings, bpy.data.images["Render Result"]
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    settings.exr_codec = "ZIP"
    result.save_render(f"{name}.exr", scene=scene)
    settings.file_format, settings.color_mode, settings.color_depth = "PNG", "RGBA", "8"
    result.save_render(f"{name}.png", scene=scene)


if __name__ == "__main__":
    main()
