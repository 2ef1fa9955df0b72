"""Blender scenes whose pictures depend on other files, and scenes that only seem to. Runs inside Blender.

One file over 300 lines: it is a list of scenes.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import bpy

from tests.scenes.blender_stage import (
    BLUE,
    CYAN,
    GREEN,
    RED,
    YELLOW,
    cube,
    glow,
    keyed,
    light,
    load,
    node,
    picture,
    plane,
    save,
    studio,
    surface,
    textured,
    world,
)
from tests.scenes.case import Recipes
from tests.scenes.volume_file import write_volume

RECIPES = Recipes("blender")
FIVE = {1: RED, 2: GREEN, 3: BLUE, 4: YELLOW, 5: CYAN}


def painted(folder: Path, texture: Path, *, relative: bool, scene_file: str = "shot.blend") -> Path:
    """A cube that shines with a picture."""
    scene = studio()
    cube(scene, textured(load(texture))[0])
    return save(folder / scene_file, relative=relative)


@RECIPES.add("image", sent=True, quick=True)
def image_absolute(folder: Path) -> Path:
    return painted(folder, folder / "tex/a.png", relative=False)


@RECIPES.add("image", sent=True)
def image_relative(folder: Path) -> Path:
    return painted(folder, folder / "tex/a.png", relative=True)


@RECIPES.add("image", sent=True)
def image_in_a_folder_beside(folder: Path) -> Path:
    return painted(folder, folder / "tex/deep/a.png", relative=True, scene_file="shots/010/shot.blend")


@RECIPES.add("odd names", sent=True)
def names_with_everything(folder: Path) -> Path:
    return painted(
        folder, folder / "Täx türe #1 %d/bild 'a' 100%.png", relative=True, scene_file="Szene ü #01 %d 'q'.blend"
    )


@RECIPES.add("odd names", sent=True)
def name_with_double_quotes(folder: Path) -> Path:
    return painted(folder, folder / 'a "b"/x;y&z.png', relative=False, scene_file='the "shot" $HOME.blend')


@RECIPES.add("symlink", sent=True)
def image_behind_a_link(folder: Path) -> Path:
    picture(folder / "real/a.png", GREEN)
    (folder / "tex").symlink_to("real")
    scene = studio()
    cube(scene, textured(bpy.data.images.load(str(folder / "tex/a.png")))[0])
    return save(folder / "shot.blend")


@RECIPES.add("symlink", sent=True)
def scene_behind_a_link(folder: Path) -> Path:
    painted(folder, folder / "real/a.png", relative=True, scene_file="real/shot.blend")
    (folder / "shot.blend").symlink_to("real/shot.blend")
    (folder / "a.png").symlink_to("real/a.png")
    return folder / "shot.blend"


@RECIPES.add("read-only files")
def read_only(folder: Path) -> Path:
    scene = painted(folder, folder / "tex/a.png", relative=True)
    for path in (folder / "tex/a.png", scene):
        path.chmod(0o444)
    return scene


@RECIPES.add("missing file", command=True, refused=r"gone\.png")
def image_gone(folder: Path) -> Path:
    scene = painted(folder, folder / "tex/gone.png", relative=True)
    (folder / "tex/gone.png").unlink()
    return scene


def sequence(folder: Path, *, relative: bool, without: int = 0, **settings: Any) -> Path:
    """A cube that shines with another colour in each frame."""
    scene = studio()
    for number, colour in FIVE.items():
        if number != without:
            picture(folder / f"tex/s.{number:04d}.png", colour)
    image = bpy.data.images.load(str(folder / "tex/s.0001.png"))
    image.source = "SEQUENCE"
    material, texture = textured(image)
    user = texture.image_user
    user.frame_duration, user.frame_start, user.use_auto_refresh = 5, 1, True
    for name, value in settings.items():
        setattr(user, name, value)
    cube(scene, material)
    scene.frame_end = 5
    return save(folder / "shot.blend", relative=relative)


COLOURS = {str(number): colour for number, colour in FIVE.items()}


@RECIPES.add("image sequence", sent=True, job={"frames": "1-5"}, frames=(1, 2, 3, 4, 5), colours=COLOURS)
def sequence_absolute(folder: Path) -> Path:
    return sequence(folder, relative=False)


@RECIPES.add(
    "image sequence", quick=True, command=True, sent=True, job={"frames": "2,5"}, frames=(2, 5), colours=COLOURS
)
def sequence_relative(folder: Path) -> Path:
    return sequence(folder, relative=True)


@RECIPES.add("image sequence", sent=True, job={"frames": "1,2,9"}, frames=(1, 2, 9))
def sequence_cyclic_offset(folder: Path) -> Path:
    return sequence(folder, relative=True, use_cyclic=True, frame_offset=1, frame_duration=4, frame_start=2)


@RECIPES.add("image sequence", job={"frames": "1-5"}, frames=(1, 2, 3, 4, 5), refused=r"s\.0003\.png")
def sequence_with_a_gap(folder: Path) -> Path:
    return sequence(folder, relative=True, without=3)


@RECIPES.add("image sequence", sent=True, job={"frames": "1,2"}, frames=(1, 2))
def sequence_with_a_gap_elsewhere(folder: Path) -> Path:
    return sequence(folder, relative=True, without=4)


@RECIPES.add("image sequence", sent=True, job={"frames": "1,3"}, frames=(1, 3))
def sequence_in_the_world(folder: Path) -> Path:
    scene = studio()
    for number, colour in FIVE.items():
        picture(folder / f"sky/s{number:03d}.exr", colour, "OPEN_EXR")
    tree = world(scene)
    texture = tree.nodes.new("ShaderNodeTexEnvironment")
    texture.image = bpy.data.images.load(str(folder / "sky/s001.exr"))
    texture.image.source = "SEQUENCE"
    texture.image_user.frame_duration, texture.image_user.use_auto_refresh = 5, True
    tree.links.new(texture.outputs[0], node(tree, "BACKGROUND").inputs["Color"])
    cube(scene)
    return save(folder / "shot.blend")


@RECIPES.add("HDRI", sent=True)
def sky_picture(folder: Path) -> Path:
    scene = studio()
    tree = world(scene)
    texture = tree.nodes.new("ShaderNodeTexEnvironment")
    texture.image = bpy.data.images.load(str(picture(folder / "sky.exr", (0.5, 2.0, 0.1), "OPEN_EXR")))
    tree.links.new(texture.outputs[0], node(tree, "BACKGROUND").inputs["Color"])
    cube(scene)
    return save(folder / "shot.blend", relative=False)


def tiled(folder: Path, *, relative: bool, without: int = 0) -> Path:
    """A plane whose picture has two tiles."""
    scene = studio()
    for number, colour in ((1001, GREEN), (1002, BLUE)):
        if number != without:
            picture(folder / f"tex/u.{number}.png", colour)
    image = bpy.data.images.load(str(folder / "tex/u.1001.png"))
    image.source, image.filepath = "TILED", str(folder / "tex/u.<UDIM>.png")
    if 1002 not in [tile.number for tile in image.tiles]:
        image.tiles.new(1002)
    made = cube(scene, textured(image)[0])
    for corner in made.data.uv_layers[0].data:
        corner.uv[0] *= 2
    return save(folder / "shot.blend", relative=relative)


@RECIPES.add("UDIM", sent=True)
def tiles_absolute(folder: Path) -> Path:
    return tiled(folder, relative=False)


@RECIPES.add("UDIM", sent=True)
def tiles_relative(folder: Path) -> Path:
    return tiled(folder, relative=True)


@RECIPES.add("UDIM", refused=r"u\.1002\.png")
def tile_gone(folder: Path) -> Path:
    return tiled(folder, relative=True, without=1002)


@RECIPES.add("packed image", sent=True)
def packed(folder: Path) -> Path:
    scene = studio()
    image = load(folder / "a.png")
    image.pack()
    image.filepath = "//nowhere.png"
    cube(scene, textured(image)[0])
    (folder / "a.png").unlink()
    return save(folder / "shot.blend")


@RECIPES.add("generated image")
def painted_and_never_saved(folder: Path) -> Path:
    scene = studio()
    image = bpy.data.images.new("Painted", 8, 8)
    image.pixels = [0.0, 1.0, 0.0, 1.0] * 64
    image.pack()
    grid = bpy.data.images.new("Grid", 64, 64)
    grid.generated_type = "COLOR_GRID"
    cube(scene, textured(image)[0])
    plane(scene, textured(grid, "Grid")[0])
    return save(folder / "shot.blend")


@RECIPES.add("movie texture", sent=True, job={"frames": "1,4"}, frames=(1, 4))
def movie(folder: Path) -> Path:
    write_movie(folder / "clip.mp4")
    scene = studio()
    material, texture = textured(bpy.data.images.load(str(folder / "clip.mp4")))
    texture.image_user.frame_duration, texture.image_user.use_auto_refresh = 6, True
    cube(scene, material)
    return save(folder / "shot.blend")


def write_movie(path: Path) -> None:
    """Write six frames, each brighter than the one before."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for number in range(6):
            grey = np.full((64, 64, 3), 40 * number + 20, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


# What nothing in the picture uses may be missing.


def cube_with(folder: Path, *, gone: Path | None = None) -> Path:
    """Save a red cube beside what the file has, and remove a file."""
    cube(bpy.context.scene, glow())
    scene = save(folder / "shot.blend")
    if gone:
        gone.unlink()
    return scene


@RECIPES.add("unused file", quick=True)
def orphan_image_gone(folder: Path) -> Path:
    studio()
    load(folder / "gone.png").use_fake_user = True
    return cube_with(folder, gone=folder / "gone.png")


@RECIPES.add("unused file")
def sound_gone(folder: Path) -> Path:
    import wave

    studio()
    with wave.open(str(folder / "gone.wav"), "w") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * 800)
    bpy.data.sounds.load(str(folder / "gone.wav")).use_fake_user = True
    return cube_with(folder, gone=folder / "gone.wav")


