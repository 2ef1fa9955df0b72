"""Make Blender files that refer to other files, one kind each: by Python, or an installed Blender.

One file over 300 lines: a list of scenes, each a function of its own.
"""

import os
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.scenes.volume_file import write_volume

COLOURS = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1)]
IES = "IESNA:LM-63-1995\n[TEST] x\n[MANUFAC] x\nTILT=NONE\n1 1000 1 3 1 1 1 0 0 0\n1 1 100\n0 45 90\n0\n900 500 100\n"
OSL = '#include "tint.h"\nshader red(output color c = 0) { c = TINT; }\n'
OBJ = "v -1 0 -1\nv 1 0 -1\nv 1 0 1\nv -1 0 1\nf 1 2 3 4\n"


def empty() -> Any:
    """A scene with a camera in front of the origin, and a sun."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = 16, 12
    scene.cycles.samples = 4
    scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
    scene.frame_start, scene.frame_end = 1, 5
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0, -5, 1), (1.4, 0, 0)
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    scene.collection.objects.link(camera)
    scene.collection.objects.link(sun)
    scene.camera = camera
    return scene


def save(folder: Path, name: str, *, relative: bool = True) -> None:
    """Save at frame 1."""
    bpy.context.scene.frame_set(1)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / f"{name}.blend"), relative_remap=relative)
    if relative:
        bpy.ops.file.make_paths_relative()
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / f"{name}.blend"))


def picture(path: Path, colour: tuple[float, ...]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = bpy.data.images.new("written", 8, 8)
    image.pixels = [*colour, 1] * 64
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)
    return path


def numbered(folder: Path, *, missing: int = 0) -> Path:
    """Five pictures, of other colours each; returns the first."""
    for number, colour in enumerate(COLOURS, 1):
        if number != missing:
            picture(folder / f"s.{number:04d}.png", colour)
    return folder / "s.0001.png"


def cube(material: Any = None, *, x: float = 0.0, name: str = "Cube") -> Any:
    bpy.ops.mesh.primitive_cube_add(size=2, location=(x, 0, 0))
    made = bpy.context.object
    made.name = name
    if material:
        made.data.materials.append(material)
    return made


def glowing(name: str = "Glow") -> tuple[Any, Any]:
    """A material that only emits, and its emission node."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    emission, output = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    material.node_tree.links.new(emission.outputs[0], output.inputs[0])
    return material, emission


def textured(path: Path, source: str = "FILE", name: str = "Textured") -> tuple[Any, Any]:
    """A material that shows an image, and its texture node."""
    material, emission = glowing(name)
    texture = material.node_tree.nodes.new("ShaderNodeTexImage")
    texture.image = bpy.data.images.load(str(path))
    texture.image.source = source
    material.node_tree.links.new(texture.outputs[0], emission.inputs[0])
    return material, texture


def sequence(folder: Path, *, missing: int = 0, **settings: object) -> None:
    empty()
    material, texture = textured(numbered(folder / "tex", missing=missing), "SEQUENCE")
    for name, value in {"frame_duration": 5, "frame_start": 1, "use_auto_refresh": True, **settings}.items():
        setattr(texture.image_user, name, value)
    cube(material)


def seq(folder: Path) -> None:
    sequence(folder)
    save(folder, "seq")


def seqmiss(folder: Path) -> None:
    sequence(folder, missing=3)
    save(folder, "seqmiss")


def seqcyclic(folder: Path) -> None:
    sequence(folder, use_cyclic=True, frame_duration=2, frame_offset=2, frame_start=3, use_auto_refresh=False)
    save(folder, "seqcyclic", relative=False)


def seqlate(folder: Path) -> None:
    sequence(folder, frame_start=4)
    save(folder, "seqlate")


def seqkeyed(folder: Path) -> None:
    """The offset is keyed: 0 in frame 1, 3 in frame 2."""
    sequence(folder, frame_duration=1)
    tree = bpy.data.materials["Textured"].node_tree
    for frame, offset in ((1, 0), (2, 3)):
        tree.nodes["Image Texture"].image_user.frame_offset = offset
        tree.keyframe_insert('nodes["Image Texture"].image_user.frame_offset', frame=frame)
    save(folder, "seqkeyed")


