"""Blender behind the renderer protocol. Starts or imports Blender only to inspect or render."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from storage.scene_view import Curves, SceneView
from tasks.errors import SceneError
from tasks.renderers.base import Capabilities, SceneInfo, Simulation
from tasks.renderers.blender import builds as blender_builds
from tasks.renderers.blender import imports
from tasks.renderers.blender.link import OCIO_IS_SET, BlenderError, link, render_to_array
from tasks.renderers.blender.opened_files import FrameFiles, OpenedFiles, computed_files, require_known
from tasks.renderers.blender.unreadable import unreadable
from tasks.renderers.build_names import is_build
from tasks.renderers.errors import FilesMissing, not_ready, scene_changed
from tasks.renderers.scripts import require_scripts
from tasks.renderers.sent_scenes import tree_of
from tasks.spec import Aov, Pixels, Size

if TYPE_CHECKING:
    from tasks.renderers.base import Session
    from tasks.renderers.blender.link import Link
    from tasks.spec import FrameSpec, UnitSpec

MIN_SIDE_PX = 4
"""Blender itself makes smaller pictures this large."""


class Blender:
    """The adapter.

    Parameters
    ----------
    allow_scripts
        Whether scripts in files may run.
    """

    name = "blender"

    def __init__(self, *, allow_scripts: bool = False) -> None:
        self._allow_scripts = allow_scripts

    def allowing_scripts(self) -> Blender:
        """Return the adapter that lets scripts in files run, where this machine's operator does."""
        return Blender(allow_scripts=True)

    def builds(self) -> tuple[str, ...]:
        """Return Blenders and devices that rendered a small scene here, best first."""
        if self._allow_scripts:
            require_scripts(self.name)
        checks = blender_builds.check_builds()
        working = tuple(check.build for check in checks if not check.reason)
        if not working:
            raise not_ready(self.name, " ".join(check.reason for check in checks), checks[-1].remedy)
        return working

    def capabilities(self, build: str) -> Capabilities:
        """Return what this build can do."""
        exact_samples = blender_builds.version_of(build) >= blender_builds.EXACT_SAMPLES_FROM
        return Capabilities(
            exact_regions=True, exact_samples=exact_samples, aovs=frozenset(Aov), costs=False, min_side_px=MIN_SIDE_PX
        )

    def inspect(self, scene: Path, *, build: str, frame: int, parameters: tuple[tuple[str, str], ...]) -> SceneInfo:
        """Read a scene without rendering it."""
        described, files = self._scenes(build).describe(scene, frame, parameters)
        noise = described["noise"] and float(f"{described['noise']:.6g}")  # it was a float32
        ends = self.capabilities(build).exact_samples and not described["whole_frames_because"]
        return SceneInfo(
            digest=files.digest,
            files=files.paths,
            size=Size(width=described["size"][0], height=described["size"][1]),
            samples=described["samples"],
            cameras=tuple(described["cameras"]),
            frames=range(*described["frames"]),
            current_frame=described["current_frame"],
            noise=noise if ends else None,
            whole_frames_because=described["whole_frames_because"],
            view=_scene_view(described["view"], build),
            notes=(*described["notes"], *computed_files(described), *_adaptive_note(noise, ends=ends), *_ocio_note()),
            simulations=tuple(Simulation(**each) for each in described["simulations"]),
        )

    def bake(
        self, scene: Path, *, build: str, parameters: tuple[tuple[str, str], ...], through: int, folder: Path
    ) -> Path:
        """Write a copy of a scene with its simulations baked."""
        return self._scenes(build).bake(scene, parameters, through, folder)

    def open(self, frame: FrameSpec, *, threads: int) -> Session:
        """Start a session with this frame's build."""
        return BlenderSession(build=frame.build, threads=threads)

    def _scenes(self, build: str) -> Scenes:
        return _scenes(build, allow_scripts=self._allow_scripts)


class BlenderSession:
    """Renders units with one Blender, which keeps its scene between units."""

    def __init__(self, *, build: str, threads: int) -> None:
        self.load_s = 0.0
        self._threads = threads
        self._build = build

    def render(self, unit: UnitSpec) -> Pixels:
        """Render one unit, moving to its scene and frame first where needed."""
        began_s, region, samples = time.perf_counter(), unit.region, unit.samples
        scenes = _scenes(self._build, allow_scripts=unit.frame.allow_scripts)
        scene = scenes.verify(unit.frame)
        opened_s = time.perf_counter() - began_s
        means, load_s = render_to_array(
            lambda file: scenes.call(
                Path(unit.frame.scene),
                "render",
                frame=_plain_values(unit.frame) | {"content": scene.content, "source": scene.source},
                region=[region.x0, region.y0, region.x1, region.y1],
                samples=[samples.start, samples.stop],
                threads=self._threads,
                device=blender_builds.device_of(self._build),
                file=file,
            ),
            region.width,
            region.height,
        )
        self.load_s = opened_s + load_s
        sums = np.ascontiguousarray(means * np.float32(samples.count))
        return Pixels(sums=sums, channels=unit.frame.channels)


