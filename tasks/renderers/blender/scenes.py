"""Scene files as Blender reads them: opened once, known by the content of all their files, refused when it changes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import SceneError
from tasks.renderers import content
from tasks.renderers.blender.link import BlenderError, link
from tasks.renderers.travelled import tree_of

if TYPE_CHECKING:
    from tasks.renderers.blender.link import Link
    from tasks.spec import FrameSpec


class Scenes:
    """What one Blender of this process has opened.

    Parameters
    ----------
    blender
        The Blender.
    """

    def __init__(self, blender: Link) -> None:
        self._blender = blender
        self._known: dict[Path, tuple[tuple[Path, ...], str]] = {}

    def described(self, scene: Path, parameters: tuple[tuple[str, str], ...]) -> tuple[dict[str, Any], str]:
        """Return what a scene says of itself, and the digest of its content. Raises `SceneError`."""
        digest = self._digest(scene)
        described = self.ask(
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
                raise SceneError(
                    reason=f"The scene {scene.name} refers to files that don't exist: {', '.join(missing)}.",
                    remedy="Put them in place, correct the paths, or pack them into the file (File > External Data).",
                    scene=str(scene),
                )
            digest = content.digest(scene, files)
            self._known[scene] = (files, digest)
            self._blender.ask("known_as", digest=digest)
        if not described["cameras"]:
            raise SceneError(
                reason=f"The scene {scene.name} has no camera.", remedy="Add one, and save.", scene=str(scene)
            )
        return described, digest

    def verify(self, frame: FrameSpec) -> None:
        """Refuse a scene whose content isn't the one the frame names."""
        scene = Path(frame.scene)
        digest = self._digest(scene) or self.described(scene, frame.parameters)[1]
        if digest != frame.scene_digest:
            raise SceneError(
                reason=f"The scene {scene.name} or a file it refers to changed while the job ran.",
                remedy="Start the job again: its unchanged frames are reused.",
                scene=str(scene),
            )

    def _digest(self, scene: Path) -> str:
        """Digest of a scene that was opened before and whose files are what they were; else empty."""
        if scene not in self._known:
            return ""
        files, known = self._known[scene]
        try:
            return known if content.digest(scene, files) == known else ""
        except OSError:
            return ""

    def ask(self, scene: Path, question: str, /, **values: object) -> Any:  # noqa: ANN401 - plain values
        """Ask Blender of a scene. Raises `SceneError`."""
        try:
            return self._blender.ask(question, **values)
        except BlenderError as error:
            if error.asked:
                raise SceneError(
                    reason=f"The scene {scene.name} {error}.", remedy="Correct the job or the scene.", scene=str(scene)
                ) from error
            if question == "describe":
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