def udim(folder: Path, *, missing: int = 0) -> None:
    empty()
    for number, colour in ((1001, (0, 1, 0)), (1002, (0, 0, 1))):
        if number != missing:
            picture(folder / "tex" / f"u.{number}.png", colour)
    material, texture = textured(folder / "tex" / "u.1001.png")
    texture.image.source = "TILED"
    texture.image.filepath = str(folder / "tex" / "u.<UDIM>.png")
    texture.image.tiles.new(1002)
    picture(folder / "tex" / "u.1099.png", (1, 1, 1))  # no tile of the image
    made = cube(material)
    for corner in made.data.uv_layers.active.data:
        corner.uv[0] *= 2
    save(folder, "udim" if not missing else "udimmiss", relative=bool(missing))


def udimmiss(folder: Path) -> None:
    udim(folder, missing=1002)


def unused(folder: Path) -> None:
    """Files that nothing in the picture uses, and that don't exist."""
    scene = empty()
    material, _ = textured(picture(folder / "tex" / "a.png", (0, 1, 0)))
    made = cube(material)

    def gone(name: str) -> Any:
        image = bpy.data.images.load(str(picture(folder / name, (1, 1, 1))))
        (folder / name).unlink()
        return image

    gone("orphan.png").use_fake_user = True
    loose = material.node_tree.nodes.new("ShaderNodeTexImage")
    loose.image = gone("unlinked.png")
    hidden = cube(textured(picture(folder / "hidden.png", (1, 1, 1)), name="Hidden")[0], name="Hidden")
    (folder / "hidden.png").unlink()
    hidden.hide_render = True
    scene.camera.data.background_images.new().image = gone("background.png")
    texture = bpy.data.textures.new("Off", "IMAGE")
    texture.image = gone("off.png")
    displace = made.modifiers.new("Off", "DISPLACE")
    displace.texture, displace.show_render, displace.show_viewport = texture, False, False
    cache = made.modifiers.new("Cache", "MESH_CACHE")
    cache.filepath, cache.show_render, cache.show_viewport = str(folder / "off.mdd"), False, False
    ocean = cube(name="Sea").modifiers.new("Ocean", "OCEAN")
    ocean.resolution = 1
    save(folder, "unused")


def library(folder: Path, name: str = "library", *, relative: bool = True) -> None:
    """An object that is linked from a library, with a texture beside that; the library of a library, too."""
    (folder / "libs").mkdir(parents=True)
    empty()
    material, _ = textured(picture(folder / "libs" / "tex" / "t.png", (0, 1, 0)))
    material.use_fake_user = True
    save(folder / "libs", "material", relative=relative)
    empty()
    with bpy.data.libraries.load(str(folder / "libs" / "material.blend"), link=True, relative=relative) as (_, into):
        into.materials = ["Textured"]
    cube(bpy.data.materials["Textured"], name="Asset")
    save(folder / "libs", "asset", relative=relative)
    scene = empty()
    with bpy.data.libraries.load(str(folder / "libs" / "asset.blend"), link=True, relative=relative) as (_, into):
        into.objects = ["Asset"]
    scene.collection.objects.link(into.objects[0])
    save(folder, name, relative=relative)


def libabs(folder: Path) -> None:
    library(folder, "libabs", relative=False)


def libgone(folder: Path) -> None:
    library(folder, "libgone")
    bpy.ops.wm.open_mainfile(filepath=str(folder / "libs" / "asset.blend"))
    bpy.data.objects["Asset"].name = "Renamed"
    bpy.ops.wm.save_mainfile()