@RECIPES.add("unused file", said="background|")
def camera_background_gone(folder: Path) -> Path:
    scene = studio()
    scene.camera.data.show_background_images = True
    scene.camera.data.background_images.new().image = load(folder / "gone.png")
    return cube_with(folder, gone=folder / "gone.png")


@RECIPES.add("unused file")
def text_gone(folder: Path) -> Path:
    studio()
    (folder / "gone.py").write_text("pass\n")
    bpy.data.texts.load(str(folder / "gone.py"))
    return cube_with(folder, gone=folder / "gone.py")


@RECIPES.add("unused file")
def picture_of_a_hidden_object_gone(folder: Path) -> Path:
    scene = studio()
    cube(scene, textured(load(folder / "gone.png"))[0], at=(3, 0, 0)).hide_render = True
    return cube_with(folder, gone=folder / "gone.png")


@RECIPES.add("unused file")
def picture_of_an_excluded_collection_gone(folder: Path) -> Path:
    scene = studio()
    other = bpy.data.collections.new("Other")
    scene.collection.children.link(other)
    made = cube(scene, textured(load(folder / "gone.png"))[0], at=(2, 0, 0))
    scene.collection.objects.unlink(made)
    other.objects.link(made)
    scene.view_layers[0].layer_collection.children["Other"].exclude = True
    return cube_with(folder, gone=folder / "gone.png")


