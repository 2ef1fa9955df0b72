"""A textured plane as FBX, with its picture in the file and beside it, and moving: ``make_fbx.py PICTURE FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy


def main(picture: str, folder: Path) -> None:
    import addon_utils  # only there once bpy is

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable("io_scene_fbx")
    bpy.ops.mesh.primitive_plane_add()
    material = bpy.data.materials.new("Paint")
    material.use_nodes = True
    texture = material.node_tree.nodes.new("ShaderNodeTexImage")
    texture.image = bpy.data.images.load(picture)
    shader = material.node_tree.nodes["Principled BSDF"]
    material.node_tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    bpy.context.object.data.materials.append(material)
    bpy.ops.export_scene.fbx(filepath=str(folder / "absolute.fbx"), path_mode="ABSOLUTE")
    bpy.ops.export_scene.fbx(filepath=str(folder / "embedded.fbx"), path_mode="COPY", embed_textures=True)
    plane = bpy.context.object
    for name, last in (("Walk", 10), ("Run", 40)):
        plane.animation_data_clear()
        for frame in (1, last):
            plane.location.x = frame
            plane.keyframe_insert("location", frame=frame)
        plane.animation_data.action.name = name
        plane.animation_data.action.use_fake_user = True
    bpy.ops.export_scene.fbx(filepath=str(folder / "takes.fbx"), bake_anim_use_all_actions=True)


if __name__ == "__main__":
    main(sys.argv[-2], Path(sys.argv[-1]))
