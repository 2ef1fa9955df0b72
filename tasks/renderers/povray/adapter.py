"""POV-Ray behind the renderer protocol."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.content_digests import named_files_digest
from tasks.errors import SceneError
from tasks.renderers.base import Capabilities, SceneInfo
from tasks.renderers.errors import not_ready, require_build
from tasks.renderers.povray import program as povray
from tasks.renderers.povray.files import check_parameters, files_of
from tasks.renderers.povray.options import options_of
from tasks.renderers.povray.session import PovRaySession
from tasks.renderers.trial import Trial

if TYPE_CHECKING:
    from tasks.renderers.base import Session
    from tasks.spec import FrameSpec

_CANARY = Path(__file__).with_name("canary.py")
_REMEDY = "Install it again (apt-get install povray povray-includes), or name another in FRONTBURNER_POVRAY."


class PovRay:
    """The adapter."""

    name = "povray"

    def builds(self) -> tuple[str, ...]:
        """Return the installed version, once it has rendered a small scene."""
        program = povray.executable()
        build = f"{povray.version(program)} povray"
        what = f"POV-Ray ({program})"
        # Why a program can't start at all is clearest when nothing else is asked of it.
        starts = Trial(what=what, command=(str(program), "--version"), remedy=_REMEDY, files=(program,)).verdict()
        if not starts.ok:
            raise not_ready(self.name, starts.reason, starts.remedy)
        trial = Trial(
            what=what,
            command=(sys.executable, "-P", "-m", "tasks.renderers.povray.canary", str(program)),
            remedy=_REMEDY,
            facts=(build, _CANARY.read_text()),
            files=(program, *povray.include_folders(program)),
        )
        verdict = trial.verdict()
        if not verdict.ok:
            raise not_ready(self.name, verdict.reason, verdict.remedy)
        return (build,)

    def capabilities(self, build: str) -> Capabilities:  # noqa: ARG002 - the same for all
        """Return what it can do."""
        return Capabilities(
            exact_regions=True, exact_samples=False, max_samples=povray.MAX_SAMPLES, seeds=False, costs=False
        )

    def inspect(
        self,
        scene: Path,
        *,
        build: str,  # noqa: ARG002
        frame: int,
        parameters: tuple[tuple[str, str], ...],
    ) -> SceneInfo:
        """Read a scene without rendering it."""
        options = options_of(scene)
        files = files_of(options, scene, povray.include_folders(povray.executable()))
        check_parameters(files, dict(parameters), scene)
        if options.animated and frame not in options.frames and "clock" not in dict(parameters):
            raise SceneError(
                reason=f"{scene.name} has no frame {frame}: it names {options.frames[0]} to {options.frames[-1]}.",
                remedy="Ask for frames among these, or change Initial_Frame and Final_Frame.",
                scene=str(scene),
            )
        return SceneInfo(
            digest=named_files_digest(files.named.items()),
            files=tuple(str(path.absolute()) for path in files.named.values()),
            size=options.size,
            samples=min(options.depth, 9) ** 2 if options.antialias else 1,
            cameras=("0",),
            whole_frames_because=files.whole_frames_because,
            notes=tuple(options.notes),
        )

    def open(self, frame: FrameSpec, *, threads: int) -> Session:
        """Start a session."""
        program = povray.executable()
        build = f"{povray.version(program)} povray"
        require_build(self.name, povray.NAME, build, frame.build)
        return PovRaySession(program=program, threads=threads)
