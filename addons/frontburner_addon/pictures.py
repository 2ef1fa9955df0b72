"""Pictures that were rendered, as images of Blender's own."""

from pathlib import Path

import bpy

ORDER = (".exr", ".png")
"""The kinds of files, the one that holds most first."""


def best(files):
    """Return the file to show, or None where none is on this machine's disks."""
    there = [path for path in files if Path(path).is_file()]
    return min(there, key=lambda path: ORDER.index(Path(path).suffix)) if there else None


def load(pictures, *, pack):
    """Load the pictures of a run, a still or a sequence; returns the image, or None where none can be read.

    Parameters
    ----------
    pictures
        Frames, each with its files.
    pack
        Whether it is kept in the .blend: its file won't stay.
    """
    paths = [path for _, files in sorted(pictures) if (path := best(files))]
    if not paths:
        return None
    image = bpy.data.images.load(paths[0], check_existing=True)
    if image.packed_file is not None:
        image.unpack(method="REMOVE")
    image.source = "SEQUENCE" if len(paths) > 1 else "FILE"
    image.reload()
    if pack and len(paths) == 1:
        image.pack()
    return image


def show(image, frames):
    """Show an image in an Image Editor: one that is open, or else a window of its own."""
    if bpy.app.background:
        return
    manager = bpy.context.window_manager
    area = next((a for w in manager.windows for a in w.screen.areas if a.type == "IMAGE_EDITOR"), None)
    if area is None:
        bpy.ops.wm.window_new()
        area = max(manager.windows[-1].screen.areas, key=lambda each: each.width * each.height)
        area.type = "IMAGE_EDITOR"
    space = area.spaces.active
    space.image = image
    if image.source == "SEQUENCE":
        user = space.image_user
        user.frame_start, user.frame_offset = min(frames), min(frames) - 1
        user.frame_duration, user.use_auto_refresh = len(frames), True
    area.tag_redraw()