def _ocio_note() -> tuple[str, ...]:
    if not OCIO_IS_SET:
        return ()
    return ("The environment variable OCIO isn't used: colours are those of Blender's own configuration.",)


def _scene_view(view: dict[str, Any], build: str) -> SceneView:
    """Return a scene's colour management, of what its Blender says."""
    curves = view["curves"] and Curves(**view["curves"])
    return SceneView(**(view | {"program": f"blender {build.partition(' ')[0]}", "curves": curves}))


def _plain_values(frame: FrameSpec) -> dict[str, object]:
    """Return a frame as values that Blender's Python can unpickle."""
    return asdict(frame) | {
        "tree": str(tree_of(Path(frame.scene)) or ""),
        "size": [frame.size.width, frame.size.height],
        "aovs": [aov.value for aov in frame.aovs],
    }


def _adaptive_note(noise: float | None, *, ends: bool) -> tuple[str, ...]:
    if noise is None:
        return ()
    if ends:
        end = f"noise {100 * noise:g}% or its last sample"
        return (f"Its adaptive sampling is replaced: unless samples are given, it ends at {end}.",)
    return ("Its adaptive sampling is off: every pixel gets all samples, so that regions fit together.",)


def _scenes(build: str, *, allow_scripts: bool) -> Scenes:
    """Return the scenes of the Blender of this build."""
    if allow_scripts:
        require_scripts("blender")
    working = (check for check in blender_builds.check_builds() if not check.reason)
    check = next((check for check in working if is_build(check.build, build)), None)
    if check is None:
        raise not_ready("blender", f"Blender {build} doesn't work here.", "See the node check for the cause.")
    return scenes_of(check.path, allow_scripts=allow_scripts)


class Scenes:
    """The scenes that one Blender of this process has opened.

    Parameters
    ----------
    blender
        The Blender.
    allow_scripts
        Whether their scripts may run.
    """

    def __init__(self, blender: Link, *, allow_scripts: bool) -> None:
        self._blender, self._allow_scripts = blender, allow_scripts
        self._opened: dict[Path, OpenedFiles] = {}

    def describe(
        self, scene: Path, frame: int, parameters: tuple[tuple[str, str], ...]
    ) -> tuple[dict[str, Any], FrameFiles]:
        """Return what a scene contains, as plain values, and the files of a frame. Raises `SceneError`."""
        known = self._opened.get(scene)
        described = self._described(known, frame, parameters) if known else {}
        if known is None or known.have_changed(described["files"]):
            self._opened.pop(scene, None)
            known = OpenedFiles.of(scene)
            described = self._described(known, frame, parameters)
            self._opened[scene] = known
        try:
            files = known.of_frame(dict(described["files"]))
        except FilesMissing as error:
            if known.imported:
                self._opened.pop(scene)  # what is missing may come to where only an importer looks
            raise replace(error, frames=range(*described["frames"]), current_frame=described["current_frame"]) from None
        require_known(scene, described)
        if not described["cameras"]:
            raise SceneError(
                reason=f"The scene {scene.name} has no camera.", remedy="Add one, and save.", scene=str(scene)
            )
        return described, files

    def verify(self, frame: FrameSpec) -> OpenedFiles:
        """Return what a scene was opened as. Raises `SceneError` if its content isn't that of the frame's digest."""
        scene = Path(frame.scene)
        if self.describe(scene, frame.frame, frame.parameters)[1].digest != frame.content_digest:
            raise scene_changed(scene)
        return self._opened[scene]

    def _described(self, opened: OpenedFiles, frame: int, parameters: tuple[tuple[str, str], ...]) -> dict[str, Any]:
        described: dict[str, Any] = self.call(
            opened.scene,
            "describe",
            path=str(opened.scene),
            content=opened.content,
            tree=str(tree_of(opened.scene) or ""),
            source=opened.source,
            parameters=dict(parameters),
            frame=frame,
            allow_scripts=self._allow_scripts,
        )
        if opened.imported:
            described |= imports.account(opened.scene, opened.imported, described)
        else:
            described["files"] = opened.with_layers(described["files"])
        return described

    def bake(self, scene: Path, parameters: tuple[tuple[str, str], ...], through: int, folder: Path) -> Path:
        """Write a copy of a scene with its simulations baked. Raises `SceneError`."""
        tree = str(tree_of(scene) or "")
        try:
            copy = self._blender.call(
                "bake", path=str(scene), tree=tree, parameters=dict(parameters), through=through, folder=str(folder),
                allow_scripts=self._allow_scripts,
            )  # fmt: skip
        except BlenderError as error:
            raise SceneError(
                reason=f"A simulation of {scene.name} can't be baked: {error}.",
                remedy="Bake it in Blender, and save the file.",
                scene=str(scene),
            ) from error
        return Path(copy)

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
                raise unreadable(scene, str(error)) from error
            raise


@cache
def scenes_of(path: str, *, allow_scripts: bool) -> Scenes:
    """Return the scenes of the Blender at a path."""
    return Scenes(link(path), allow_scripts=allow_scripts)
