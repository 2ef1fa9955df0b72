"""glTF, OBJ and FBX scenes: what they refer to, what is missing or not read, and Blender's own picture."""

from __future__ import annotations

import base64
import importlib.util
import json
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tasks.errors import SceneError
from tests.end_to_end.conftest import TIMEOUT_S
from tests.renderers.conftest import SCENES
from tests.renderers.imported import HEADER, directly, names, ours, paint
from tests.renderers.own_pictures import laid_out
from tests.renderers.test_blender import told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.renderers.conftest import Bench

FACE = "v -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nusemtl m\nf 1/1 2/2 3/3 4/4\n"


@pytest.fixture
def bpy(benches: Callable[[str], Bench]) -> Bench:
    return benches("bpy")


@pytest.fixture(params=["bpy", "blender"])
def blender(request: pytest.FixtureRequest, benches: Callable[[str], Bench]) -> Bench:
    return benches(request.param)


def obj(path: Path, libraries: str = "", **files: str) -> Path:
    """Write an OBJ scene, and the material files it names: each makes the material m of a picture."""
    path.write_text(f"{libraries}\n{FACE}")
    for name, texture in files.items():
        (path.parent / f"{name}.mtl").write_text(f"newmtl m\nKd 1 1 1\n{texture}\n")
    return path


def gltf(path: Path, *, buffer: str = "", picture: str = "", **more: Any) -> Path:
    """Write a glTF scene of a square that shines in the colours of a picture, a camera and a lamp."""
    corners = struct.pack("<12f", -1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 1, 0)
    data = corners + struct.pack("<8f", 0, 0, 1, 0, 1, 1, 0, 1) + struct.pack("<6H", 0, 1, 2, 0, 2, 3)
    uri = buffer or f"data:application/octet-stream;base64,{base64.b64encode(data).decode()}"
    view = [(0, 48, 5126, 4, "VEC3"), (48, 32, 5126, 4, "VEC2"), (80, 12, 5123, 6, "SCALAR")]
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0, 1, 2]}],
        "nodes": [
            {"mesh": 0},
            {"camera": 0, "translation": [0, 0, 4]},
            {"translation": [1, 1, 3], "extensions": {"KHR_lights_punctual": {"light": 0}}},
        ],
        "cameras": [{"type": "perspective", "perspective": {"yfov": 0.7, "znear": 0.1}}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"metallicFactor": 0}}],
        "buffers": [{"byteLength": len(data), "uri": uri}],
        "bufferViews": [{"buffer": 0, "byteOffset": at, "byteLength": size} for at, size, *_ in view],
        "accessors": [
            {"bufferView": index, "componentType": kind, "count": count, "type": shape}
            for index, (_, _, kind, count, shape) in enumerate(view)
        ],
        "extensionsUsed": ["KHR_lights_punctual"],
        "extensions": {"KHR_lights_punctual": {"lights": [{"type": "point", "intensity": 300}]}},
    }
    if picture:
        document |= {"images": [{"uri": picture}], "textures": [{"source": 0}]}
        document["materials"] = [{"pbrMetallicRoughness": {"metallicFactor": 0, "baseColorTexture": {"index": 0}}}]
    if buffer:
        (path.parent / buffer.replace("%20", " ")).write_bytes(data)
    path.write_text(json.dumps(document | more))
    return path


def test_a_gltf_names_its_buffers_and_pictures(bpy: Bench, tmp_path: Path) -> None:
    paint(tmp_path / "my wood.png")
    paint(tmp_path / "unused.png")
    scene = gltf(tmp_path / "t.gltf", buffer="my%20data.bin", picture="my%20wood.png")
    assert names(bpy, scene) == ["my data.bin", "my wood.png", "t.gltf"]
    np.testing.assert_array_equal(ours(bpy, scene), directly(tmp_path, scene))
    assert told(bpy, scene).notes == ()


def test_a_glb_may_name_files_too(bpy: Bench, tmp_path: Path) -> None:
    paint(tmp_path / "my wood.png")
    text = gltf(tmp_path / "t.gltf", buffer="my%20data.bin", picture="my%20wood.png").read_bytes()
    text += b" " * (-len(text) % 4)
    header = struct.pack("<4sII", b"glTF", 2, 20 + len(text)) + struct.pack("<I4s", len(text), b"JSON")
    (tmp_path / "t.glb").write_bytes(header + text)
    assert names(bpy, tmp_path / "t.glb") == ["my data.bin", "my wood.png", "t.glb"]
    (tmp_path / "my data.bin").unlink()
    with pytest.raises(SceneError, match=r"refers to files that don't exist: .*my data\.bin\."):
        told(bpy, tmp_path / "t.glb")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"buffers": [{"byteLength": 92, "uri": "gone%201.bin"}]}, "refers to files that don't exist: {}/gone 1.bin."),
        ({"extensionsUsed": ["KHR_x"], "extensionsRequired": ["KHR_x"]}, "requires glTF's extension KHR_x"),
        ({"asset": {"version": "1.0"}}, "is glTF 1.0; Blender reads glTF 2.0 only. Convert it: npx gltf-pipeline"),
    ],
)
def test_what_blender_does_not_read_of_a_gltf_is_refused(
    bpy: Bench, tmp_path: Path, more: dict[str, Any], reason: str
) -> None:
    with pytest.raises(SceneError) as refused:
        told(bpy, gltf(tmp_path / "t.gltf", **more))
    assert reason.format(tmp_path) in str(refused.value)


