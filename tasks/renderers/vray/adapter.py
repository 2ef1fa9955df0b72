"""V-Ray Standalone behind the renderer protocol."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import SceneError
from tasks.renderers.base import Capabilities, SceneInfo
from tasks.renderers.content import digest_named
from tasks.renderers.program.flags import Flags, flags_of, not_ready, region_values
from tasks.renderers.program.picture import pixels_of
from tasks.renderers.program.run import Program, run
from tasks.renderers.program.workspace import tidy, workspace
from tasks.renderers.trial import Trial
from tasks.renderers.vray import program as vray
from tasks.renderers.vray.scene import read, written

if TYPE_CHECKING:
    from tasks.renderers.base import Session
    from tasks.renderers.vray.scene import VrayScene
    from tasks.spec import FrameSpec, Pixels, UnitSpec

_CANARY = Path(__file__).with_name("canary.py")
_ASK_S = 120.0


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
            facts=(build, flags.model_dump_json(), _CANARY.read_text()),
            environment={vray.VARIABLE: str(program)},
            files=(program,),
        ).verdict()
        if not found.ok:
            raise not_ready(self.name, found.reason, found.remedy)
        return (build,)

    def capabilities(self, build: str) -> Capabilities:
        """Return what it can do. That regions fit is for its owner to see, and to say."""
        return Capabilities(
            exact_regions="regions" in build.split(), exact_samples=False, most_samples=1, seeds=False, costs=False
        )

    def inspect(
        self,
        scene: Path,
        *,
        build: str,  # noqa: ARG002
        frame: int,  # noqa: ARG002
        parameters: tuple[tuple[str, str], ...],  # noqa: ARG002
    ) -> SceneInfo:
        """Read a scene without rendering it."""
        found = read(scene)
        return SceneInfo(
            digest=digest_named(found.files.items()),
            files=tuple(str(path.absolute()) for path in found.files.values()),
            size=found.size,
            samples=1,
            cameras=found.cameras,
            whole_frames_because=found.whole_frames_because,
            notes=("V-Ray samples as its scene says.",),
        )

    def open(self, frame: FrameSpec, *, threads: int) -> Session:
        """Start a session."""
        flags, program = installation()
        build = build_of(flags, program)
        if build != frame.build:
            raise not_ready(
                self.name, f"V-Ray here is {build}, the job's is {frame.build}.", "Install the same on all nodes."
            )
        return VraySession(flags=flags, program=program, threads=threads)


class VraySession:
    """Renders units of any scene: a process each."""

    def __init__(self, *, flags: Flags, program: Path, threads: int) -> None:
        self.load_s = 0.0
        self._flags, self._program, self._threads = flags, program, threads
        tidy()

    def render(self, unit: UnitSpec) -> Pixels:
        """Render one unit."""
        scene = Path(unit.frame.scene)
        found = read(scene)
        if digest_named(found.files.items()) != unit.frame.scene_digest:
            raise SceneError(
                reason=f"The scene {scene.name} or a file it refers to changed while the job ran.",
                remedy="Start the job again: its unchanged frames are reused.",
                scene=str(scene),
            )
        if unit.frame.aovs:
            raise SceneError(
                reason="V-Ray delivers no extra channels yet.", remedy="Ask for no aovs.", scene=str(scene)
            )
        with workspace() as folder:
            output = folder / "unit.exr"
            there = written(scene, found, folder / "scene")
            command = command_for(self._flags, self._program, unit, output, found, scene=there, threads=self._threads)
            self.load_s = run(program(command, folder, self._flags, scene=str(scene))).load_s
            crop = unit.region != unit.frame.size.whole
            return pixels_of(output, unit, program=vray.NAME, crop=crop, blank=self._flags.blank)


def installation() -> tuple[Flags, Path]:
    """Return the flags and the program of this node. Raises `NodeNotReady`."""
    flags = flags_of(vray.FLAGS_VARIABLE, vray.FLAGS, renderer="vray")
    return flags, flags.path(variable=vray.VARIABLE, renderer="vray", name=vray.NAME)


def build_of(flags: Flags, program: Path) -> str:
    """Name a build: its version, what was changed of the flags, and whether regions fit."""
    version = flags.is_version or _version(program, flags.version)
    return " ".join(filter(None, [version, flags.tag(vray.FLAGS), "regions" if flags.regions else "", "vray"]))


@cache
def _version(program: Path, flag: str) -> str:
    try:
        asked = subprocess.run(
            [program, flag], stdin=subprocess.DEVNULL, capture_output=True, timeout=_ASK_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise not_ready("vray", f"V-Ray didn't say its version: {error}.", _SAY_IT) from error
    found = re.search(vray.VERSION, (asked.stdout + asked.stderr).decode(errors="replace"))
    if not found:
        raise not_ready("vray", f"V-Ray didn't say its version when it was called with {flag}.", _SAY_IT)
    return found[1]


_SAY_IT = f"Say it as is_version in the file that {vray.FLAGS_VARIABLE} names."


def program(command: list[str], folder: Path, flags: Flags, *, scene: str) -> Program:
    """Return the program to run."""
    return Program(
        name=vray.NAME, command=command, folder=folder, scene=scene, failures=vray.FAILURES, progress=vray.PROGRESS,
        begins=vray.BEGINS, still_s=flags.still_s, still_because=vray.STILL, logs=os.path.expandvars(flags.logs),
    )  # fmt: skip


def command_for(
    flags: Flags, program: Path, unit: UnitSpec, output: Path, found: VrayScene, *, scene: Path, threads: int
) -> list[str]:
    """Return the command for a unit of a scene that lies there."""
    frame, region = unit.frame, unit.region
    always = [name for name in flags.flags if name not in vray.SOMETIMES]
    command = [str(program)]
    command += flags.words(
        *always, scene=scene, output=output, width=frame.size.width, height=frame.size.height, frame=frame.frame,
        threads=threads,
    )  # fmt: skip
    if region != frame.size.whole:
        command += flags.words("crop", **region_values(region.x0, region.y0, region.x1, region.y1))
    if frame.camera:
        name = found.cameras[int(frame.camera)] if frame.camera.isdecimal() else frame.camera
        command += flags.words("camera", camera=name)
    for name, value in frame.parameters:
        command += flags.words("parameter", name=name, value=value)
    return command
