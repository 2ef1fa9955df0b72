"""Rendered pictures as images in Blender."""

from pathlib import Path

import bpy

SUFFIXES = (".exr", ".png")
"""File types, the one with the most information first."""


def best(files):
    """Return the file to show; None if none is on this machine."""
    existing = [path for path in files if Path(path).is_file()]
    return min(existing, key=lambda path: SUFFIXES.index(Path(path).suffix)) if existing else None


def load(pictures, *, pack):
    """Load the pictures of a run as an image, for a sequence as an image sequence; None if there are no files.

    Parameters
    ----------
    pictures
        Frame numbers and their files.
    pack
        Whether to pack the image into the .blend, since its file is temporary.
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
    """Show an image in an Image Editor: one that is open, or else in a new window."""
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