def test_what_blender_does_not_know_of_a_gltf_is_said(bpy: Bench, tmp_path: Path) -> None:
    scene = gltf(tmp_path / "t.gltf", extensionsUsed=["KHR_lights_punctual", "KHR_materials_iridescence"])
    assert told(bpy, scene).notes == (
        "Blender doesn't know what it uses of glTF's extensions: KHR_materials_iridescence.",
    )


def test_a_gltf_that_moves_has_its_own_frames(bpy: Bench, tmp_path: Path) -> None:
    times = struct.pack("<2f6f", 0, 2, 0, 0, 0, 1, 0, 0)
    (tmp_path / "moves.bin").write_bytes(times)
    scene = gltf(tmp_path / "t.gltf")
    document = json.loads(scene.read_text())
    document["buffers"].append({"byteLength": 32, "uri": "moves.bin"})
    document["bufferViews"] += [
        {"buffer": 1, "byteOffset": 0, "byteLength": 8},
        {"buffer": 1, "byteOffset": 8, "byteLength": 24},
    ]
    document["accessors"] += [
        {"bufferView": 3, "componentType": 5126, "count": 2, "type": "SCALAR", "min": [0], "max": [2]},
        {"bufferView": 4, "componentType": 5126, "count": 2, "type": "VEC3"},
    ]
    document["animations"] = [
        {
            "samplers": [{"input": 3, "output": 4}],
            "channels": [{"sampler": 0, "target": {"node": 0, "path": "translation"}}],
        }
    ]
    document["animations"] += [document["animations"][0] | {"name": "run"}]
    scene.write_text(json.dumps(document))
    info = told(bpy, scene)
    assert (info.frames, info.current_frame) == (range(49), 0)
    assert info.notes == ("Blender plays its first animation, and leaves out others: run.",)


def test_all_frames_of_what_does_not_move_are_one(bpy: Bench, tmp_path: Path) -> None:
    assert len(laid_out(bpy, obj(tmp_path / "t.obj"), frames="scene").frames) == 1


@pytest.mark.parametrize(
    ("libraries", "texture", "files"),
    [
        ("mtllib m.mtl", "map_Kd -s 1 1 1 name with spaces.png", ["m.mtl", "name with spaces.png", "t.obj"]),
        ('mtllib "m.mtl"  \r', "map_Kd sub\\s.png", ["m.mtl", "sub/s.png", "t.obj"]),
        ("mtllib gone.mtl\nmtllib m.mtl", "map_Kd s.png", ["m.mtl", "s.png", "t.obj"]),
    ],
)
def test_an_obj_names_its_material_files_and_their_pictures(
    blender: Bench, tmp_path: Path, libraries: str, texture: str, files: list[str]
) -> None:
    for name in ("name with spaces.png", "sub/s.png", "s.png"):
        paint(tmp_path / name)
    assert names(blender, obj(tmp_path / "t.obj", libraries, m=texture)) == files


@pytest.mark.parametrize(
    ("libraries", "texture", "reason"),
    [
        ("mtllib gone.mtl", "", "refers to files that don't exist: {}/gone.mtl."),
        ("mtllib m.mtl", "map_Kd gone.png", "refers to files that don't exist: {}/gone.png."),
        ("mtllib m.mtl", "map_Kd /gone/a.png", "refers to files that don't exist: /gone/a.png."),
        ("mtllib n.mtl m.mtl", "", "names several material files in one line, n.mtl m.mtl: Blender takes"),
    ],
)
def test_what_an_obj_lacks_is_named(blender: Bench, tmp_path: Path, libraries: str, texture: str, reason: str) -> None:
    with pytest.raises(SceneError) as refused:
        told(blender, obj(tmp_path / "t.obj", libraries, m=texture, n=""))
    assert reason.format(tmp_path) in str(refused.value)


