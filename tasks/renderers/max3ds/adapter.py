"""3ds Max behind the renderer protocol: whole frames, by ``3dsmaxcmd``."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.content_digests import named_files_digest
from tasks.errors import SceneError
from tasks.renderers.base import Capabilities, SceneInfo
from tasks.renderers.build_names import build_here
from tasks.renderers.errors import negative_frame, not_ready, require_build, scene_changed
from tasks.renderers.max3ds import program as max3ds
from tasks.renderers.program.failures import WAITS_FOR_PERSON
from tasks.renderers.program.flags import Flags, node_flags
from tasks.renderers.program.picture import pixels_of
from tasks.renderers.program.run import Program, run
from tasks.renderers.program.workspace import remove_abandoned, workspace
from tasks.spec import Size

if TYPE_CHECKING:
    from tasks.renderers.base import Session
    from tasks.renderers.program.failures import Failure
    from tasks.spec import FrameSpec, Pixels, UnitSpec

_WHOLE_FRAMES = "3ds Max has no flag for a region: export the scene to V-Ray's .vrscene to have it split."
_SIZE = Size(width=640, height=480)
_WINDOWS_CODES, _LINUX_CODES = 2**32, 2**8


class Max3ds:
    """The adapter."""

    name = "max3ds"

    def builds(self) -> tuple[str, ...]:
        """Return the installed version. It can't be tried further, since only 3ds Max can write its scenes."""
        return (build_of(*installation()),)

    def capabilities(self, build: str) -> Capabilities:  # noqa: ARG002 - all are alike
        """Return what it can do."""
        return Capabilities(
            exact_regions=False, exact_samples=False, max_samples=1, seeds=False, costs=False, waits=True
        )

    def inspect(
        self,
        scene: Path,
        *,
        build: str,  # noqa: ARG002
        frame: int,
        parameters: tuple[tuple[str, str], ...],
    ) -> SceneInfo:
        """Return what is known of a scene that only 3ds Max can read."""
        if not scene.is_file():
            raise SceneError(reason=f"{scene} does not exist.", remedy="Check the path.", scene=str(scene))
        if parameters:
            raise SceneError(
                reason=f"{scene.name} can't be given parameters: 3ds Max has no flag for them.",
                remedy="Give none.",
                scene=str(scene),
            )
        if frame < 0:
            raise negative_frame(scene, "3ds Max", frame)
        return SceneInfo(
            digest=named_files_digest([(scene.name, scene)]),
            files=(str(scene.absolute()),),
            size=_SIZE,
            samples=1,
            cameras=("0",),
            whole_frames_because=_WHOLE_FRAMES,
            notes=(
                f"A .max file doesn't say its size: {_SIZE.width}x{_SIZE.height} unless the job does.",
                "Its maps are not known to Frontburner: they must be the same on all nodes.",
            ),
        )

    def open(self, frame: FrameSpec, *, threads: int) -> Session:  # noqa: ARG002 - it takes all there are
        """Start a session."""
        flags, program = installation()
        build = build_of(flags, program)
        require_build(self.name, max3ds.NAME, build, frame.build)
        return Max3dsSession(flags=flags, program=program)


class Max3dsSession:
    """Renders whole frames, each in a process of its own."""

    load_s = 0.0
    """3ds Max doesn't print how long it took to read its scene."""

    def __init__(self, *, flags: Flags, program: Path) -> None:
        self._flags, self._program = flags, program
        remove_abandoned()

    def render(self, unit: UnitSpec) -> Pixels:
        """Render one frame."""
        frame, scene = unit.frame, Path(unit.frame.scene)
        _check(unit, scene)
        with workspace() as folder:
            command = [str(self._program), *_flags(self._flags, frame, folder / "unit.exr")]
            run(
                Program(
                    name=max3ds.NAME,
                    command=command,
                    folder=folder,
                    scene=str(scene),
                    failures=max3ds.FAILURES,
                    codes=_codes(),
                    progress=max3ds.PROGRESS,
                    hang_timeout_s=self._flags.still_s,
                    hang_explanation=WAITS_FOR_PERSON,
                    logs=_logs(self._flags),
                )
            )
            output = next(folder.glob("unit*.exr"), folder / "unit.exr")  # the frame's number is in its name
            return pixels_of(output, unit, program=max3ds.NAME, crop=False, blank=self._flags.blank)


def installation() -> tuple[Flags, Path]:
    """Return the flags and the program of this node. Raises `NodeNotReady`."""
    flags = node_flags(max3ds.FLAGS_VARIABLE, max3ds.FLAGS, renderer="max3ds")
    return flags, flags.path(variable=max3ds.VARIABLE, renderer="max3ds", name=max3ds.NAME)


def build_of(flags: Flags, program: Path) -> str:
    """Return the name of a build: its version, and a tag of changed flags."""
    found = re.search(max3ds.VERSION_IN_PATH, str(program.resolve()))
    version = flags.is_version or (found[1] if found else "")
    if not version:
        raise not_ready(
            "max3ds",
            f"The version of 3ds Max can't be read from its path, {program}.",
            f"Set it as is_version in a file that {max3ds.FLAGS_VARIABLE} names.",
        )
    return build_here(" ".join(filter(None, [version, flags.tag(max3ds.FLAGS), "max3ds"])))


def _flags(flags: Flags, frame: FrameSpec, output: Path) -> list[str]:
    names = [name for name in flags.flags if name not in max3ds.OPTIONAL_FLAGS or (name == "camera" and frame.camera)]
    return flags.arguments(
        *names, scene=frame.scene, output=output, width=frame.size.width, height=frame.size.height, frame=frame.frame,
        camera=frame.camera,
    )  # fmt: skip


def _logs(flags: Flags) -> str:
    """Return where Max.log is; empty where a variable in the path isn't set."""
    path = os.path.expandvars(flags.logs)
    return "" if "$" in path or not Path(path).is_absolute() else path


def _codes() -> dict[int, Failure]:
    """Return the known exit codes, with negative ones also as Windows and Linux return them."""
    codes: dict[int, Failure] = {}
    for code, failure in max3ds.CODES.items():
        codes |= dict.fromkeys((code, code % _WINDOWS_CODES, code % _LINUX_CODES), failure)
    return codes


def _check(unit: UnitSpec, scene: Path) -> None:
    """Raise `SceneError` for units that can't be rendered."""
    frame = unit.frame
    if not scene.is_file() or named_files_digest([(scene.name, scene)]) != frame.scene_digest:
        raise scene_changed(scene)
    if unit.region != frame.size.whole or frame.aovs:
        what = "in parts" if unit.region != frame.size.whole else "with extra channels"
        raise SceneError(
            reason=f"{scene.name} can't be rendered {what}. {_WHOLE_FRAMES}",
            remedy="Render whole frames.",
            scene=str(scene),
        )