@RECIPES.add("unused file", said="Other")
def picture_of_another_scene_gone(folder: Path) -> Path:
    scene = studio()
    other = bpy.data.scenes.new("Other")
    made = cube(scene, textured(load(folder / "gone.png"))[0])
    scene.collection.objects.unlink(made)
    other.collection.objects.link(made)
    return cube_with(folder, gone=folder / "gone.png")


@RECIPES.add("unused file")
def picture_of_a_brush_gone(folder: Path) -> Path:
    studio()
    texture = bpy.data.textures.new("Brush", "IMAGE")
    texture.image = load(folder / "gone.png")
    brush = bpy.data.brushes.new("Brush", mode="TEXTURE_PAINT")
    brush.texture = texture
    return cube_with(folder, gone=folder / "gone.png")


@RECIPES.add("visibility per frame", spare=("tex/later.png",), sent=True, job={"frames": "1,2"}, frames=(1, 2))
def picture_shown_from_the_second_frame(folder: Path) -> Path:
    scene = studio()
    made = cube(scene, textured(load(folder / "tex/later.png", BLUE))[0])
    keyed(made, "hide_render", {1: True, 2: False})
    return save(folder / "shot.blend")


# Other kinds of files.


@RECIPES.add("texture of a modifier", sent=True)
def displaced_by_a_picture(folder: Path) -> Path:
    scene = studio()
    made = plane(scene, at=(0, 0, 0), size=3)
    texture = bpy.data.textures.new("Height", "IMAGE")
    texture.image = load(folder / "tex/height.png", (0.8, 0.8, 0.8))
    modifier = made.modifiers.new("Displace", "DISPLACE")
    modifier.texture = texture
    return save(folder / "shot.blend")


