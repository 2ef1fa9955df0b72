"""Blender scenes that link from other files. Runs inside Blender."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from tests.scenes.blender_stage import BLUE, CYAN, RED, cube, glow, load, save, studio, textured
from tests.scenes.case import Recipes

if TYPE_CHECKING:
    from pathlib import Path

RECIPES = Recipes("blender")


def library(path: Path, texture: Path, *, relative: bool = True, colour: Any = BLUE) -> Path:
    """A file with a collection that has a cube with a picture."""
    scene = studio()
    collection = bpy.data.collections.new("Asset")
    scene.collection.children.link(collection)
    made = cube(scene, textured(load(texture, colour))[0], name="Thing")
    scene.collection.objects.unlink(made)
    collection.objects.link(made)
    return save(path, relative=relative)


def link(path: Path, *, relative: bool = True, name: str = "Asset") -> Any:
    with bpy.data.libraries.load(str(path), link=True, relative=relative) as (_, wanted):
        wanted.collections = [name]
    return wanted.collections[0]


def instance(scene: Any, collection: Any) -> Any:
    made = bpy.data.objects.new("Instance", None)
    made.instance_type, made.instance_collection = "COLLECTION", collection
    scene.collection.objects.link(made)
    return made


@RECIPES.add("library", quick=True, sent=True)
def linked_collection(folder: Path) -> Path:
    library(folder / "assets/thing.blend", folder / "assets/tex/a.png")
    scene = studio()
    path = save(folder / "shots/shot.blend")
    instance(scene, link(folder / "assets/thing.blend"))
    return save(path)


@RECIPES.add("library", sent=True)
def linked_collection_absolute(folder: Path) -> Path:
    library(folder / "assets/thing.blend", folder / "pictures/a.png", relative=False)
    scene = studio()
    instance(scene, link(folder / "assets/thing.blend", relative=False))
    return save(folder / "shots/shot.blend", relative=False)


@RECIPES.add("library of a library", sent=True)
def linked_twice(folder: Path) -> Path:
    library(folder / "assets/part/thing.blend", folder / "assets/part/tex/a.png", colour=CYAN)
    scene = studio()
    middle = save(folder / "assets/set.blend")
    group = bpy.data.collections.new("Set")
    scene.collection.children.link(group)
    group.objects.link(instance(scene, link(folder / "assets/part/thing.blend")))
    save(middle)
    scene = studio()
    path = save(folder / "shots/a/shot.blend")
    instance(scene, link(middle, name="Set"))
    return save(path)


@RECIPES.add("library override", sent=True)
def overridden(folder: Path) -> Path:
    library(folder / "thing.blend", folder / "tex/a.png")
    scene = studio()
    path = save(folder / "shot.blend")
    collection = link(folder / "thing.blend")
    scene.collection.children.link(collection)
    local = collection.override_hierarchy_create(scene, scene.view_layers[0])
    assert local
    bpy.context.view_layer.update()
    next(each for each in bpy.data.objects if each.override_library).location = (0.7, 0, 0.3)
    return save(path)


@RECIPES.add("linked material", sent=True)
def linked_material(folder: Path) -> Path:
    library(folder / "lib/thing.blend", folder / "lib/a.png", colour=RED)
    scene = studio()
    path = save(folder / "shot.blend")
    with bpy.data.libraries.load(str(folder / "lib/thing.blend"), link=True, relative=True) as (_, wanted):
        wanted.materials = ["Textured"]
    cube(scene, wanted.materials[0])
    return save(path)


@RECIPES.add("linked world", sent=True)
def linked_world(folder: Path) -> Path:
    library(folder / "lib/thing.blend", folder / "lib/a.png")
    scene = studio()
    path = save(folder / "shot.blend")
    with bpy.data.libraries.load(str(folder / "lib/thing.blend"), link=True, relative=True) as (_, wanted):
        wanted.worlds = ["World"]
    scene.world = wanted.worlds[0]
    cube(scene)
    return save(path)


@RECIPES.add("library", refused=r"Thing|thing\.blend")
def linked_object_gone(folder: Path) -> Path:
    library(folder / "thing.blend", folder / "tex/a.png")
    scene = studio()
    path = save(folder / "shot.blend")
    with bpy.data.libraries.load(str(folder / "thing.blend"), link=True, relative=True) as (_, wanted):
        wanted.objects = ["Thing"]
    scene.collection.objects.link(wanted.objects[0])
    save(path)
    bpy.ops.wm.open_mainfile(filepath=str(folder / "thing.blend"))
    bpy.data.objects["Thing"].name = "Renamed"
    save(folder / "thing.blend")
    return path


@RECIPES.add("library", refused=r"thing\.blend")
def library_gone(folder: Path) -> Path:
    path = linked_collection(folder)
    (folder / "assets/thing.blend").unlink()
    return path


@RECIPES.add("library", refused=r"a\.png")
def picture_of_a_library_gone(folder: Path) -> Path:
    path = linked_collection(folder)
    (folder / "assets/tex/a.png").unlink()
    return path


@RECIPES.add("appended object")
def appended_from_a_file_that_is_gone(folder: Path) -> Path:
    scene = studio()
    cube(scene, glow(), name="Thing")
    save(folder / "thing.blend")
    scene = studio()
    path = save(folder / "shot.blend")
    with bpy.data.libraries.load(str(folder / "thing.blend"), link=False) as (_, wanted):
        wanted.objects = ["Thing"]
    scene.collection.objects.link(wanted.objects[0])
    save(path)
    (folder / "thing.blend").unlink()
    return path


@RECIPES.add("packed library", sent=True)
def packed_library(folder: Path) -> Path:
    scene = studio()
    cube(scene, glow(BLUE), name="Thing")
    save(folder / "thing.blend")
    scene = studio()
    path = save(folder / "shot.blend")
    with bpy.data.libraries.load(str(folder / "thing.blend"), link=True, pack=True) as (_, wanted):
        wanted.objects = ["Thing"]
    scene.collection.objects.link(wanted.objects[0])
    save(path)
    (folder / "thing.blend").unlink()
    return path


@RECIPES.add("unused library")
def unused_library_gone(folder: Path) -> Path:
    library(folder / "lib/thing.blend", folder / "lib/a.png")
    scene = studio()
    path = save(folder / "shot.blend")
    link(folder / "lib/thing.blend").use_fake_user = True
    cube(scene, glow())
    save(path)
    (folder / "lib/thing.blend").unlink()
    return path