def surroundings(folder: Path) -> None:
    """A sky of a picture, and a lamp with an IES profile."""
    scene = empty()
    scene.world = bpy.data.worlds.new("World")
    scene.world.use_nodes = True
    scene.world.cycles.sampling_method = "NONE"
    tree = scene.world.node_tree
    sky = tree.nodes.new("ShaderNodeTexEnvironment")
    sky.image = bpy.data.images.load(str(picture(folder / "sky.png", (0, 1, 0))))
    tree.links.new(sky.outputs[0], tree.nodes["Background"].inputs[0])
    (folder / "lamp.ies").write_text(IES)
    lamp = bpy.data.lights.new("Lamp", "POINT")
    lamp.use_nodes = True
    profile = lamp.node_tree.nodes.new("ShaderNodeTexIES")
    profile.mode, profile.filepath = "EXTERNAL", str(folder / "lamp.ies")
    lamp.node_tree.links.new(profile.outputs[0], lamp.node_tree.nodes["Emission"].inputs["Strength"])
    scene.collection.objects.link(bpy.data.objects.new("Lamp", lamp))
    cube()
    save(folder, "surroundings", relative=False)


def script(folder: Path) -> None:
    scene = empty()
    scene.cycles.shading_system = True
    (folder / "red.osl").write_text(OSL)
    (folder / "tint.h").write_text("#define TINT color(1, 0, 0)\n")
    material, emission = glowing()
    node = material.node_tree.nodes.new("ShaderNodeScript")
    node.mode, node.filepath = "EXTERNAL", str(folder / "red.osl")
    node.outputs.new("NodeSocketColor", "c")
    material.node_tree.links.new(node.outputs[0], emission.inputs[0])
    cube(material)
    save(folder, "script", relative=False)


def font(folder: Path) -> None:
    """A text in a font; another one of its fonts has no letter."""
    empty()
    folders = (Path(bpy.utils.system_resource("DATAFILES")) / "fonts", Path("/usr/share/fonts"))
    found = next(each for place in folders for each in sorted(place.rglob("*")) if each.suffix in (".woff2", ".ttf"))
    for name in ("used", "unused"):
        (folder / f"{name}{found.suffix}").write_bytes(found.read_bytes())
    bpy.ops.object.text_add(rotation=(1.57, 0, 0))
    text = bpy.context.object.data
    text.font = bpy.data.fonts.load(str(folder / f"used{found.suffix}"))
    text.font_bold = bpy.data.fonts.load(str(folder / f"unused{found.suffix}"))
    save(folder, "font", relative=False)


def caches(folder: Path) -> None:
    """A mesh cache (.pc2), and a sequence of Alembic files."""
    empty()
    shape = cube(x=-1.5)
    with (folder / "c.pc2").open("wb") as file:
        file.write(b"POINTCACHE2\0" + struct.pack("<iiffi", 1, 8, 0.0, 1.0, 5))
        for frame in range(5):
            file.write(b"".join(struct.pack("<fff", v.co.x, v.co.y, v.co.z + 0.1 * frame) for v in shape.data.vertices))
    modifier = shape.modifiers.new("Points", "MESH_CACHE")
    modifier.cache_format, modifier.filepath = "PC2", str(folder / "c.pc2")
    moving = cube(x=1.5, name="Moving")
    moving.shape_key_add(name="Basis")
    bend = moving.shape_key_add(name="Bend")
    bend.data[0].co.z += 2
    for frame in range(1, 6):
        bend.value = frame / 10
        bend.keyframe_insert("value", frame=frame)
    bpy.ops.object.select_all(action="DESELECT")
    moving.select_set(True)
    (folder / "abc").mkdir()
    for frame in range(1, 6):
        path = folder / "abc" / f"m_{frame:04d}.abc"
        bpy.ops.wm.alembic_export(filepath=str(path), start=frame, end=frame + 1, selected=True)
    bpy.data.objects.remove(moving)
    bpy.ops.wm.alembic_import(filepath=str(folder / "abc" / "m_0001.abc"))
    bpy.data.cache_files[0].is_sequence = True
    save(folder, "caches", relative=False)


def blurred(folder: Path) -> None:
    """The same with motion blur, which looks at the frame before, too."""
    caches(folder)
    bpy.context.scene.render.use_motion_blur = True
    save(folder, "blurred", relative=False)


def slowed(folder: Path) -> None:
    """The same at half the speed, and a cloth that isn't baked."""
    caches(folder)
    (folder / "abc" / "m_0000.abc").write_bytes((folder / "abc" / "m_0001.abc").read_bytes())
    bpy.context.scene.render.frame_map_new = 200
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=4, y_subdivisions=4, size=2, location=(0, 0, 1))
    sheet = bpy.context.object.modifiers.new("Cloth", "CLOTH")
    sheet.point_cache.frame_start, sheet.point_cache.frame_end = 1, 20
    save(folder, "slowed", relative=False)


