"""Make Blender files with a setting each in a folder, and Blender's own pictures of them, for ``test_blender_*.py``.

Run by a Python with ``bpy``, or by ``blender --background --python FILE -- FOLDER KIND``. Of each setting there are
NAME.blend, and NAME.png and NAME.exr as Blender itself writes them, with the seed that Frontburner has at frame 1.

One file over 300 lines: it is a list of settings, a function each.
"""

import sys
import zlib
from pathlib import Path
from typing import Any

import bpy

FOLDER = Path(sys.argv[-2])
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


def opaque_files(scene: Any) -> None:
    scene.render.film_transparent = True
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGB"


def dither(scene: Any) -> None:
    scene.render.dither_intensity = 2.0


def no_dither(scene: Any) -> None:
    scene.render.dither_intensity = 0.0


def output_override(scene: Any) -> None:
    """Colours of the files that aren't those of the scene."""
    settings = scene.render.image_settings
    settings.color_management = "OVERRIDE"
    settings.view_settings.view_transform, settings.view_settings.exposure = "Standard", -1.0


def working_space(name: str, of_view: str = "AgX") -> Any:
    def change(scene: Any) -> None:
        bpy.ops.wm.set_working_color_space(working_space=name)
        scene.view_settings.view_transform = of_view
        scene.render.dither_intensity = 0.0

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
    "output_override": output_override,
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
            "acescg_standard": working_space("ACEScg", "Standard"),
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


def put(owner: str, **settings: Any) -> Any:
    """Set properties of what a path from the scene leads to."""

    def change(scene: Any) -> None:
        target = scene.path_resolve(owner) if owner else scene
        for name, value in settings.items():
            setattr(target, name, value)

    return change


def glass(scene: Any) -> None:
    """A box of glass over nothing."""
    scene.render.film_transparent = scene.cycles.film_transparent_glass = True
    scene.cycles.film_transparent_roughness = 0.2
    material = bpy.data.objects["Cube"].active_material
    nodes = material.node_tree.nodes
    shader = nodes.new("ShaderNodeBsdfGlass")
    material.node_tree.links.new(shader.outputs[0], nodes["Material Output"].inputs["Surface"])
    bpy.data.objects["Floor"].hide_render = True


def mirror(scene: Any) -> None:
    """A floor that reflects, for caustics and clamps."""
    material = bpy.data.materials.new("Mirror")
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Metallic"].default_value, shader.inputs["Roughness"].default_value = 1.0, 0.1
    bpy.data.objects["Floor"].data.materials.append(material)
    bpy.data.lights["Sun"].energy = 30


def mirrored(owner: str, **settings: Any) -> Any:
    def change(scene: Any) -> None:
        mirror(scene)
        put(owner, **settings)(scene)

    return change


def catcher(scene: Any) -> None:
    scene.render.film_transparent = True
    bpy.data.objects["Floor"].is_shadow_catcher = True


def moving(scene: Any) -> None:
    """A box that moves while the shutter is open."""
    box = bpy.data.objects["Cube"]
    for frame, x in ((0, -3), (2, 0)):
        box.location.x = x
        box.keyframe_insert("location", frame=frame)
    scene.render.use_motion_blur = True


def rolling(scene: Any) -> None:
    moving(scene)
    scene.cycles.rolling_shutter_type = "TOP"


def without_blur_in_the_layer(scene: Any) -> None:
    moving(scene)
    scene.view_layers[0].use_motion_blur = False


def simplified(scene: Any) -> None:
    modifier = bpy.data.objects["Cube"].modifiers.new("Smooth", "SUBSURF")
    modifier.render_levels = 3
    scene.render.use_simplify, scene.render.simplify_subdivision_render = True, 1


def overridden_materials(scene: Any) -> None:
    scene.view_layers[0].material_override = bpy.data.objects["Cube"].active_material


def overridden_world(scene: Any) -> None:
    world = bpy.data.worlds.new("Other")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (0.9, 0.1, 0.1, 1)
    scene.view_layers[0].world_override = world


