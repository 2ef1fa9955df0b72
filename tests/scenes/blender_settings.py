"""Blender scenes with settings of camera, film, sampling, layers and time. Runs inside Blender.

One file over 300 lines: it is a list of scenes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import bpy

from tests.scenes.blender_stage import (
    BLUE,
    GREEN,
    ball,
    camera,
    cube,
    glow,
    keyed,
    light,
    node,
    plane,
    save,
    studio,
    surface,
)
from tests.scenes.case import Recipes

if TYPE_CHECKING:
    from pathlib import Path

RECIPES = Recipes("blender")


def furnished(**settings: Any) -> Any:
    """A cube and a ball on a floor."""
    scene = studio(**settings)
    plane(scene, surface("Floor", Base_Color=(0.6, 0.6, 0.6, 1)))
    cube(scene, surface("Cube", Base_Color=(0.8, 0.2, 0.1, 1)), at=(-0.9, 0, 0), size=1.4)
    ball(scene, surface("Ball", Base_Color=(0.1, 0.4, 0.8, 1), Roughness=0.2), at=(1.1, 0, 0), size=1.6)
    return scene


def with_settings(folder: Path, **settings: Any) -> Path:
    """Save the furnished scene with properties: ``render__filter_size`` is ``render.filter_size``."""
    scene = furnished()
    for name, value in settings.items():
        *owners, last = name.split("__")
        owner = scene
        for each in owners:
            owner = getattr(owner, each)
        setattr(owner, last, value)
    return save(folder / "shot.blend")


SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "orthographic": ("camera", {"camera__data__type": "ORTHO", "camera__data__ortho_scale": 5.0}),
    "equirectangular": ("camera", {"camera__data__type": "PANO"}),
    "shifted_lens": ("camera", {"camera__data__shift_x": 0.3, "camera__data__shift_y": -0.2}),
    "clipped": ("camera", {"camera__data__clip_start": 5.6, "camera__data__clip_end": 6.5}),
    "portrait_sensor": ("camera", {"camera__data__sensor_fit": "VERTICAL", "camera__data__sensor_height": 12.0}),
    "transparent_film": ("film", {"render__film_transparent": True}),
    "wide_filter": ("film", {"render__filter_size": 4.0}),
    "box_filter": ("film", {"cycles__pixel_filter_type": "BOX"}),
    "film_exposure": ("film", {"cycles__film_exposure": 3.0}),
    "odd_percentage": (
        "size",
        {"render__resolution_x": 101, "render__resolution_y": 77, "render__resolution_percentage": 33},
    ),
    "pixel_aspect": ("size", {"render__pixel_aspect_x": 2.0}),
    "one_column": ("size", {"render__resolution_x": 4, "render__resolution_y": 61}),
    "smallest": ("size", {"render__resolution_x": 4, "render__resolution_y": 4}),
    "one_sample": ("samples", {"cycles__samples": 1}),
    "three_samples": ("samples", {"cycles__samples": 3}),
    "own_seed": ("seed", {"cycles__seed": 1234}),
    "clamped": ("sampling", {"cycles__sample_clamp_direct": 0.4, "cycles__sample_clamp_indirect": 0.2}),
    "few_bounces": ("sampling", {"cycles__max_bounces": 0}),
    "blue_noise": ("sampling", {"cycles__sampling_pattern": "BLUE_NOISE"}),
    "tabulated": ("sampling", {"cycles__sampling_pattern": "TABULATED_SOBOL"}),
    "light_tree_off": ("sampling", {"cycles__use_light_tree": False}),
    "simplified": ("simplify", {"render__use_simplify": True, "render__simplify_subdivision_render": 0}),
    "curved_exposure": ("film", {"view_settings__exposure": -1.0}),
    "extra_passes": ("passes", {"view_layers__0__use_pass_z": True}),
}


def _add(name: str, kind: str, settings: dict[str, Any]) -> None:
    def make(folder: Path) -> Path:
        return with_settings(folder, **settings)

    make.__name__ = name
    RECIPES.add(kind, quick=name in ("orthographic", "transparent_film"))(make)


for _name, (_kind, _settings) in SETTINGS.items():
    if _name != "extra_passes":
        _add(_name, _kind, _settings)


@RECIPES.add("sampling", said="|")
def scrambled(folder: Path) -> Path:
    return with_settings(
        folder, cycles__sampling_pattern="TABULATED_SOBOL", cycles__auto_scrambling_distance=True,
        cycles__scrambling_distance=0.5,
    )  # fmt: skip


@RECIPES.add("camera")
def depth_of_field(folder: Path) -> Path:
    scene = furnished()
    lens = scene.camera.data.dof
    lens.use_dof, lens.focus_object, lens.aperture_fstop = True, bpy.data.objects["Ball"], 0.3
    lens.aperture_blades = 5
    return save(folder / "shot.blend")


@RECIPES.add("camera")
def fisheye(folder: Path) -> Path:
    scene = furnished()
    data = scene.camera.data
    data.type = "PANO"
    owner = data if hasattr(data, "panorama_type") else data.cycles
    owner.panorama_type = "FISHEYE_EQUIDISTANT"
    return save(folder / "shot.blend")


@RECIPES.add("camera", said="no active camera")
def no_active_camera(folder: Path) -> Path:
    scene = furnished()
    camera(scene, "Another", back=9)
    scene.camera = None
    return save(folder / "shot.blend")


@RECIPES.add("camera", refused="camera")
def no_camera(folder: Path) -> Path:
    scene = furnished()
    bpy.data.objects.remove(scene.camera)
    return save(folder / "shot.blend")


@RECIPES.add("camera")
def deleted_camera_is_kept(folder: Path) -> Path:
    furnished()
    bpy.data.objects.new("Old", bpy.data.cameras.new("Old")).use_fake_user = True
    return save(folder / "shot.blend")


@RECIPES.add("camera", job={"camera": "Another"}, direct={"camera": "Another"})
def chosen_camera(folder: Path) -> Path:
    camera(furnished(), "Another", back=9)
    return save(folder / "shot.blend")


@RECIPES.add("markers", job={"frames": "1,3"}, frames=(1, 3))
def camera_by_marker(folder: Path) -> Path:
    scene = furnished()
    scene.timeline_markers.new("a", frame=1).camera = scene.camera
    scene.timeline_markers.new("b", frame=3).camera = camera(scene, "Far", back=11)
    return save(folder / "shot.blend")


@RECIPES.add("camera", job={"frames": "1,5"}, frames=(1, 5))
def camera_on_a_parent_that_turns(folder: Path) -> Path:
    scene = furnished()
    pivot = bpy.data.objects.new("Pivot", None)
    scene.collection.objects.link(pivot)
    scene.camera.parent = pivot
    keyed(pivot, "rotation_euler", {1: (0, 0, 0), 5: (0, 0, 1.2)})
    return save(folder / "shot.blend")


@RECIPES.add("left out", said="stereo", direct={"set": {"render.use_multiview": False}})
def stereo(folder: Path) -> Path:
    return with_settings(folder, render__use_multiview=True)


@RECIPES.add("left out", said="region", direct={"set": {"render.use_border": False}})
def border(folder: Path) -> Path:
    return with_settings(folder, render__use_border=True, render__border_max_x=0.4)


@RECIPES.add("left out", said="Freestyle", direct={"set": {"render.use_freestyle": False}})
def freestyle(folder: Path) -> Path:
    return with_settings(folder, render__use_freestyle=True)


@RECIPES.add("left out", said="daptive", job={"samples": 4}, direct={"set": {"cycles.use_adaptive_sampling": False}})
def adaptive(folder: Path) -> Path:
    return with_settings(folder, cycles__use_adaptive_sampling=True, cycles__adaptive_threshold=0.2)


@RECIPES.add("left out", said="enois", direct={"set": {"cycles.use_denoising": False}})
def denoised(folder: Path) -> Path:
    return with_settings(folder, cycles__use_denoising=True)


@RECIPES.add("left out", said="guiding", direct={"set": {"cycles.use_guiding": False}})
def guided(folder: Path) -> Path:
    return with_settings(folder, cycles__use_guiding=True)


@RECIPES.add("left out", said="Cycles", direct={"set": {"render.engine": "CYCLES"}})
def made_for_eevee(folder: Path) -> Path:
    return with_settings(folder, render__engine="BLENDER_EEVEE")


@RECIPES.add("left out", said="compositor", direct={"set": {"render.use_compositing": False}})
def composited(folder: Path) -> Path:
    scene = furnished()
    scene.render.use_compositing = True
    group = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
    group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    layers, inverted, output = (
        group.nodes.new(kind) for kind in ("CompositorNodeRLayers", "CompositorNodeInvert", "NodeGroupOutput")
    )
    group.links.new(layers.outputs[0], inverted.inputs["Color"])
    group.links.new(inverted.outputs[0], output.inputs[0])
    scene.compositing_node_group = group
    return save(folder / "shot.blend")


@RECIPES.add("left out", said="sequencer", direct={"set": {"render.use_sequencer": False}})
def edited(folder: Path) -> Path:
    scene = furnished()
    editor = scene.sequence_editor_create()
    editor.strips.new_effect("Colour", "COLOR", channel=1, frame_start=1, length=5)
    return save(folder / "shot.blend")


@RECIPES.add("samples of the layer")
def fewer_samples_in_the_layer(folder: Path) -> Path:
    scene = furnished(samples=32)
    scene.view_layers[0].samples = 4
    return save(folder / "shot.blend")


@RECIPES.add("samples of the layer")
def more_samples_in_the_layer(folder: Path) -> Path:
    scene = furnished(samples=2)
    scene.view_layers[0].samples = 16
    return save(folder / "shot.blend")


@RECIPES.add("view layer")
def material_override(folder: Path) -> Path:
    scene = furnished()
    scene.view_layers[0].material_override = glow(GREEN)
    return save(folder / "shot.blend")


@RECIPES.add("view layer", said="Extra", direct={"layer": "ViewLayer"})
def two_layers(folder: Path) -> Path:
    furnished().view_layers.new("Extra")
    return save(folder / "shot.blend")


@RECIPES.add("view layer", said="view layer", job={"parameters": "view_layer=Läyer/1.a"}, direct={"layer": "Läyer/1.a"})
def chosen_layer(folder: Path) -> Path:
    scene = furnished()
    group = bpy.data.collections.new("Extra")
    scene.collection.children.link(group)
    group.objects.link(bpy.data.objects.new("B", bpy.data.meshes.new_from_object(bpy.data.objects["Ball"])))
    layer = scene.view_layers.new("Läyer/1.a")
    layer.layer_collection.children["Extra"].exclude = True
    layer.use_sky = False
    return save(folder / "shot.blend")


@RECIPES.add("view layer")
def holdout_and_indirect_only(folder: Path) -> Path:
    scene = furnished()
    scene.render.film_transparent = True
    for name, flag in (("Cube", "holdout"), ("Ball", "indirect_only")):
        group = bpy.data.collections.new(name)
        scene.collection.children.link(group)
        made = bpy.data.objects[name]
        scene.collection.objects.unlink(made)
        group.objects.link(made)
        setattr(scene.view_layers[0].layer_collection.children[name], flag, True)
    return save(folder / "shot.blend")


@RECIPES.add("view layer", said="passes")
def all_passes(folder: Path) -> Path:
    layer = furnished().view_layers[0]
    for name in ("z", "vector", "object_index", "cryptomatte_object", "diffuse_color", "mist"):
        setattr(layer, f"use_pass_{name}", True)
    layer.lightgroups.add(name="Key")
    return save(folder / "shot.blend")


@RECIPES.add("scene", job={"parameters": "scene=Night"}, direct={"scene": "Night"}, said="|")
def chosen_scene(folder: Path) -> Path:
    furnished()
    night = bpy.data.scenes.new("Night")
    night.render.engine, night.cycles.samples = "CYCLES", 4
    night.cycles.use_adaptive_sampling = night.cycles.use_denoising = False
    night.render.resolution_x, night.render.resolution_y = 32, 24
    night.camera = camera(night, "NightCamera")
    night.collection.objects.link(bpy.data.objects["Ball"])
    light(night, "POINT", 400.0, at=(1, -2, 2))
    return save(folder / "shot.blend")


@RECIPES.add("scene", said="Other")
def background_set(folder: Path) -> Path:
    scene = furnished()
    other = bpy.data.scenes.new("Other")
    made = bpy.data.objects.new("Behind", bpy.data.objects["Ball"].data)
    made.location = (0, 2, 1)
    other.collection.objects.link(made)
    scene.background_set = other
    return save(folder / "shot.blend")


@RECIPES.add("shadow catcher", said="shadow catcher")
def shadow_catcher(folder: Path) -> Path:
    scene = furnished(samples=16)
    scene.render.film_transparent = True
    bpy.data.objects["Plane"].is_shadow_catcher = True
    bpy.data.objects["Sun"].data.angle = 1.0
    return save(folder / "shot.blend")


# Time.


def blurred(folder: Path, position: str) -> Path:
    scene = studio(samples=8)
    keyed(cube(scene, glow(), size=1), "location", {1: (-2, 0, 0), 3: (2, 0, 0)})
    scene.render.use_motion_blur, scene.render.motion_blur_shutter = True, 1.0
    scene.render.motion_blur_position = position
    return save(folder / "shot.blend")


@RECIPES.add("motion blur", job={"frames": "2"}, frames=(2,), quick=True)
def blur_at_the_start(folder: Path) -> Path:
    return blurred(folder, "START")


@RECIPES.add("motion blur", job={"frames": "1,2"}, frames=(1, 2))
def blur_in_the_centre(folder: Path) -> Path:
    return blurred(folder, "CENTER")


@RECIPES.add("motion blur", job={"frames": "2"}, frames=(2,))
def blur_at_the_end(folder: Path) -> Path:
    return blurred(folder, "END")


@RECIPES.add("motion blur", job={"frames": "2"}, frames=(2,))
def rolling_shutter(folder: Path) -> Path:
    path = blurred(folder, "CENTER")
    bpy.context.scene.cycles.rolling_shutter_type = "TOP"
    return save(path)


def moving(folder: Path, keys: dict[int, Any], **settings: Any) -> Path:
    scene = studio()
    keyed(cube(scene, glow(), size=1), "location", keys)
    for name, value in settings.items():
        setattr(scene, name, value)
    return save(folder / "shot.blend")


@RECIPES.add("frames of the file", job={"frames": "1003"}, frames=(1003,))
def frames_from_a_thousand(folder: Path) -> Path:
    return moving(folder, {1001: (-2, 0, 0), 1010: (2, 0, 0)}, frame_end=1010, frame_start=1001)


@RECIPES.add("current frame", frames=(37,))
def still_at_the_current_frame(folder: Path) -> Path:
    path = moving(folder, {1: (-2, 0, 0), 37: (2, 0, 0)}, frame_end=37, frame_start=37)
    bpy.context.scene.frame_set(37)
    return save(path)


@RECIPES.add("frames of the file", job={"frames": "scene"}, frames=(1001, 1002, 1003))
def frames_of_the_file(folder: Path) -> Path:
    return moving(folder, {1001: (-2, 0, 0), 1003: (2, 0, 0)}, frame_end=1003, frame_start=1001)


@RECIPES.add("frames of the file", job={"frames": "scene"}, frames=(1, 5, 9))
def every_fourth_frame(folder: Path) -> Path:
    return moving(folder, {1: (-2, 0, 0), 9: (2, 0, 0)}, frame_end=9, frame_step=4)


@RECIPES.add("negative frames", job={"frames": "-2,0"}, frames=(-2, 0))
def before_zero(folder: Path) -> Path:
    return moving(folder, {-3: (-2, 0, 0), 1: (2, 0, 0)})


@RECIPES.add("time", job={"frames": "2,5"}, frames=(2, 5))
def time_remapped(folder: Path) -> Path:
    path = moving(folder, {1: (-2, 0, 0), 9: (2, 0, 0)})
    bpy.context.scene.render.frame_map_new = 50
    return save(path)


@RECIPES.add("time", job={"frames": "3"}, frames=(3,))
def odd_frame_rate(folder: Path) -> Path:
    scene = studio()
    made = cube(scene, glow(), size=1)
    curve = made.driver_add("location", 0).driver
    curve.type, curve.expression = "SCRIPTED", "frame / 3"
    scene.render.fps, scene.render.fps_base = 30, 1.001
    return save(folder / "shot.blend")


@RECIPES.add("keyed settings", job={"frames": "1,3"}, frames=(1, 3))
def keyed_world_and_material(folder: Path) -> Path:
    scene = studio()
    cube(scene, glow())
    tint = node(bpy.data.materials["Glow"].node_tree, "EMISSION").inputs["Color"]
    keyed(tint, "default_value", {1: (0, 1, 0, 1), 4: (1, 1, 0, 1)})
    sky = node(scene.world.node_tree, "BACKGROUND").inputs["Color"]
    keyed(sky, "default_value", {1: (1, 0, 0, 1), 4: (0, 0, 1, 1)})
    return save(folder / "shot.blend")


@RECIPES.add("keyed settings", job={"frames": "1-3"}, frames=(1, 2, 3))
def keyed_visibility(folder: Path) -> Path:
    keyed(cube(studio(), glow()), "hide_render", {1: False, 2: True, 3: False})
    return save(folder / "shot.blend")


@RECIPES.add(
    "keyed settings", job={"frames": "1,2"}, frames=(1, 2), said="samples is animated", direct={"unkeyed": True}
)
def keyed_samples(folder: Path) -> Path:
    scene = furnished()
    keyed(scene.cycles, "samples", {1: 4, 2: 16})
    return save(folder / "shot.blend")


@RECIPES.add("keyed settings", job={"frames": "1,5"}, frames=(1, 5))
def keyed_lens(folder: Path) -> Path:
    scene = furnished()
    keyed(scene.camera.data, "lens", {1: 35.0, 5: 90.0})
    return save(folder / "shot.blend")


@RECIPES.add("parameter", job={"parameters": "height=1.5"}, direct={"property": {"height": 1.5}})
def custom_property(folder: Path) -> Path:
    scene = studio()
    scene["height"] = 0.0
    driven = cube(scene, glow(BLUE), size=1).driver_add("location", 2).driver
    driven.type = "SUM"
    variable = driven.variables.new()
    variable.targets[0].id_type, variable.targets[0].id = "SCENE", scene
    variable.targets[0].data_path = '["height"]'
    return save(folder / "shot.blend")


@RECIPES.add("odd names", sent=True)
def hash_in_the_name(folder: Path) -> Path:
    furnished()
    return save(folder / "shot#2.blend")


@RECIPES.add("camera")
def rotated_camera_in_a_scaled_parent(folder: Path) -> Path:
    scene = furnished()
    parent = bpy.data.objects.new("Scaled", None)
    parent.scale, parent.rotation_euler = (1.0, 1.3, 0.8), (0, 0, math.radians(25))
    scene.collection.objects.link(parent)
    scene.camera.parent = parent
    return save(folder / "shot.blend")