def usd(folder: Path) -> None:
    """A USD cache whose moving mesh is in another layer."""
    empty()
    (folder / "layers").mkdir(parents=True)
    points = [", ".join(f"({x}, 0, {z + frame / 10})" for x, z in ((-1, -1), (1, -1), (1, 1))) for frame in (1, 5)]
    samples = f"point3f[] points.timeSamples = {{1: [{points[0]}], 5: [{points[1]}]}}"
    (folder / "layers" / "mesh.usda").write_text(
        f'#usda 1.0\n(defaultPrim = "M")\ndef Mesh "M" {{\nint[] faceVertexCounts = [3]\n'
        f"int[] faceVertexIndices = [0, 1, 2]\n{samples}\n}}\n"
    )
    (folder / "cache.usda").write_text(
        '#usda 1.0\n(defaultPrim = "M"\nstartTimeCode = 1\nendTimeCode = 5\nupAxis = "Z")\n'
        'def Mesh "M" (references = @./layers/mesh.usda@) {}\n'
    )
    bpy.ops.wm.usd_import(filepath=str(folder / "cache.usda"))
    assert bpy.data.cache_files
    save(folder, "usd", relative=False)


def cloth(folder: Path, *, relative: bool = True) -> None:
    """A baked cloth whose cache is beside the file."""
    scene = empty()
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=4, y_subdivisions=4, size=2, location=(0, 0, 1))
    sheet = bpy.context.object.modifiers.new("Cloth", "CLOTH")
    save(folder, "cloth", relative=relative)
    cache = sheet.point_cache
    cache.frame_start, cache.frame_end, cache.use_disk_cache = 1, 4, True
    with bpy.context.temp_override(point_cache=cache, scene=scene):
        bpy.ops.ptcache.bake(bake=True)
    save(folder, "cloth", relative=relative)


def external(folder: Path) -> None:
    """A cloth whose cache is in another folder, under another name."""
    cloth(folder)
    (folder / "cloth.blend").unlink()
    cache = bpy.data.objects["Grid"].modifiers["Cloth"].point_cache
    (folder / "blendcache_cloth").rename(folder / "elsewhere")
    for file in (folder / "elsewhere").iterdir():
        file.rename(file.with_name(file.name.replace("47726964", "sheet")))
    cache.filepath, cache.index, cache.name, cache.use_external = str(folder / "elsewhere"), 0, "sheet", True
    save(folder, "external")


def particles(folder: Path) -> None:
    """Particles that are baked to disk, every second frame."""
    scene = empty()
    thing = cube(name="Grain")
    thing.location.z, thing.scale = 50, (0.2, 0.2, 0.2)
    source = cube(name="Source")
    source.modifiers.new("Particles", "PARTICLE_SYSTEM")
    system = source.particle_systems[0]
    system.settings.count, system.settings.frame_end = 5, 2
    system.settings.render_type, system.settings.instance_object = "OBJECT", thing
    save(folder, "particles")
    cache = system.point_cache
    cache.frame_start, cache.frame_end, cache.frame_step, cache.use_disk_cache = 1, 5, 2, True
    with bpy.context.temp_override(point_cache=cache, scene=scene):
        bpy.ops.ptcache.bake(bake=True)
    save(folder, "particles")


def displaced(folder: Path) -> None:
    """A mesh that a sequence of pictures displaces."""
    empty()
    image = bpy.data.images.load(str(numbered(folder / "tex")))
    image.source = "SEQUENCE"
    texture = bpy.data.textures.new("Height", "IMAGE")
    texture.image = image
    texture.image_user.frame_duration, texture.image_user.use_auto_refresh = 5, True
    cube().modifiers.new("Displace", "DISPLACE").texture = texture
    save(folder, "displaced")


