"""Scenes in formats that Blender imports: made, and those of Debian's ``assimp-testmodels``. Runs inside Blender.

One file over 300 lines: it is a list of scenes.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import bpy

from tests.scenes.blender_stage import (
    BLUE,
    GREEN,
    RED,
    ball,
    cube,
    load,
    node,
    picture,
    plane,
    studio,
    surface,
)
from tests.scenes.case import Recipes

RECIPES = Recipes("blender")
MODELS = Path("/usr/share/assimp/models")
JOB = {"size": "48x36", "samples": 4}
OWN: dict[str, Any] = {"job": JOB, "direct": {"own_camera": True}}
ADDED: dict[str, Any] = {"job": JOB, "said": "|"}
"""Scenes to which a camera and light are added."""


def furnished(folder: Path) -> Any:
    """A set with a textured cube and a plain ball, lit by a lamp alone."""
    scene = studio()
    scene.world = None
    material = surface("Painted", Base_Color=(1, 1, 1, 1))
    tree = material.node_tree
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = load(folder / "tex/a b.png", GREEN)
    tree.links.new(texture.outputs[0], node(tree, "BSDF_PRINCIPLED").inputs["Base Color"])
    cube(scene, material, at=(-0.8, 0, 0), size=1.4)
    ball(scene, surface("Plain", Base_Color=(0.8, 0.2, 0.1, 1)), at=(1.1, 0, 0), size=1.6)
    plane(scene, surface("Floor", Base_Color=(0.6, 0.6, 0.6, 1)))
    return scene


def gltf(path: Path, kind: str, **options: Any) -> Path:
    bpy.ops.export_scene.gltf(
        filepath=str(path), export_format=kind, export_cameras=True, export_lights=True, **options
    )
    return path


@RECIPES.add("glTF", command=True, quick=True, sent=True, **OWN)
def gltf_binary(folder: Path) -> Path:
    furnished(folder)
    return gltf(folder / "scene.glb", "GLB")


@RECIPES.add("glTF", sent=True, **OWN)
def gltf_in_parts(folder: Path) -> Path:
    furnished(folder)
    (folder / "out").mkdir()
    return gltf(folder / "out/scene.gltf", "GLTF_SEPARATE", export_texture_dir="pictures ü")


@RECIPES.add("glTF", refused=r"\.png", **OWN)
def gltf_picture_gone(folder: Path) -> Path:
    path = gltf_in_parts(folder)
    next(path.parent.rglob("*.png")).unlink()
    return path


@RECIPES.add("glTF", refused=r"\.bin", **OWN)
def gltf_buffer_gone(folder: Path) -> Path:
    path = gltf_in_parts(folder)
    next(path.parent.rglob("*.bin")).unlink()
    return path


@RECIPES.add("glTF", sent=True, job=JOB | {"frames": "1,4"}, frames=(1, 4), direct={"own_camera": True})
def gltf_animated(folder: Path) -> Path:
    scene = furnished(folder)
    scene.frame_end = 5
    made = bpy.data.objects["Ball"]
    for frame, x in ((1, 0.0), (5, 2.0)):
        made.location.x = x
        made.keyframe_insert("location", frame=frame)
    return gltf(folder / "scene.glb", "GLB")


@RECIPES.add("FBX", sent=True, quick=True, **OWN)
def fbx(folder: Path) -> Path:
    furnished(folder)
    bpy.ops.export_scene.fbx(filepath=str(folder / "scene.fbx"), path_mode="RELATIVE")
    return folder / "scene.fbx"


@RECIPES.add("FBX", sent=True, **OWN)
def fbx_embedded(folder: Path) -> Path:
    furnished(folder)
    bpy.ops.export_scene.fbx(filepath=str(folder / "scene.fbx"), path_mode="COPY", embed_textures=True)
    shutil.rmtree(folder / "tex")
    return folder / "scene.fbx"


@RECIPES.add("FBX", refused=r"a b\.png", **OWN)
def fbx_picture_gone(folder: Path) -> Path:
    path = fbx(folder)
    shutil.rmtree(folder / "tex")
    return path


@RECIPES.add("OBJ", sent=True, quick=True, **ADDED)
def obj(folder: Path) -> Path:
    furnished(folder)
    bpy.ops.wm.obj_export(filepath=str(folder / "a scene.obj"), path_mode="RELATIVE")
    return folder / "a scene.obj"


QUAD = "v -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nusemtl m\nf 1/1 2/2 3/3 4/4\n"


@RECIPES.add("OBJ", refused=r"gone\.mtl", **ADDED)
def obj_materials_gone(folder: Path) -> Path:
    (folder / "t.obj").write_text(f"mtllib gone.mtl\n{QUAD}")
    return folder / "t.obj"


@RECIPES.add("OBJ", refused=r"gone\.png", **ADDED)
def obj_picture_gone(folder: Path) -> Path:
    (folder / "t.obj").write_text(f"mtllib t.mtl\n{QUAD}")
    (folder / "t.mtl").write_text("newmtl m\nKd 1 1 1\nmap_Kd gone.png\n")
    return folder / "t.obj"


@RECIPES.add("OBJ", sent=True, **ADDED)
def obj_with_spaces_in_names(folder: Path) -> Path:
    picture(folder / "the map.png", BLUE)
    (folder / "t.obj").write_text(f"mtllib my materials.mtl\n{QUAD}")
    (folder / "my materials.mtl").write_text("newmtl m\nKd 1 1 1\nmap_Kd the map.png\n")
    return folder / "t.obj"


@RECIPES.add("OBJ", refused="UTF|encod|nothing|text", **ADDED)
def obj_in_utf16(folder: Path) -> Path:
    (folder / "t.obj").write_text(QUAD.replace("usemtl m\n", ""), encoding="utf-16")
    return folder / "t.obj"


@RECIPES.add("nothing to see", refused="othing|points|empty", **ADDED)
def obj_of_points(folder: Path) -> Path:
    (folder / "t.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n")
    return folder / "t.obj"


@RECIPES.add("nothing to see", refused="othing|empty", **ADDED)
def gltf_of_nothing(folder: Path) -> Path:
    (folder / "t.gltf").write_text(
        '{"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{}]}'
    )
    return folder / "t.gltf"


# USD.

HEAD = '#usda 1.0\n(\n    defaultPrim = "W"\n    upAxis = "Z"\n    metersPerUnit = 1\n)\n'
CAMERA = """    def Camera "Eye"
    {
        double3 xformOp:translate = (0, -8, 0)
        float3 xformOp:rotateXYZ = (90, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ"]
    }
    def DistantLight "L"
    {
        float inputs:intensity = 3
        float3 xformOp:rotateXYZ = (40, 20, 0)
        uniform token[] xformOpOrder = ["xformOp:rotateXYZ"]
    }
"""
CUBE = '    def Cube "Box"\n    {\n        double size = 2\n    }\n'
SPHERE = '    def Sphere "S"\n    {\n        double radius = 0.7\n        double3 xformOp:translate = (2, 0, 0)\n        uniform token[] xformOpOrder = ["xformOp:translate"]\n    }\n'


def usda(path: Path, content: str, head: str = HEAD) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{head}def Xform "W"\n{{\n{content}}}\n')
    return path


def arc(kind: str, target: str) -> str:
    return f'    def "Part" (\n        {kind} = @{target}@\n    )\n    {{\n    }}\n'


def composed(folder: Path, kind: str, *, gone: bool = False) -> Path:
    usda(folder / "assets/part.usda", CUBE)
    if gone:
        (folder / "assets/part.usda").unlink()
    return usda(folder / "scene.usda", arc(kind, "./assets/part.usda") + SPHERE + CAMERA)


@RECIPES.add("USD", sent=True, quick=True, **OWN)
def usd_reference(folder: Path) -> Path:
    return composed(folder, "references")


@RECIPES.add("USD", sent=True, **OWN)
def usd_payload(folder: Path) -> Path:
    return composed(folder, "payload")


@RECIPES.add("USD", refused=r"part\.usda", **OWN)
def usd_reference_gone(folder: Path) -> Path:
    return composed(folder, "references", gone=True)


@RECIPES.add("USD", refused=r"part\.usda", **OWN)
def usd_payload_gone(folder: Path) -> Path:
    return composed(folder, "payload", gone=True)


def layered(folder: Path) -> Path:
    usda(folder / "layers/base.usda", CUBE + CAMERA)
    head = HEAD.replace("metersPerUnit = 1\n", "metersPerUnit = 1\n    subLayers = [@./layers/base.usda@]\n")
    text = f'{head}over "W"\n{{\n    over "Box"\n    {{\n    }}\n{SPHERE}}}\n'
    (folder / "scene.usda").write_text(text)
    return folder / "scene.usda"


@RECIPES.add("USD", sent=True, **OWN)
def usd_sublayer(folder: Path) -> Path:
    return layered(folder)


@RECIPES.add("USD", refused=r"base\.usda", **OWN)
def usd_sublayer_gone(folder: Path) -> Path:
    path = layered(folder)
    (folder / "layers/base.usda").unlink()
    return path


@RECIPES.add("USD", refused=r"base\.usda", **OWN)
def usd_sublayer_broken(folder: Path) -> Path:
    path = layered(folder)
    (folder / "layers/base.usda").write_text("#usda 1.0\ndef Cube {")
    return path


@RECIPES.add("USD", sent=True, **OWN)
def usd_variant_whose_other_is_gone(folder: Path) -> Path:
    usda(folder / "assets/red.usda", CUBE)
    variants = (
        '    def "Part" (\n        variants = {\n            string look = "red"\n        }\n'
        '        prepend variantSets = "look"\n    )\n    {\n        variantSet "look" = {\n'
        '            "red" (\n                references = @./assets/red.usda@\n            ) {\n            }\n'
        '            "blue" (\n                references = @./assets/gone.usda@\n            ) {\n            }\n        }\n    }\n'
    )
    return usda(folder / "scene.usda", variants + CAMERA)


def exported(folder: Path, name: str) -> Path:
    furnished(folder)
    (folder / "out").mkdir()
    bpy.ops.wm.usd_export(filepath=str(folder / "out" / name), relative_paths=True)
    return folder / "out" / name


for _suffix in ("usda", "usdc", "usdz"):

    def _make(folder: Path, name: str = f"scene.{_suffix}") -> Path:
        return exported(folder, name)

    _make.__name__ = f"usd_exported_{_suffix}"
    RECIPES.add("USD", sent=True, **OWN)(_make)


@RECIPES.add("USD", refused=r"a b\.png|a_b", **OWN)
def usd_picture_gone(folder: Path) -> Path:
    path = exported(folder, "scene.usda")
    for each in folder.rglob("*.png"):
        each.unlink()
    return path


@RECIPES.add("USD", sent=True, job=JOB | {"frames": "1,4"}, frames=(1, 4), direct={"own_camera": True})
def usd_time_samples(folder: Path) -> Path:
    moving = SPHERE.replace(
        "double3 xformOp:translate = (2, 0, 0)",
        "double3 xformOp:translate.timeSamples = {\n            1: (-2, 0, 0),\n            5: (2, 0, 0),\n        }",
    )
    return usda(folder / "scene.usda", moving + CAMERA)


DOME = '    def DomeLight "D"\n    {\n        float inputs:intensity = 1\n%s    }\n'


@RECIPES.add("USD dome", direct={"own_camera": True, "world": True}, job=JOB)
def usd_red_dome(folder: Path) -> Path:
    return usda(folder / "scene.usda", SPHERE + CAMERA + DOME % "        color3f inputs:color = (1, 0, 0)\n")


@RECIPES.add("USD dome", sent=True, direct={"own_camera": True, "world": True}, job=JOB)
def usd_textured_dome(folder: Path) -> Path:
    studio()
    picture(folder / "sky.exr", RED, "OPEN_EXR")
    texture = '        asset inputs:texture:file = @./sky.exr@\n        token inputs:texture:format = "latlong"\n'
    return usda(folder / "scene.usda", SPHERE + CAMERA + DOME % texture)


@RECIPES.add("USD dome", refused=r"gone\.exr", direct={"own_camera": True, "world": True}, job=JOB)
def usd_dome_picture_gone(folder: Path) -> Path:
    return usda(folder / "scene.usda", SPHERE + CAMERA + DOME % "        asset inputs:texture:file = @./gone.exr@\n")


INSTANCER = """    def PointInstancer "P"
    {
        point3f[] positions = [(0, 0, 0), (6, 0, 0), (0, 6, 0), (6, 6, 0)]
        int[] protoIndices = [0, 0, 0, 0]
        rel prototypes = </W/P/Proto/C>
        def Scope "Proto"
        {
            def Cube "C"
            {
                double size = 1
            }
        }
    }
"""


@RECIPES.add("instances", job=JOB, said="|", direct={"all_in_view": True})
def usd_instancer(folder: Path) -> Path:
    return usda(folder / "scene.usda", INSTANCER)


@RECIPES.add("USD", sent=True, **ADDED)
def usd_without_camera(folder: Path) -> Path:
    return usda(folder / "scene.usda", CUBE + SPHERE)


# Shipped.

SHIPPED = (
    "FBX/animation_with_skeleton.fbx", "FBX/box.fbx", "FBX/cubes_with_mirroring_and_pivot.fbx", "FBX/huesitos.fbx",
    "FBX/phong_cube.fbx", "FBX/spider.fbx", "FBX/transparentTest.fbx", "FBX/embedded_ascii/box.FBX",
    "FBX/box_orphant_embedded_texture.fbx", "FBX/embedded_ascii/box_embedded_texture_fragmented.fbx", "FBX/maxPbrMaterial_metalRough.fbx",
    "OBJ/box.obj", "OBJ/box_mat_with_spaces.obj", "OBJ/box_UTF16BE.obj", "OBJ/concave_polygon.obj",
    "OBJ/cube_with_vertexcolors.obj", "OBJ/number_formats.obj", "OBJ/point_cloud.obj", "OBJ/spider.obj",
    "OBJ/testmixed.obj", "OBJ/testline.obj", "OBJ/WusonOBJ.obj", "OBJ/regr01.obj",
    "glTF/BoxTextured-glTF/BoxTextured.gltf", "glTF2/2CylinderEngine-glTF-Binary/2CylinderEngine.glb",
    "glTF2/BoxTextured-glTF/BoxTextured.gltf", "glTF2/BoxTextured-glTF-Embedded/BoxTextured.gltf",
    "glTF2/BoxTextured-glTF-Binary/BoxTextured.glb", "glTF2/ClearCoat-glTF/ClearCoatTest.gltf",
    "glTF2/MissingBin/BoxTextured.gltf", "glTF2/RecursiveNodes/RecursiveNodes.gltf",
    "glTF2/TestNoRootNode/NoScene.gltf", "glTF2/TestNoRootNode/SceneWithoutNodes.gltf",
    "glTF2/cameras/Cameras.gltf", "glTF2/draco/2CylinderEngine.gltf", "glTF2/simple_skin/simple_skin.gltf",
    "glTF2/textureTransform/TextureTransformTest.gltf", "glTF2/wrongTypes/badArray.gltf",
    "glTF2/IndexOutOfRange/IndexOutOfRange.gltf", "glTF2/BoxBadNormals-glTF-Binary/BoxBadNormals.glb",
    "glTF2/glTF-Sample-Models/AnimatedMorphCube-glTF/AnimatedMorphCube.gltf",
    "glTF2/glTF-Asset-Generator/Mesh_PrimitiveMode/Mesh_PrimitiveMode_04.gltf",
    "glTF2/glTF-Asset-Generator/Mesh_PrimitiveMode/Mesh_PrimitiveMode_00.gltf",
    "invalid/empty.obj", "invalid/malformed.obj",
)  # fmt: skip
REFUSED = {
    "FBX/spider.fbx": "SpiderTex", "FBX/transparentTest.fbx": "Not an FBX file",
    "FBX/maxPbrMaterial_metalRough.fbx": r"albedo\.png", "OBJ/box_UTF16BE.obj": "UTF-16",
    "OBJ/point_cloud.obj": "nothing to see", "OBJ/testline.obj": "nothing to see",
    "glTF/BoxTextured-glTF/BoxTextured.gltf": "glTF 1.0", "glTF2/MissingBin/BoxTextured.gltf": r"\.bin",
    "glTF2/TestNoRootNode/SceneWithoutNodes.gltf": "nothing to see", "invalid/empty.obj": "empty file",
    "glTF2/TestNoRootNode/NoScene.gltf": "can't be imported", "glTF2/wrongTypes/badArray.gltf": "can't be imported",
    "glTF2/RecursiveNodes/RecursiveNodes.gltf": "can't be imported",
    "glTF2/IndexOutOfRange/IndexOutOfRange.gltf": "can't be imported",
    "glTF2/glTF-Asset-Generator/Mesh_PrimitiveMode/Mesh_PrimitiveMode_00.gltf": "nothing to see",
}  # fmt: skip
"""What Blender can't open, or what shows nothing."""
MOVING = (
    "glTF2/simple_skin/simple_skin.gltf", "glTF2/glTF-Sample-Models/AnimatedMorphCube-glTF/AnimatedMorphCube.gltf",
)  # fmt: skip
"""What has frames of its own: a still is the first."""


def _ship(name: str) -> None:
    def make(folder: Path) -> Path:
        shutil.copytree((MODELS / name).parent, folder / "shipped", symlinks=False)
        return folder / "shipped" / Path(name).name

    make.__name__ = "shipped_" + name.replace("/", "_").replace("-", "_").replace(".", "_")
    frames = {"frames": (0,)} if name in MOVING else {}
    RECIPES.add("shipped", refused=REFUSED.get(name, ""), **ADDED, **frames)(make)


if MODELS.is_dir():
    for _name in SHIPPED:
        _ship(_name)