@RECIPES.add("image in a node group", sent=True)
def picture_in_a_group(folder: Path) -> Path:
    scene = studio()
    group = bpy.data.node_groups.new("Group", "ShaderNodeTree")
    group.interface.new_socket("Colour", in_out="OUTPUT", socket_type="NodeSocketColor")
    texture, output = group.nodes.new("ShaderNodeTexImage"), group.nodes.new("NodeGroupOutput")
    texture.image = load(folder / "tex/a.png", YELLOW)
    group.links.new(texture.outputs[0], output.inputs[0])
    material = glow()
    inside = material.node_tree.nodes.new("ShaderNodeGroup")
    inside.node_tree = group
    material.node_tree.links.new(inside.outputs[0], node(material.node_tree, "EMISSION").inputs["Color"])
    cube(scene, material)
    return save(folder / "shot.blend")


@RECIPES.add("image of a light", sent=True)
def light_with_a_picture(folder: Path) -> Path:
    scene = studio()
    plane(scene)
    lamp = light(scene, "AREA", 200.0)
    lamp.data.use_nodes = True
    tree = lamp.data.node_tree
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = load(folder / "tex/gobo.png", RED)
    tree.links.new(texture.outputs[0], node(tree, "EMISSION").inputs["Color"])
    return save(folder / "shot.blend", relative=False)


@RECIPES.add("font", sent=True)
def text_in_a_font(folder: Path) -> Path:
    font = next(Path(bpy.utils.resource_path("LOCAL")).glob("datafiles/fonts/*.[tow]*"))
    (folder / "fonts").mkdir()
    (folder / "fonts" / font.name).write_bytes(font.read_bytes())
    studio()
    bpy.ops.object.text_add(rotation=(1.57, 0, 0), location=(-1.2, 0, 0))
    made = bpy.context.object
    made.data.body, made.data.font = "Ag", bpy.data.fonts.load(str(folder / "fonts" / font.name))
    made.data.materials.append(glow())
    return save(folder / "shot.blend")


@RECIPES.add("OSL", sent=True, spare=("red.osl",))
def shader_in_a_file(folder: Path) -> Path:
    scene = studio()
    scene.cycles.shading_system = True
    (folder / "red.osl").write_text("shader red(output color Colour = 0) { Colour = color(0.9, 0.1, 0.05); }\n")
    material = glow()
    script = material.node_tree.nodes.new("ShaderNodeScript")
    script.mode, script.filepath = "EXTERNAL", "//red.osl"
    cube(scene, material)
    path = save(folder / "shot.blend", relative=False)
    script.filepath = "//red.osl"
    if script.outputs:
        material.node_tree.links.new(script.outputs[0], node(material.node_tree, "EMISSION").inputs["Color"])
    return save(path)


@RECIPES.add("IES", sent=True)
def light_with_a_profile(folder: Path) -> Path:
    (folder / "l.ies").write_text(
        "IESNA:LM-63-1995\n[TEST] x\n[MANUFAC] x\nTILT=NONE\n1 1000 1 3 1 1 1 0 0 0\n1 1 100\n0 45 90\n0\n900 300 0\n"
    )
    scene = studio()
    plane(scene)
    lamp = light(scene, "POINT", 300.0, at=(0, 0, 2))
    lamp.data.use_nodes = True
    tree = lamp.data.node_tree
    profile = tree.nodes.new("ShaderNodeTexIES")
    profile.mode, profile.filepath = "EXTERNAL", str(folder / "l.ies")
    tree.links.new(profile.outputs[0], node(tree, "EMISSION").inputs["Strength"])
    return save(folder / "shot.blend", relative=False)


@RECIPES.add("Alembic", sent=True, job={"frames": "1,4"}, frames=(1, 4))
def alembic(folder: Path) -> Path:
    scene = studio()
    made = cube(scene, size=1)
    scene.frame_end = 5
    keyed(made, "location", {1: (-1.5, 0, 0), 5: (1.5, 0, 0)})
    bpy.ops.wm.alembic_export(filepath=str(folder / "moving.abc"), start=1, end=5)
    bpy.data.objects.remove(made)
    bpy.ops.wm.alembic_import(filepath=str(folder / "moving.abc"))
    for each in scene.objects:
        if each.type == "MESH":
            each.data.materials.clear()
            each.data.materials.append(glow())
    return save(folder / "shot.blend", relative=False)


