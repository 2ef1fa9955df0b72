"""The files of the images that a view layer uses: stills, tiles, movies and sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from .dependencies import animated_paths
from .file_use import FileUse, Moment, located, named, normal
from .sequences import all_images, image_file, image_number, tile_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .node_trees import Reached

_FROM_FILES = ("FILE", "SEQUENCE", "MOVIE", "TILED")


class UsedImage:
    """An image, with the settings of one of its users.

    Parameters
    ----------
    data
        The image.
    user
        The settings that say which frame of it is shown; None if nobody knows beforehand.
    ticks
        Whether the user's frame follows the scene's.
    animated
        Whether keys or drivers change the settings.
    """

    def __init__(self, data: Any, user: Any = None, *, ticks: bool = True, animated: bool = False) -> None:
        self.data, self._user, self._ticks, self.animated = data, user, ticks, animated
        self._path, self._by = located(data, data.filepath), named(data)

    def files(self, moment: Moment) -> Iterator[FileUse]:
        """List the files of a sequence at a moment."""
        if _packed(self.data):
            return
        if self._user is None:
            yield from (FileUse(path, self._by, needed=False) for path in all_images(self._path))
            return
        user = self._user
        if not self._ticks:
            yield FileUse(image_file(self._path, user.frame_current), self._by)
            return
        number, begun = image_number(
            moment.frame, start=user.frame_start, duration=user.frame_duration, offset=user.frame_offset,
            cyclic=user.use_cyclic,
        )  # fmt: skip
        path = image_file(self._path, number)
        if not begun and not path.is_file():
            moment.notes.append(
                f"Before frame {user.frame_start}, {self._by} has no picture: Blender draws magenta where it is seen."
            )
        yield FileUse(path, self._by, needed=begun)


def still(image: Any) -> list[FileUse]:
    """Return the files that an image has in every frame."""
    if _packed(image) or image.source not in _FROM_FILES or image.source == "SEQUENCE" or not image.filepath:
        return []
    path, by = located(image, image.filepath), named(image)
    if has_views(image):
        return [FileUse(normal(first_view(image)), by)]
    if image.source == "TILED":
        return [FileUse(tile_file(path, tile.number), by) for tile in image.tiles]
    return [FileUse(path, by)]


def has_views(image: Any) -> bool:
    """Whether an image has a file for each eye, of which Cycles shows the first."""
    return bool(
        image.use_multiview and image.views_format == "INDIVIDUAL" and image.source == "FILE" and not _packed(image)
    )


def first_view(image: Any) -> str:
    """Return the path of the first of an image's views."""
    texture = bpy.data.textures.new("Frontburner", "IMAGE")  # without the settings of some user, Blender crashes
    try:
        return str(image.filepath_from_user(image_user=texture.image_user))
    finally:
        bpy.data.textures.remove(texture)


def of(used: set[Any], idle: set[Any], reached: Reached) -> list[UsedImage]:
    """Return the images among used data with their users: without those that only other nodes have."""
    found, explained = [], set()
    for tree, node in reached.nodes.values():
        for image, user in _of_node(node):
            animated = any(".image_user." in path for path in animated_paths(tree))
            found.append(UsedImage(image, user, animated=animated))
            explained.add(image)
    for texture in used:
        if isinstance(texture, bpy.types.ImageTexture) and texture.image:
            explained.add(texture.image)
            if texture not in idle:
                user = texture.image_user
                animated = any("image_user" in path for path in animated_paths(texture))
                found.append(UsedImage(texture.image, user, ticks=user.use_auto_refresh, animated=animated))
    explained |= {image for node in _all_nodes(used) for image, _ in _of_node(node)}
    others = [data for data in used if isinstance(data, bpy.types.Image) and data not in explained]
    return [*found, *(UsedImage(image) for image in others)]


def _of_node(node: Any) -> Iterator[tuple[Any, Any]]:
    """List the images of a node with the settings of their frames."""
    image = getattr(node, "image", None)
    if isinstance(image, bpy.types.Image):
        yield image, getattr(node, "image_user", None)
    for socket in node.inputs:
        if socket.type == "IMAGE" and not socket.is_linked and socket.default_value:
            yield socket.default_value, None


def _all_nodes(used: Iterable[Any]) -> Iterator[Any]:
    for data in used:
        tree = data if isinstance(data, bpy.types.NodeTree) else getattr(data, "node_tree", None)
        yield from tree.nodes if tree else ()


def _packed(image: Any) -> bool:
    return bool(image.packed_file or image.packed_files)