def in_collection(**settings: Any) -> Any:
    """A box in a collection that the view layer treats specially."""

    def change(scene: Any) -> None:
        collection = bpy.data.collections.new("Special")
        scene.collection.children.link(collection)
        box = bpy.data.objects["Cube"]
        scene.collection.objects.unlink(box)
        collection.objects.link(box)
        for name, value in settings.items():
            setattr(scene.view_layers[0].layer_collection.children["Special"], name, value)

    return change


def background_set(scene: Any) -> None:
    other = bpy.data.scenes.new("Set")
    box = bpy.data.objects["Cube.001"]
    scene.collection.objects.unlink(box)
    other.collection.objects.link(box)
    scene.background_set = other


def set_of_the_same_name(scene: Any) -> None:
    """The background set is a library's scene that has the name of the file's own."""
    boxes = [bpy.data.objects[name] for name in ("Cube", "Cube.001")]
    other = bpy.data.scenes.new("Set")
    for box in boxes:
        scene.collection.objects.unlink(box)
        other.collection.objects.link(box)
    scene.name, other.name = "Own", scene.name
    library = str(FOLDER / "set.blend")
    bpy.data.libraries.write(library, {other})
    name = other.name
    bpy.data.scenes.remove(other)
    scene.name = name
    with bpy.data.libraries.load(library, link=True) as (_, linked):
        linked.scenes = [name]
    scene.background_set = linked.scenes[0]


def seen_by_a_light(scene: Any) -> None:
    light = bpy.data.objects["Sun"].copy()
    light.location, light.rotation_euler = (0.5, -6, 2), scene.camera.rotation_euler
    scene.collection.objects.link(light)
    bpy.data.objects.remove(scene.camera)
    scene.camera = light


def keyed(owner: str, **values: Any) -> Any:
    """Settings that are animated: from another value at frame 0 to this one at frame 1."""

    def change(scene: Any) -> None:
        target = scene.path_resolve(owner)
        for name, (before, value) in values.items():
            for frame, each in ((0, before), (1, value)):
                setattr(target, name, each)
                target.keyframe_insert(name, frame=frame)
        scene.frame_set(1)

    return change


def keyed_before(owner: str, **values: Any) -> Any:
    """The same, saved at the frame before."""

    def change(scene: Any) -> None:
        keyed(owner, **values)(scene)
        scene.frame_set(0)

    return change


def in_strips(change: Any) -> Any:
    """The same, as a strip of the scene's action."""

    def strip(scene: Any) -> None:
        change(scene)
        animation = scene.animation_data
        animation.nla_tracks.new().strips.new("Keys", 0, animation.action)
        animation.action = None

    return strip


def driven_catcher(scene: Any) -> None:
    bpy.data.objects["Floor"].driver_add("is_shadow_catcher").driver.expression = "frame > 0"
    scene.frame_set(0)


def keyed_volumes(scene: Any) -> None:
    """Volumes that are biased in the first frame only."""
    bpy.data.objects["Cube"].data.materials[0] = fog = bpy.data.materials.new("Fog")
    fog.use_nodes = True
    shader = fog.node_tree.nodes.new("ShaderNodeVolumeScatter")
    output = next(node for node in fog.node_tree.nodes if node.type == "OUTPUT_MATERIAL")
    fog.node_tree.links.new(shader.outputs[0], output.inputs["Volume"])
    keyed_before("cycles", volume_biased=(True, False))(scene)


def texture_limit(scene: Any) -> None:
    """A checkered floor whose picture may have 128 pixels a side."""
    image = bpy.data.images.new("Checkers", 512, 512)
    image.generated_type = "COLOR_GRID"
    material = bpy.data.materials.new("Checkers")
    material.use_nodes = True
    texture = material.node_tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    shader = material.node_tree.nodes["Principled BSDF"]
    material.node_tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    bpy.data.objects["Floor"].data.materials.append(material)
    scene.render.use_simplify, scene.cycles.texture_limit_render = True, "128"


