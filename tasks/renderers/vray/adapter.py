"""V-Ray Standalone behind the renderer protocol."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.content_digests import named_files_digest
from tasks.renderers.base import Capabilities, SceneInfo
from tasks.renderers.build_names import build_here, program_of
from tasks.renderers.errors import negative_frame, no_aovs, not_ready, require_build, scene_changed
from tasks.renderers.program.failures import WAITS_FOR_PERSON
from tasks.renderers.program.flags import Flags, ask_version, node_flags, region_values
from tasks.renderers.program.picture import pixels_of
from tasks.renderers.program.run import Program, run
from tasks.renderers.program.workspace import remove_abandoned, workspace
from tasks.renderers.trial import Trial
from tasks.renderers.vray import program as vray
from tasks.renderers.vray.scene import local_scene_file, read

if TYPE_CHECKING:
    from tasks.renderers.base import Session
    from tasks.renderers.vray.scene import VrayScene
    from tasks.spec import FrameSpec, Pixels, UnitSpec

_CANARY = Path(__file__).with_name("canary.py")


class Vray:
    """The adapter."""

    name = "vray"

    def builds(self) -> tuple[str, ...]:
        """Return the installed version, once it has rendered a small scene."""
        flags, program = installation()
        build = build_of(flags, program)
        found = Trial(
            what=f"V-Ray ({program})",
            command=(sys.executable, "-P", "-m", "tasks.renderers.vray.canary"),
            remedy="Run V-Ray once by hand on the node, as the user the node runs as; docs/try-vray.md says how.",
            facts=(build, flags.model_dump_json(), _CANARY.read_text(encoding="utf-8")),
            environment={vray.VARIABLE: str(program)},
            files=(program,),
        ).verdict()
        if not found.ok:
            raise not_ready(self.name, found.reason, found.remedy)
        return (build,)

    def capabilities(self, build: str) -> Capabilities:
        """Return what it can do. Whether regions fit is for the node's owner to verify, and to set."""
        return Capabilities(
            exact_regions="regions" in program_of(build).split(),
            exact_samples=False,
            max_samples=1,
            seeds=False,
            costs=False,
            waits=True,
        )

    def inspect(
        self,
        scene: Path,
        *,
        build: str,  # noqa: ARG002
        frame: int,
        parameters: tuple[tuple[str, str], ...],  # noqa: ARG002
    ) -> SceneInfo:
        """Read a scene without rendering it."""
        if frame < 0:
            raise negative_frame(scene, vray.NAME, frame)
        found = read(scene, frame)
        return SceneInfo(
            digest=named_files_digest(found.files.items()),
            files=tuple(str(path.absolute()) for path in found.files.values()),
            size=found.size,
            samples=1,
            cameras=found.cameras,
            whole_frames_because=found.whole_frames_because,
            notes=("V-Ray samples as its scene says.", *found.notes),
        )

    def open(self, frame: FrameSpec, *, threads: int) -> Session:
        """Start a session."""
        flags, program = installation()
        build = build_of(flags, program)
        require_build(self.name, vray.NAME, build, frame.build)
        return VraySession(flags=flags, program=program, threads=threads)


class VraySession:
    """Renders units of any scene, each in a process of its own."""

    def __init__(self, *, flags: Flags, program: Path, threads: int) -> None:
        self.load_s = 0.0
        self._flags, self._program, self._threads = flags, program, threads
        remove_abandoned()

    def render(self, unit: UnitSpec) -> Pixels:
        """Render one unit."""
        scene = Path(unit.frame.scene)
        found = read(scene, unit.frame.frame)
        if named_files_digest(found.files.items()) != unit.frame.scene_digest:
            raise scene_changed(scene)
        if unit.frame.aovs:
            raise no_aovs(scene, vray.NAME)
        with workspace() as folder:
            output = folder / "unit.exr"
            local_scene = local_scene_file(scene, found, folder / "scene")
            command = command_for(
                self._flags, self._program, unit, output, found, scene=local_scene, threads=self._threads
            )
            self.load_s = run(program(command, folder, self._flags, scene=str(scene))).load_s
            crop = unit.region != unit.frame.size.whole
            return pixels_of(output, unit, program=vray.NAME, crop=crop, blank=self._flags.blank)


def installation() -> tuple[Flags, Path]:
    """Return the flags and the program of this node. Raises `NodeNotReady`."""
    flags = node_flags(vray.FLAGS_VARIABLE, vray.FLAGS, renderer="vray")
    return flags, flags.path(variable=vray.VARIABLE, renderer="vray", name=vray.NAME)


def build_of(flags: Flags, program: Path) -> str:
    """Return the name of a build: its version, a tag of changed flags, and whether regions fit."""
    version = flags.is_version or ask_version(program, flags.version, vray.VERSION)
    if not version:
        reason = f"V-Ray didn't print its version when it was called with {flags.version}."
        raise not_ready("vray", reason, f"Set it as is_version in the file that {vray.FLAGS_VARIABLE} names.")
    words = (version, flags.tag(vray.FLAGS), "regions" if flags.regions else "", "vray")
    return build_here(" ".join(filter(None, words)))


def program(command: list[str], folder: Path, flags: Flags, *, scene: str) -> Program:
    """Return the program to run."""
    return Program(
        name=vray.NAME, command=command, folder=folder, scene=scene, failures=vray.FAILURES, progress=vray.PROGRESS,
        begins=vray.BEGINS, hang_timeout_s=flags.still_s, hang_explanation=WAITS_FOR_PERSON,
        logs=os.path.expandvars(flags.logs),
    )  # fmt: skip


def command_for(
    flags: Flags, program: Path, unit: UnitSpec, output: Path, found: VrayScene, *, scene: Path, threads: int
) -> list[str]:
    """Return the command for a unit; ``scene`` is the file V-Ray reads."""
    frame, region = unit.frame, unit.region
    required = [name for name in flags.flags if name not in vray.OPTIONAL_FLAGS]
    command = [str(program)]
    command += flags.arguments(
        *required, scene=scene, output=output, width=frame.size.width, height=frame.size.height, frame=frame.frame,
        threads=threads,
    )  # fmt: skip
    if region != frame.size.whole:
        command += flags.arguments("crop", **region_values(region.x0, region.y0, region.x1, region.y1))
    elif found.has_region:
        command += flags.arguments("no_region")
    if frame.camera and len(found.cameras) > 1:  # a single one may have no name that V-Ray knows
        name = found.cameras[int(frame.camera)] if frame.camera.isdecimal() else frame.camera
        command += flags.arguments("camera", camera=name)
    for name, value in frame.parameters:
        command += flags.arguments("parameter", name=name, value=value)
    return command
