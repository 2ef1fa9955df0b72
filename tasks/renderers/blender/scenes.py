"""Scene files in Blender: opened once, identified by the content of all their files, refused when it changes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.content_digests import scene_digest
from tasks.errors import SceneError
from tasks.renderers.blender.link import BlenderError, link
from tasks.renderers.errors import files_missing, scene_changed
from tasks.renderers.sent_scenes import tree_of

if TYPE_CHECKING:
    from tasks.renderers.blender.link import Link
    from tasks.spec import FrameSpec


class Scenes:
    """The scenes that one Blender of this process has opened.

    Parameters
    ----------
    blender
        The Blender.
    """

    def __init__(self, blender: Link) -> None:
        self._blender = blender
        self._digests: dict[Path, tuple[tuple[Path, ...], str]] = {}

    def describe(self, scene: Path, parameters: tuple[tuple[str, str], ...]) -> tuple[dict[str, Any], str]:
        """Return what a scene contains, as plain values, and the digest of its content. Raises `SceneError`."""
        digest = self._digest(scene)
        described = self.call(
            scene,
            "describe",
            path=str(scene),
            digest=digest,
            tree=str(tree_of(scene) or ""),
            parameters=dict(parameters),
        )
        if not digest:
            files = tuple(Path(name) for name in described["files"])
            missing = [str(path) for path in files if not path.exists()]
            if missing:
                remedy = "Put them in place, correct the paths, or pack them into the file (File > External Data)."
                raise files_missing(scene, missing, remedy)
            digest = scene_digest(scene, files)
            self._digests[scene] = (files, digest)
            self._blender.call("set_digest", digest=digest)
        if not described["cameras"]:
            raise SceneError(
                reason=f"The scene {scene.name} has no camera.", remedy="Add one, and save.", scene=str(scene)
            )
        return described, digest

    def verify(self, frame: FrameSpec) -> None:
        """Raise `SceneError` if a scene's content isn't that of the frame's digest."""
        scene = Path(frame.scene)
        digest = self._digest(scene) or self.describe(scene, frame.parameters)[1]
        if digest != frame.scene_digest:
            raise scene_changed(scene)

    def _digest(self, scene: Path) -> str:
        """Return the digest of a scene that was opened before and whose files are unchanged; else empty."""
        if scene not in self._digests:
            return ""
        files, digest = self._digests[scene]
        try:
            return digest if scene_digest(scene, files) == digest else ""
        except OSError:
            return ""

    def call(self, scene: Path, command: str, /, **values: object) -> Any:  # noqa: ANN401 - plain values
        """Call a command of Blender on a scene. Raises `SceneError`."""
        try:
            return self._blender.call(command, **values)
        except BlenderError as error:
            if error.not_found:
                raise SceneError(
                    reason=f"The scene {scene.name} {error}.", remedy="Correct the job or the scene.", scene=str(scene)
                ) from error
            if command == "describe":
                raise SceneError(
                    reason=f"The scene {scene.name} can't be opened: {error}.",
                    remedy="Put in place what it lacks; or open it in Blender, and save it again.",
                    scene=str(scene),
                ) from error
            raise


@cache
def scenes_of(path: str) -> Scenes:
    """Return the scenes of the Blender at a path."""
    return Scenes(link(path))