def blurred(scene: Any) -> None:
    scene.camera.data.dof.use_dof, scene.camera.data.dof.aperture_fstop = True, 0.1
    scene.camera.data.dof.focus_distance = 3


def marked_camera(scene: Any) -> None:
    """A marker that switches to another camera at the frame."""
    other = scene.camera.copy()
    other.name, other.location.x = "Other", 1
    scene.collection.objects.link(other)
    scene.timeline_markers.new("Cut", frame=1).camera = other


def light_group(scene: Any) -> None:
    scene.view_layers[0].lightgroups.add().name = "Key"
    bpy.data.objects["Sun"].lightgroup = "Key"


def own_passes(scene: Any) -> None:
    layer = scene.view_layers[0]
    layer.use_pass_mist = layer.use_pass_cryptomatte_object = layer.cycles.use_pass_volume_direct = True
    layer.aovs.add().name = "Dirt"


def compositor(scene: Any) -> None:
    if not NEW:
        scene.use_nodes = True
        scene.node_tree.nodes.new("CompositorNodeInvert")
        return
    scene.compositing_node_group = bpy.data.node_groups.new("Comp", "CompositorNodeTree")


def sequencer(scene: Any) -> None:
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    where = {"length": 9} if NEW else {"frame_end": 9}
    strips.new_effect(name="Red", type="COLOR", channel=1, frame_start=1, **where)