def switched(folder: Path) -> None:
    """Pictures that don't exist, of shaders that are switched off: by a factor, an unused input, a muted node."""
    empty()
    material, texture = textured(picture(folder / "tex" / "a.png", (0, 1, 0)))
    nodes, links = material.node_tree.nodes, material.node_tree.links
    output, emission = nodes["Material Output"], nodes["Emission"]

    def gone(name: str) -> Any:
        node = nodes.new("ShaderNodeTexImage")
        node.image = bpy.data.images.load(str(picture(folder / name, (1, 1, 1))))
        (folder / name).unlink()
        return node

    mix = nodes.new("ShaderNodeMixShader")
    mix.inputs[0].default_value = 0.0
    links.new(emission.outputs[0], mix.inputs[1])
    links.new(gone("off.png").outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], output.inputs[0])
    group = bpy.data.node_groups.new("Group", "ShaderNodeTree")
    begin, end = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    for name in ("Used", "Unused"):
        group.interface.new_socket(name, in_out="INPUT", socket_type="NodeSocketColor")
    group.interface.new_socket("Colour", in_out="OUTPUT", socket_type="NodeSocketColor")
    group.links.new(begin.outputs[0], end.inputs[0])
    user = nodes.new("ShaderNodeGroup")
    user.node_tree = group
    links.new(texture.outputs[0], user.inputs[0])
    links.new(gone("unused.png").outputs[0], user.inputs[1])
    links.new(user.outputs[0], emission.inputs[0])
    muted = nodes.new("ShaderNodeMixRGB")
    muted.mute = True
    links.new(user.outputs[0], muted.inputs[1])
    links.new(gone("muted.png").outputs[0], muted.inputs[2])
    links.new(muted.outputs[0], emission.inputs[0])
    cube(material)
    save(folder, "switched")


def volumes(folder: Path) -> None:
    """A sequence of volumes that goes there and back, from the second file on."""
    scene = empty()
    for number in range(1, 6):
        write_volume(folder / f"v_{number:03d}.vdb", number / 100)
    volume = bpy.data.volumes.new("Smoke")
    volume.filepath, volume.is_sequence = str(folder / "v_001.vdb"), True
    volume.frame_duration, volume.frame_offset, volume.sequence_mode = 3, 1, "PING_PONG"
    scene.collection.objects.link(bpy.data.objects.new("Smoke", volume))
    save(folder, "volumes", relative=False)