@RECIPES.add("USD cache", sent=True, job={"frames": "1,4"}, frames=(1, 4))
def usd_cache(folder: Path) -> Path:
    scene = studio()
    made = cube(scene, size=1)
    scene.frame_end = 5
    keyed(made, "location", {1: (-1.5, 0, 0), 5: (1.5, 0, 0)})
    bpy.ops.wm.usd_export(filepath=str(folder / "moving.usdc"), export_animation=True, export_materials=False)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = studio()
    bpy.ops.wm.usd_import(filepath=str(folder / "moving.usdc"), import_cameras=False, import_lights=False)
    return save(folder / "shot.blend")


@RECIPES.add("mesh cache", sent=True, job={"frames": "1,5"}, frames=(1, 5))
def points_of_a_cache(folder: Path) -> Path:
    scene = studio()
    made = cube(scene, glow(), size=1)
    points = [vertex.co for vertex in made.data.vertices]
    with (folder / "points.pc2").open("wb") as file:
        file.write(b"POINTCACHE2\0" + struct.pack("<iiffi", 1, len(points), 0.0, 1.0, 8))
        for frame in range(8):
            for point in points:
                file.write(struct.pack("<fff", point[0] + frame / 4, point[1], point[2]))
    modifier = made.modifiers.new("Cache", "MESH_CACHE")
    modifier.cache_format, modifier.filepath = "PC2", "//points.pc2"
    return save(folder / "shot.blend")


@RECIPES.add("volume", said="volumes|", sent=True)
def volume_in_a_file(folder: Path) -> Path:
    scene = studio(samples=8)
    write_volume(folder / "cloud.vdb", 0.5)
    add_volume(scene, folder / "cloud.vdb")
    return save(folder / "shot.blend")


@RECIPES.add(
    "volume sequence", spare=("vdb/cloud_0001.vdb",), said="volumes|", sent=True, job={"frames": "1,3"}, frames=(1, 3)
)
def volumes_by_frame(folder: Path) -> Path:
    scene = studio(samples=8)
    for frame in (1, 2, 3):
        write_volume(folder / f"vdb/cloud_{frame:04d}.vdb", frame / 2)
    data = add_volume(scene, folder / "vdb/cloud_0001.vdb")
    data.is_sequence, data.frame_duration, data.frame_start = True, 3, 1
    return save(folder / "shot.blend")


def add_volume(scene: Any, path: Path) -> Any:
    data = bpy.data.volumes.new("Cloud")
    data.filepath = str(path)
    data.materials.append(surface("Smoke", "ShaderNodeVolumePrincipled", Density=1.0))
    made = bpy.data.objects.new("Cloud", data)
    made.scale, made.location = (0.3, 0.3, 0.3), (-1.2, -1.2, -1.2)
    scene.collection.objects.link(made)
    return data


@RECIPES.add("geometry from a file", sent=True)
def geometry_nodes_that_import(folder: Path) -> Path:
    (folder / "geo").mkdir()
    (folder / "geo/tri.obj").write_text("v -1 0 -1\nv 1 0 -1\nv 0 0 1\nf 1 2 3\n")
    scene = studio()
    made = cube(scene)
    group = bpy.data.node_groups.new("Import", "GeometryNodeTree")
    group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    reader, colour, output = (
        group.nodes.new(kind) for kind in ("GeometryNodeImportOBJ", "GeometryNodeSetMaterial", "NodeGroupOutput")
    )
    reader.inputs["Path"].default_value = str(folder / "geo/tri.obj")
    colour.inputs["Material"].default_value = glow()
    real = group.nodes.new("GeometryNodeRealizeInstances")
    group.links.new(reader.outputs[0], real.inputs[0])
    group.links.new(real.outputs[0], colour.inputs["Geometry"])
    group.links.new(colour.outputs[0], output.inputs[0])
    made.modifiers.new("Import", "NODES").node_group = group
    return save(folder / "shot.blend", relative=False)
