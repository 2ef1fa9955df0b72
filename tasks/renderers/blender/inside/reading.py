"""What an open file says of itself: its scenes, cameras, size, samples, the files it refers to, and what is replaced."""

import glob
import os
import re

import bpy

DEFAULT_NOISE = 0.01
"""What Cycles' own automatic threshold comes to for most numbers of samples."""


class NotThere(Exception):
    """A file hasn't what was asked for."""


def scene_named(name):
    """Return the scene of this name; the one that was open when the file was saved if it is empty."""
    if not name:
        return bpy.context.scene
    if name not in bpy.data.scenes:
        known = ", ".join(scene.name for scene in bpy.data.scenes)
        raise NotThere("has no scene '%s'. It has %s" % (name, known))
    return bpy.data.scenes[name]


def layer_named(scene, name):
    """Return the view layer of this name; the first that is rendered if it is empty."""
    if not name:
        return next((layer for layer in scene.view_layers if layer.use), scene.view_layers[0])
    if name not in scene.view_layers:
        known = ", ".join(layer.name for layer in scene.view_layers)
        raise NotThere("has no view layer '%s'. It has %s" % (name, known))
    return scene.view_layers[name]


def cameras(scene):
    """List the scene's cameras, the active one first."""
    found = sorted((o for o in scene.objects if o.type == "CAMERA"), key=lambda o: o.name)
    return sorted(found, key=lambda camera: camera != scene.camera)


def describe(path, scene, layer):
    """Return what is to be known before rendering, as plain values."""
    scale = scene.render.resolution_percentage / 100
    adaptive = scene.cycles.use_adaptive_sampling
    return {
        "size": [max(1, int(scene.render.resolution_x * scale)), max(1, int(scene.render.resolution_y * scale))],
        "samples": scene.cycles.samples,
        "cameras": [camera.name for camera in cameras(scene)],
        "files": [path, *_files(path)],
        "noise": (scene.cycles.adaptive_threshold or DEFAULT_NOISE) if adaptive else None,
        "notes": list(_notes(path, scene, layer)),
        "properties": [name for name in scene.keys() if isinstance(scene[name], (int, float))],
    }


def _files(path):
    """List files the scene refers to, whether they exist or not; those inside the file itself are left out."""
    names = list(bpy.utils.blend_paths(absolute=True, packed=False, local=False))
    names += _beside(path)
    return sorted({found for name in names if name for found in _all_of(name)})


def _beside(path):
    """List what an imported file names that Blender doesn't keep: a glTF's buffers, an OBJ's materials."""
    folder, suffix = os.path.dirname(path), os.path.splitext(path)[1].lower()
    pattern = {".gltf": r'"uri"\s*:\s*"(?!data:)([^"]+)"', ".obj": r"(?m)^mtllib\s+(.+?)\s*$"}.get(suffix)
    if pattern is None:
        return []
    with open(path, encoding="utf-8", errors="replace") as file:
        return [os.path.join(folder, name) for name in re.findall(pattern, file.read())]


def _all_of(name):
    """Return the files of a name: a set of tiles has many."""
    absolute = os.path.normpath(bpy.path.abspath(name))
    if "<UDIM>" in absolute or "<UVTILE>" in absolute:
        pattern = re.sub(r"<UDIM>|<UVTILE>", "\0", absolute)
        return glob.glob(glob.escape(pattern).replace("\0", "*")) or [absolute]
    if os.path.isdir(absolute):
        return [os.path.join(folder, own) for folder, _, names in os.walk(absolute) for own in names]
    return [absolute]


def _notes(path, scene, layer):
    """Say what is rendered otherwise than the file asks."""
    render, cycles = scene.render, scene.cycles
    if render.engine not in ("CYCLES", "FRONTBURNER_CYCLES"):
        yield "It is made for %s; it is rendered with Cycles." % render.engine.replace("BLENDER_", "").title()
    if cycles.use_denoising:
        yield "Its denoising is left out: nodes render raw pixels."
    if getattr(cycles, "use_guiding", False):
        yield "Path guiding is off: with it, regions would not fit together."
    if render.use_border:
        yield "Its render region is ignored: the job's region counts."
    if _composites(scene):
        yield "Its compositor is left out: pictures are what Cycles renders."
    if render.use_sequencer and scene.sequence_editor and _strips(scene):
        yield "Its video sequencer is left out."
    if render.use_freestyle:
        yield "Its Freestyle lines are left out."
    if render.use_multiview:
        yield "Its stereo views are left out: one picture is rendered."
    others = [other.name for other in scene.view_layers if other.use and other != layer]
    if others:
        yield "Only its view layer %s is rendered; it also has %s: name one in the parameter view_layer." % (
            layer.name, ", ".join(others),
        )  # fmt: skip
    if len(bpy.data.scenes) > 1:
        names = ", ".join(other.name for other in bpy.data.scenes)
        yield "Its scene %s is rendered, of %s: name another in the parameter scene." % (scene.name, names)
    if scene.frame_start != scene.frame_end and path.endswith(".blend"):
        yield "Its own frames are %d-%d." % (scene.frame_start, scene.frame_end)


def _composites(scene):
    if not scene.render.use_compositing:
        return False
    group = getattr(scene, "compositing_node_group", None)
    if group is not None:
        return True
    tree = getattr(scene, "node_tree", None) if getattr(scene, "use_nodes", False) else None
    return tree is not None and any(node.type not in ("R_LAYERS", "COMPOSITE", "VIEWER") for node in tree.nodes)


def _strips(scene):
    editor = scene.sequence_editor
    return len(getattr(editor, "strips", None) or getattr(editor, "sequences", ()))
