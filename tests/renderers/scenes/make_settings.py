"""Make Blender files with a setting each in a folder, and Blender's own pictures of them, for ``test_blender_*.py``.

Run by a Python with ``bpy``, or by ``blender --background --python FILE -- FOLDER KIND``. Of each setting there are
NAME.blend, and NAME.png and NAME.exr as Blender itself writes them, with the seed that Frontburner has at frame 1.
"""

import sys
import zlib
from pathlib import Path
from typing import Any

import bpy

NEW = bpy.app.version >= (5, 0)


def room() -> Any:
    """Boxes of several colours, brighter and darker than white, under a sky."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = 32, 24
    scene.cycles.samples = 4
    scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
    scene.frame_end = 1
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0, -6, 2), (1.25, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.rotation_euler = 3.0, (0.6, 0.3, 0)
    scene.collection.objects.link(sun)
    scene.world = bpy.data.worlds.new("World")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs[0].default_value = (0.2, 0.3, 0.5, 1)
    for x, colour in ((-1.8, (0.9, 0.2, 0.05)), (0, (0.2, 0.6, 0.25)), (1.8, (0.05, 0.1, 0.9))):
        box(x, colour)
    bpy.ops.mesh.primitive_plane_add(size=8, location=(0, 0, -0.5))
    bpy.context.object.name = "Floor"
    return scene


def box(x: float, colour: tuple[float, ...], strength: float = 0.4) -> Any:
    bpy.ops.mesh.primitive_cube_add(size=1.2, location=(x, 0, 0))
    material = bpy.data.materials.new("Paint")
    material.use_nodes = True
    nodes = material.node_tree.nodes
    shader = nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1)
    glow = "Emission Color" if "Emission Color" in shader.inputs else "Emission"
    shader.inputs[glow].default_value = (*colour, 1)
    shader.inputs["Emission Strength"].default_value = strength * (1 + abs(x))
    bpy.context.object.data.materials.append(material)
    return bpy.context.object


def curve(scene: Any, **points: Any) -> Any:
    """Tone curves with a point more; returns their mapping."""
    scene.view_settings.use_curve_mapping = True
    mapping = scene.view_settings.curve_mapping
    for name, (x, y) in points.items():
        mapping.curves["rgbc".index(name)].points.new(x, y)
    mapping.update()
    return mapping


def view(name: str, look: str = "None", display: str = "sRGB", **settings: Any) -> Any:
    def change(scene: Any) -> None:
        scene.display_settings.display_device = display
        scene.view_settings.view_transform, scene.view_settings.look = name, look
        for key, value in settings.items():
            setattr(scene.view_settings, key, value)

    return change


def curves(scene: Any) -> None:
    curve(scene, c=(0.4, 0.7), r=(0.3, 0.2))


def curves_extended(scene: Any) -> None:
    curve(scene, c=(0.4, 0.7), g=(0.6, 0.5)).extend = "EXTRAPOLATED"


def curves_of_film(scene: Any) -> None:
    curve(scene, c=(0.4, 0.7), r=(0.3, 0.2)).tone = "FILMLIKE"


def levels(scene: Any) -> None:
    mapping = curve(scene, c=(0.5, 0.6))
    mapping.black_level, mapping.white_level = (0.02, 0.05, 0.01), (0.9, 0.8, 1.2)


def transparent(scene: Any) -> None:
    scene.render.film_transparent = True
    bpy.data.objects["Floor"].hide_render = True


def dither(scene: Any) -> None:
    scene.render.dither_intensity = 2.0


def no_dither(scene: Any) -> None:
    scene.render.dither_intensity = 0.0


def working_space(name: str) -> Any:
    def change(scene: Any) -> None:
        bpy.ops.wm.set_working_color_space(working_space=name)

    return change


COLOURS = {
    "filmic": view("Filmic"),
    "standard": view("Standard"),
    "raw": view("Raw"),
    "log": view("Filmic Log"),
    "exposure": view("Filmic", exposure=1.5),
    "gamma": view("Standard", gamma=1.6),
    "curves": curves,
    "curves_extended": curves_extended,
    "curves_of_film": curves_of_film,
    "levels": levels,
    "transparent": transparent,
    "dither": dither,
    "no_dither": no_dither,
    **(
        {
            "agx": view("AgX"),
            "agx_look": view("AgX", "AgX - Punchy"),
            "khronos": view("Khronos PBR Neutral"),
            "aces": view("ACES 2.0"),
            "p3": view("AgX", display="Display P3"),
            "rec1886": view("AgX", display="Rec.1886"),
            "display_rec2020": view("Standard", display="Rec.2020"),
            "balance": view("AgX", use_white_balance=True, white_balance_temperature=4000, white_balance_tint=20),
            "rec2020": working_space("Linear Rec.2020"),
            "acescg": working_space("ACEScg"),
        }
        if NEW
        else {"filmic_look": view("Filmic", "High Contrast")}
    ),
}


def layer_samples(own: int, use: str = "USE") -> Any:
    def change(scene: Any) -> None:
        scene.view_layers[0].samples, scene.cycles.use_layer_samples = own, use

    return change


def saved_at_37(scene: Any) -> None:
    """A box that moves; the file's frames are every fourth of 1001 to 1010."""
    moving = bpy.data.objects["Cube"]
    for frame, x in ((1, -3), (37, 3)):
        moving.location.x = x
        moving.keyframe_insert("location", frame=frame)
    scene.frame_start, scene.frame_end, scene.frame_step = 1001, 1010, 4
    scene.frame_set(37)


def no_active_camera(scene: Any) -> None:
    scene.camera.name = "B"
    other = scene.camera.copy()
    other.name, other.location.x = "A", 1
    scene.collection.objects.link(other)
    scene.camera = other


SETTINGS = {
    "saved_at_37": saved_at_37,
    "no_active_camera": no_active_camera,
    "more_layer_samples": layer_samples(8),
    "fewer_layer_samples": layer_samples(2),
    "bounded_layer_samples": layer_samples(8, "BOUNDED"),
    "layer_samples_within_bounds": layer_samples(2, "BOUNDED"),
    "ignored_layer_samples": layer_samples(8, "IGNORE"),
}
KINDS = {"colours": COLOURS, "settings": SETTINGS}


def picture(scene: Any, path: str, kind: str, depth: str) -> None:
    """Write the last render as Blender does."""
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = kind, "RGBA", depth
    bpy.data.images["Render Result"].save_render(path, scene=scene)


def main(folder: Path, kind: str) -> None:
    for name, change in KINDS[kind].items():
        scene = room()
        change(scene)
        camera = scene.camera
        scene.camera = None if name == "no_active_camera" else camera
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / f"{name}.blend"))
        scene = bpy.context.scene
        scene.camera = camera
        scene.cycles.seed = zlib.crc32(f"0/0/{scene.frame_current}".encode()) & 0x7FFFFFFF
        bpy.ops.render.render()
        picture(scene, str(folder / f"{name}.png"), "PNG", "8")
        picture(scene, str(folder / f"{name}.16.png"), "PNG", "16")
        picture(scene, str(folder / f"{name}.exr"), "OPEN_EXR", "32")


if __name__ == "__main__":
    main(Path(sys.argv[-2]), sys.argv[-1])