@contextmanager
def geometry(made: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Give an object a tree of geometry nodes: yields the tree, its input and its output node."""
    tree = bpy.data.node_groups.new("Nodes", "GeometryNodeTree")
    for way in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
    begin, end = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    yield tree, begin, end
    made.modifiers.new("Nodes", "NODES").node_group = tree


def imports(folder: Path) -> None:
    """An import node with a path, one with a text, and one that leads to nothing."""
    empty()
    for name in ("a.obj", "b.obj"):
        (folder / name).write_text(OBJ)
    with geometry(cube()) as (tree, _, end):
        join = tree.nodes.new("GeometryNodeJoinGeometry")
        tree.links.new(join.outputs[0], end.inputs[0])
        direct, wired, loose = (tree.nodes.new("GeometryNodeImportOBJ") for _ in range(3))
        direct.inputs[0].default_value = str(folder / "a.obj")
        loose.inputs[0].default_value = str(folder / "gone.obj")
        text = tree.nodes.new("FunctionNodeInputString")
        text.string = str(folder / "b.obj")
        tree.links.new(text.outputs[0], wired.inputs[0])
        for node in (direct, wired):
            realise = tree.nodes.new("GeometryNodeRealizeInstances")
            tree.links.new(node.outputs[0], realise.inputs[0])
            tree.links.new(realise.outputs[0], join.inputs[0])
    save(folder, "imports", relative=False)


def inputs(folder: Path) -> None:
    """The paths of imports are inputs of a modifier and of a group; a text to see looks like a path."""
    empty()
    for name in ("a.obj", "b.obj"):
        (folder / name).write_text(OBJ)
    group = bpy.data.node_groups.new("Import", "GeometryNodeTree")
    group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    path = group.interface.new_socket("Path", in_out="INPUT", socket_type="NodeSocketString")
    begin, end, node, realise = (
        group.nodes.new(kind)
        for kind in ("NodeGroupInput", "NodeGroupOutput", "GeometryNodeImportOBJ", "GeometryNodeRealizeInstances")
    )
    for source, target in ((begin, node), (node, realise), (realise, end)):
        group.links.new(source.outputs[0], target.inputs[0])
    modifier = cube().modifiers.new("Nodes", "NODES")
    modifier.node_group = group
    modifier[path.identifier] = str(folder / "a.obj")
    with geometry(cube()) as (tree, _, last):
        join, text, letters, call = (
            tree.nodes.new(kind)
            for kind in (
                "GeometryNodeJoinGeometry", "FunctionNodeInputString", "GeometryNodeStringToCurves", "GeometryNodeGroup"
            )
        )  # fmt: skip
        call.node_tree = group
        call.inputs[0].default_value = str(folder / "b.obj")
        text.string = "/x"
        fill = tree.nodes.new("GeometryNodeFillCurve")
        real = tree.nodes.new("GeometryNodeRealizeInstances")
        tree.links.new(text.outputs[0], letters.inputs[0])
        tree.links.new(letters.outputs[0], real.inputs[0])
        tree.links.new(real.outputs[0], fill.inputs[0])
        for source in (fill, call):
            tree.links.new(source.outputs[0], join.inputs[0])
        tree.links.new(join.outputs[0], last.inputs[0])
    save(folder, "inputs", relative=False)


def views(folder: Path) -> None:
    """A picture for each eye, of which the right one is named: Cycles shows the left one."""
    empty()
    for name, colour in (("v_L.png", (0, 1, 0)), ("v_R.png", (1, 0, 0))):
        picture(folder / name, colour)
    material, texture = textured(folder / "v_R.png")
    bpy.context.scene.render.use_multiview = texture.image.use_multiview = True
    cube(material)
    bpy.context.scene.render.use_multiview = False
    save(folder, "views", relative=False)


def computed(folder: Path) -> None:
    """The path of an import is made of two texts."""
    imports(folder)
    tree = bpy.data.node_groups["Nodes"]
    join = tree.nodes.new("GeometryNodeStringJoin")
    text = next(node for node in tree.nodes if node.bl_idname == "FunctionNodeInputString")
    target = text.outputs[0].links[0].to_socket
    tree.links.new(text.outputs[0], join.inputs[1])
    tree.links.new(join.outputs[0], target)
    save(folder, "computed", relative=False)


def bakes(folder: Path) -> None:
    """A simulation of geometry nodes that is baked to disk."""
    scene = empty()
    scene.frame_end = 4
    made = cube()
    with geometry(made) as (tree, begin, end):
        first, last = tree.nodes.new("GeometryNodeSimulationInput"), tree.nodes.new("GeometryNodeSimulationOutput")
        first.pair_with_output(last)
        move = tree.nodes.new("GeometryNodeTransform")
        move.inputs["Translation"].default_value = (0.2, 0, 0)
        tree.links.new(begin.outputs[0], first.inputs["Geometry"])
        tree.links.new(first.outputs["Geometry"], move.inputs[0])
        tree.links.new(move.outputs[0], last.inputs["Geometry"])
        tree.links.new(last.outputs["Geometry"], end.inputs[0])
    modifier = made.modifiers["Nodes"]
    modifier.bake_target, modifier.bake_directory = "DISK", str(folder / "bakes")
    save(folder, "bakes", relative=False)
    bpy.context.view_layer.objects.active = made
    bpy.ops.object.simulation_nodes_cache_bake(selected=False)
    save(folder, "bakes", relative=False)


MADE: dict[str, Callable[[Path], None]] = {
    maker.__name__: maker
    for maker in (
        seq, seqmiss, seqcyclic, seqlate, seqkeyed, udim, udimmiss, unused, library, libabs, libgone, surroundings,
        script, font, caches, blurred, slowed, usd, cloth, external, particles, displaced, switched, volumes, imports,
        inputs, views, computed, bakes,
    )
}  # fmt: skip

if __name__ == "__main__":
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    for kind in arguments[1:]:
        place = Path(arguments[0], kind)
        place.mkdir(parents=True, exist_ok=True)
        MADE[kind](place)
    sys.stdout.flush()
    os._exit(0)  # Blender itself may crash when it frees a fluid