def test_colours_of_vertices_and_materials_that_nobody_defines_are_said(bpy: Bench, tmp_path: Path) -> None:
    scene = tmp_path / "t.obj"
    scene.write_text("v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 0 1 0 0 0 1\nusemtl steel\nf 1 2 3\n")
    notes = told(bpy, scene).notes
    assert "Blender's importer doesn't render the colours of vertices: t." in notes
    assert "Its material files don't define steel: those are plain." in notes
    assert "It has no camera: one is added that shows all of it." in notes
    assert "It has no light: a sun and a faint sky are added." in notes


@pytest.fixture(scope="module")
def fbx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of FBX scenes, whose picture is maps/red.png."""
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("bpy writes the scenes")
    folder = tmp_path_factory.mktemp("fbx")
    picture = paint(folder / "maps" / "red.png")
    command = [sys.executable, str(SCENES / "make_fbx.py"), str(picture), str(folder)]
    assert subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT_S).returncode == 0
    return folder


def test_pictures_of_an_fbx_are_in_it_or_named_or_taken_from_beside_it(
    blender: Bench, fbx: Path, tmp_path: Path
) -> None:
    scene = fbx / "absolute.fbx"
    assert names(blender, scene) == ["absolute.fbx", "maps/red.png"]
    (fbx / "maps").rename(tmp_path / "away")  # Blender 3.4 looks in all folders beside the scene
    try:
        assert names(blender, fbx / "embedded.fbx") == ["embedded.fbx"]
        with pytest.raises(SceneError, match=r"don't exist: .*red\.png\. Put them in place or beside"):
            told(blender, scene)
        paint(fbx / "red.png")
        assert names(blender, scene) == ["absolute.fbx", "red.png"]
    finally:
        (fbx / "red.png").unlink(missing_ok=True)
        (tmp_path / "away").rename(fbx / "maps")


def test_animations_of_an_fbx_that_are_not_played_are_said(bpy: Bench, fbx: Path) -> None:
    info = told(bpy, fbx / "takes.fbx")
    assert "Blender plays its first animation, and leaves out others: Walk." in info.notes
    assert info.frames == range(1, 41)


def test_an_fbx_as_text_is_read_or_refused_with_what_helps(blender: Bench, tmp_path: Path) -> None:
    (tmp_path / "text.fbx").write_text("; FBX 7.3.0 project file\nFBXHeaderExtension:  {\n\tFBXVersion: 7300\n}\n")
    expected = (
        "There is nothing to see" if blender.kind == "bpy" else "Export it again as binary FBX, or use Blender 5.0"
    )
    with pytest.raises(SceneError, match=expected):
        told(blender, tmp_path / "text.fbx")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("t.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n".encode("utf-16"), "has NUL bytes in it"),
        ("m.obj", b"\xef\xbb\xbfv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "begins with a byte order mark"),
        ("p.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\n", "There is nothing to see in the scene p.obj"),
        ("e.obj", b"", "it is an empty file"),
        ("e.usdc", b"version https://git-lfs.github.com/spec/v1\n", "it is only a pointer of Git LFS"),
        ("e.usd", b"hello", "The scene e.usd can't be opened: "),
        ("e.gltf", b'{"asset": {"version": "2.0"}}', "There is nothing to see in the scene e.gltf"),
        ("e.usda", HEADER.encode(), "There is nothing to see in the scene e.usda"),
        ("old.gltf", b'{"asset": {"version": "1.0"}}', "is glTF 1.0; Blender reads glTF 2.0 only"),
        ("cut.glb", b"glTF\2\0\0\0\xff\0\0\0\4\0\0\0JSON{}  ", "isn't a complete glTF file: it should have 255 bytes"),
    ],
)
def test_a_file_without_anything_to_see_is_refused(
    bpy: Bench, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SceneError) as refused:
        told(bpy, tmp_path / name)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (
            "a.blend",
            b"BLENDER-V279" + bytes(400),
            "was saved on a big-endian machine, .* Open it in Blender 4.5 or older",
        ),
        ("b.blend", b"BLENDER-v405" + bytes(400), "is cut off or damaged. Copy it again"),
        ("c.blend", b"\x28\xb5\x2f\xfd" + bytes(400), "is cut off or damaged. Copy it again"),
        ("d.blend", b"", "is an empty file"),
        ("e.fbx", b"version https://git-lfs.github.com/spec/v1\n", "is only a pointer of Git LFS .* git lfs pull"),
        ("f.blend", b"hello", "isn't a Blender file"),
        ("g.fbx", b"hello", "can't be imported: .* Export it again from the program that made it, or in another"),
    ],
)
def test_what_helps_where_blender_can_not_open_a_file(
    bpy: Bench, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SceneError, match=reason):
        told(bpy, tmp_path / name)