SETTINGS = {
    "plain": put(""),
    "saved_at_37": saved_at_37,
    "no_active_camera": no_active_camera,
    "more_layer_samples": layer_samples(8),
    "fewer_layer_samples": layer_samples(2),
    "bounded_layer_samples": layer_samples(8, "BOUNDED"),
    "layer_samples_within_bounds": layer_samples(2, "BOUNDED"),
    "ignored_layer_samples": layer_samples(8, "IGNORE"),
    "film_exposure": put("cycles", film_exposure=2.5),
    "transparent_glass": glass,
    "shadow_catcher": catcher,
    "box_filter": put("cycles", pixel_filter_type="BOX"),
    "wide_filter": put("cycles", pixel_filter_type="GAUSSIAN", filter_width=4.0),
    "clamp": mirrored("cycles", sample_clamp_direct=1.0, sample_clamp_indirect=0.5),
    "no_caustics": mirrored("cycles", caustics_reflective=False, caustics_refractive=False),
    "sharp_gloss": mirrored("cycles", blur_glossy=0.0),
    "bounces": put("cycles", max_bounces=1, diffuse_bounces=0),
    "fast_gi": put("cycles", use_fast_gi=True, ao_bounces_render=1),
    "light_tree": put("cycles", use_light_tree=False),
    "light_threshold": put("cycles", light_sampling_threshold=0.5),
    "direct_light": put("cycles", direct_light_sampling_type="FORWARD_PATH_TRACING"),
    "sampling_pattern": put("cycles", sampling_pattern="BLUE_NOISE"),
    "scrambling": put("cycles", scrambling_distance=0.3),
    "motion_blur": moving,
    "rolling_shutter": rolling,
    "no_motion_blur_in_the_layer": without_blur_in_the_layer,
    "simplify": simplified,
    "pixel_aspect": put("render", pixel_aspect_x=2.0),
    "percentage": put("render", resolution_percentage=50),
    "odd_percentage": put("render", resolution_x=50, resolution_y=100, resolution_percentage=58),
    "no_sky_in_the_layer": put("view_layers[0]", use_sky=False),
    "no_surfaces_in_the_layer": put("view_layers[0]", use_solid=False),
    "material_override": overridden_materials,
    "world_override": overridden_world,
    "holdout": in_collection(holdout=True),
    "indirect_only": in_collection(indirect_only=True),
    "excluded": in_collection(exclude=True),
    "background_set": background_set,
    "set_of_the_same_name": set_of_the_same_name,
    "seen_by_a_light": seen_by_a_light,
    "texture_limit": texture_limit,
    "depth_of_field": blurred,
    "marked_camera": marked_camera,
    "keyed_film": keyed("cycles", film_exposure=(1.0, 3.0)),
    "keyed_view": keyed_before("view_settings", exposure=(0.0, 2.0), gamma=(1.0, 1.5)),
    "view_in_strips": in_strips(keyed_before("view_settings", exposure=(0.0, 2.0), gamma=(1.0, 1.5))),
    "light_group": light_group,
    "passes": own_passes,
}
SAID = {
    "keyed_samples": keyed("cycles", samples=(16, 4)),
    "keyed_layer_samples": keyed("view_layers[0]", samples=(2, 8)),
    "samples_in_strips": in_strips(keyed("cycles", samples=(2, 16))),
    "keyed_seed": keyed("cycles", seed=(16, 0)),
    "seed_in_strips": in_strips(keyed("cycles", seed=(16, 0))),
    "keyed_layer": keyed("view_layers[0]", use=(True, False), use_pass_combined=(True, False)),
    "animated_seed": put("cycles", use_animated_seed=True),
    "compositor": compositor,
    "sequencer": sequencer,
    "time_limit": put("cycles", time_limit=1000.0),
    "sample_range": put("cycles", use_sample_subset=True, sample_offset=2, sample_subset_length=2),
    "hdr": put("display_settings", display_device="Rec.2100-PQ"),
    "stamp": put("render", use_stamp=True),
    "border": put("render", use_border=True, border_max_x=0.5),
    "stereo": put("render", use_multiview=True),
    "freestyle": put("render", use_freestyle=True),
    "denoising": put("cycles", use_denoising=True),
    "guiding": put("cycles", use_guiding=True),
    "adaptive": put("cycles", use_adaptive_sampling=True, adaptive_threshold=0.05),
    "opaque_files": opaque_files,
    "jpeg": put("render.image_settings", file_format="JPEG"),
    "black_and_white": put("render.image_settings", color_mode="BW"),
}
"""What is left out: without it, the picture is that of the room as it is."""
WHOLE = {
    "keyed_catcher": keyed_before('objects["Floor"]', is_shadow_catcher=(False, True)),
    "driven_catcher": driven_catcher,
    "keyed_volumes": keyed_volumes,
}
"""What is off in the frame in which it is saved, and must be rendered whole in others."""
NOT_IN_OLD = (
    "keyed_volumes",
    "light_tree",
    "direct_light",
    "sampling_pattern",
    "sample_range",
    "world_override",
    "hdr",
)
KINDS = {"colours": COLOURS, "settings": SETTINGS | SAID | WHOLE}


def picture(scene: Any, path: str, kind: str, depth: str) -> None:
    """Write the last render as Blender does."""
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = kind, "RGBA", depth
    bpy.data.images["Render Result"].save_render(path, scene=scene)


def main(folder: Path, kind: str) -> None:
    for name, change in KINDS[kind].items():
        if name in NOT_IN_OLD and not NEW:
            continue
        scene = room()
        change(scene)
        camera = scene.camera
        scene.camera = None if name == "no_active_camera" else camera
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / f"{name}.blend"))
        if name in SAID | WHOLE:
            continue
        scene = bpy.context.scene
        scene.camera = camera
        if name in ("keyed_view", "view_in_strips"):
            scene.frame_set(1)
        scene.cycles.seed = zlib.crc32(f"0/0/{scene.frame_current}".encode()) & 0x7FFFFFFF
        bpy.ops.render.render()
        picture(scene, str(folder / f"{name}.png"), "PNG", "8")
        picture(scene, str(folder / f"{name}.16.png"), "PNG", "16")
        picture(scene, str(folder / f"{name}.exr"), "OPEN_EXR", "32")


if __name__ == "__main__":
    main(FOLDER, sys.argv[-1])
