"""Blender scenes whose files are used in unusual ways, and old ones that Debian ships. Runs inside Blender."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import bpy

from tests.scenes.blender_objects import chain, geometry
from tests.scenes.blender_stage import (
    BLUE,
    CYAN,
    GREEN,
    RED,
    YELLOW,
    ball,
    cube,
    glow,
    keyed,
    load,
    picture,
    plane,
    save,
    studio,
    textured,
)
from tests.scenes.case import Recipes

RECIPES = Recipes("blender")
MODELS = Path("/usr/share/assimp/models/BLEND")


def moving_picture(path: Path, *, length: int, name: str = "Textured", **settings: Any) -> tuple[Any, Any]:
    """Return a material that shines with a sequence of pictures, and its texture node."""
    image = bpy.data.images.load(str(path), check_existing=True)
    image.source = "SEQUENCE"
    material, texture = textured(image, name)
    user = texture.image_user
    user.frame_duration, user.frame_start, user.use_auto_refresh = length, 1, True
    for key, value in settings.items():
        setattr(user, key, value)
    return material, texture


@RECIPES.add("image formats", sent=True)
def pictures_of_many_formats(folder: Path) -> Path:
    scene = studio()
    kinds = {
        "jpg": "JPEG",
        "tif": "TIFF",
        "tga": "TARGA",
        "bmp": "BMP",
        "exr": "OPEN_EXR",
        "hdr": "HDR",
        "webp": "WEBP",
    }
    for place, (suffix, kind) in enumerate(kinds.items()):
        image = bpy.data.images.load(str(picture(folder / f"tex/a.{suffix}", (0.1 * place, 0.7, 0.3), kind)))
        cube(scene, textured(image, suffix)[0], at=(place - 3, 0, 0), size=0.8)
    return save(folder / "shot.blend")


@RECIPES.add("image sequence", sent=True, job={"frames": "9,10"}, frames=(9, 10))
def numbers_without_zeros(folder: Path) -> Path:
    for number, colour in ((8, RED), (9, GREEN), (10, BLUE)):
        picture(folder / f"s{number}.png", colour)
    scene = studio()
    cube(scene, moving_picture(folder / "s8.png", length=20)[0])
    return save(folder / "shot.blend")


@RECIPES.add("image sequence", sent=True, job={"frames": "1,3"}, frames=(1, 3))
def one_sequence_two_offsets(folder: Path) -> Path:
    for number, colour in enumerate((RED, GREEN, BLUE, YELLOW, CYAN), start=1):
        picture(folder / f"tex/s.{number:03d}.png", colour)
    scene = studio()
    for place, offset in ((-1.2, 0), (1.2, 2)):
        material, _ = moving_picture(folder / "tex/s.001.png", length=5, name=f"From {offset}", frame_offset=offset)
        cube(scene, material, at=(place, 0, 0), size=1.5)
    return save(folder / "shot.blend")


@RECIPES.add("image sequence", sent=True, job={"frames": "1,3"}, frames=(1, 3))
def sequence_with_a_keyed_offset(folder: Path) -> Path:
    for number, colour in enumerate((RED, GREEN, BLUE, YELLOW, CYAN), start=1):
        picture(folder / f"tex/s.{number:03d}.png", colour)
    scene = studio()
    material, texture = moving_picture(folder / "tex/s.001.png", length=5)
    keyed(texture.image_user, "frame_offset", {1: 1, 3: 2})
    cube(scene, material)
    return save(folder / "shot.blend")


@RECIPES.add("image sequence", sent=True, job={"frames": "2,3"}, frames=(2, 3))
def sequence_of_tiles(folder: Path) -> Path:
    """A second object has the same pictures as a still."""
    for number, colour in enumerate((RED, GREEN, BLUE), start=1):
        picture(folder / f"tex/s.{number:03d}.png", colour)
    scene = studio()
    cube(scene, moving_picture(folder / "tex/s.001.png", length=3)[0], at=(-1.2, 0, 0), size=1.5)
    still = bpy.data.images.load(str(folder / "tex/s.003.png"))
    cube(scene, textured(still, "Still")[0], at=(1.2, 0, 0), size=1.5)
    return save(folder / "shot.blend")


@RECIPES.add("instances", sent=True)
def picture_of_a_hidden_object_that_is_instanced(folder: Path) -> Path:
    scene = studio()
    small = ball(scene, textured(load(folder / "tex/a.png", BLUE))[0], size=0.7)
    small.hide_render = True
    made = plane(scene, at=(0, 0, 0), size=3)
    nodes = geometry(made, "Scatter", "GeometryNodeInstanceOnPoints")
    chain(nodes)
    tree = nodes[0].id_data
    source = tree.nodes.new("GeometryNodeObjectInfo")
    source.inputs["Object"].default_value = small
    tree.links.new(source.outputs["Geometry"], nodes[1].inputs["Instance"])
    return save(folder / "shot.blend")


@RECIPES.add("image in geometry nodes", sent=True, job={"frames": "1"})
def geometry_nodes_that_sample_a_picture(folder: Path) -> Path:
    scene = studio()
    made = cube(scene, glow(), size=1)
    nodes = geometry(made, "Sample", "GeometryNodeSetPosition")
    chain(nodes)
    tree = nodes[0].id_data
    sample = tree.nodes.new("GeometryNodeImageTexture")
    sample.inputs["Image"].default_value = load(folder / "tex/a.png", (0.8, 0.1, 0.6))
    tree.links.new(sample.outputs["Color"], nodes[1].inputs["Offset"])
    return save(folder / "shot.blend")


@RECIPES.add("material of an object", sent=True)
def picture_in_a_slot_of_the_object(folder: Path) -> Path:
    scene = studio()
    made = cube(scene, glow())
    made.material_slots[0].link = "OBJECT"
    made.material_slots[0].material = textured(load(folder / "tex/a.png", CYAN))[0]
    return save(folder / "shot.blend")


@RECIPES.add("scene", sent=True, said="Other")
def background_set_with_a_picture(folder: Path) -> Path:
    scene = studio()
    other = bpy.data.scenes.new("Other")
    made = cube(scene, textured(load(folder / "tex/a.png", YELLOW))[0], at=(1.5, 1, 0))
    scene.collection.objects.unlink(made)
    other.collection.objects.link(made)
    scene.background_set = other
    return save(folder / "shot.blend")


def shown_by_a_driver(folder: Path) -> Path:
    """A cube that a driver shows from frame 2 on, whose picture is gone. What any frame shows counts for all."""
    scene = studio()
    cube(scene, glow(), at=(-1.5, 0, 0), size=1)
    made = cube(scene, textured(load(folder / "gone.png"))[0], at=(1.5, 0, 0), size=1)
    driver = made.driver_add("hide_render").driver
    driver.type, driver.expression = "SCRIPTED", "frame < 2"
    path = save(folder / "shot.blend")
    (folder / "gone.png").unlink()
    return path


@RECIPES.add("visibility per frame", refused=r"gone\.png", job={"frames": "1"})
def picture_gone_that_a_driver_hides(folder: Path) -> Path:
    return shown_by_a_driver(folder)


@RECIPES.add("visibility per frame", job={"frames": "1,2"}, frames=(1, 2), refused=r"gone\.png")
def picture_gone_that_a_driver_shows(folder: Path) -> Path:
    return shown_by_a_driver(folder)


@RECIPES.add("compressed file", sent=True)
def compressed(folder: Path) -> Path:
    scene = studio()
    cube(scene, textured(load(folder / "tex/a.png"))[0])
    path = save(folder / "shot.blend")
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True)
    return path


@RECIPES.add("nothing to see", said="|")
def nothing_but_sky(folder: Path) -> Path:
    studio()
    return save(folder / "shot.blend")


@RECIPES.add("nothing to see", said="|")
def no_light_at_all(folder: Path) -> Path:
    scene = studio()
    bpy.data.objects.remove(bpy.data.objects["Sun"])
    scene.world = None
    cube(scene)
    return save(folder / "shot.blend")


@RECIPES.add("odd names", sent=True)
def very_long_names(folder: Path) -> Path:
    scene = studio()
    cube(scene, textured(load(folder / ("long " * 30).strip() / f"{'x' * 180}.png"))[0])
    return save(folder / "shot.blend")


@RECIPES.add("odd names", spare=("v001.*",), sent=True)
def folder_that_looks_like_a_sequence(folder: Path) -> Path:
    scene = studio()
    cube(scene, textured(load(folder / "v001.####/a_<UDIM>_0001.png", CYAN))[0])
    return save(folder / "shot.0001.blend")


@RECIPES.add("unused file", sent=True, spare=("unused.png",))
def picture_of_an_unused_slot(folder: Path) -> Path:
    scene = studio()
    made = cube(scene, glow())
    made.data.materials.append(textured(load(folder / "unused.png"))[0])
    return save(folder / "shot.blend")


CYCLES = {
    "render.engine": "CYCLES", "cycles.use_adaptive_sampling": False, "cycles.use_denoising": False,
    "render.use_border": False, "render.use_sequencer": False, "render.use_compositing": False,
}  # fmt: skip
SHIPPED = (
    "4Cubes4Mats_248", "AreaLight_269", "BlenderDefault_250_Compressed", "BlenderDefault_276", "BlenderMaterial_269",
    "CubeHierarchy_248", "HUMAN", "SuzanneSubdiv_252", "TexturedPlane_ImageUvPacked_248",
    "TorusLightsCams_250_compressed", "blender_269_regress1", "box", "plane_2_textures_2_texcoords_279", "test_279",
    "yxa_1",
)  # fmt: skip
"""Made by Blender 2.48 to 2.93, for renderers that are gone."""


def _ship(name: str) -> None:
    def make(folder: Path) -> Path:
        shutil.copy(MODELS / f"{name}.blend", folder)
        return folder / f"{name}.blend"

    make.__name__ = f"old_{name}"
    job = {"size": "48x36", "samples": 4, "frames": "1"}
    RECIPES.add("old file", job=job, said="|", direct={"set": CYCLES})(make)


if MODELS.is_dir():
    for _name in SHIPPED:
        _ship(_name)
