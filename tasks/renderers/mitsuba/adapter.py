"""Mitsuba behind the renderer protocol. Imports Mitsuba only when it is asked to inspect or render."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tasks.renderers.base import Capabilities
from tasks.renderers.build_names import is_build
from tasks.renderers.errors import not_ready
from tasks.renderers.mitsuba import builds as mitsuba_builds
from tasks.renderers.mitsuba.grid import CELL_PX, PACKET_PX, QUANTUM
from tasks.spec import Aov

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.renderers.base import SceneInfo, Session
    from tasks.spec import FrameSpec

SCALAR_SPEED = 0.4
"""The scalar build takes two to three times as long as the compiled one."""


class Mitsuba:
    """The adapter."""

    name = "mitsuba"

    def builds(self) -> tuple[str, ...]:
        """Return builds that rendered a small scene here, best first."""
        if not mitsuba_builds.installed():
            raise not_ready(self.name, "Mitsuba isn't installed.", "pip install 'frontburner[mitsuba]'", absent=True)
        checks = mitsuba_builds.check_builds()
        working = tuple(check.build for check in checks if check.ok)
        if not working:
            raise not_ready(self.name, " ".join(check.reason for check in checks), checks[-1].remedy)
        return tuple(dict.fromkeys(working))

    def capabilities(self, build: str) -> Capabilities:
        """Return what this build can do."""
        compiled = mitsuba_builds.variant_of(build).startswith("llvm")
        return Capabilities(
            exact_regions=True,
            exact_samples=True,
            region_align_px=(PACKET_PX, 1) if compiled else (CELL_PX, CELL_PX),
            sample_align=PACKET_PX if compiled else QUANTUM,
            aovs=frozenset(Aov),
            speed=1.0 if compiled else SCALAR_SPEED,
        )

    def inspect(self, scene: Path, *, build: str, frame: int, parameters: tuple[tuple[str, str], ...]) -> SceneInfo:
        """Read a scene without rendering it."""
        _activate(build)
        from tasks.renderers.mitsuba.inspection import inspect

        return inspect(scene, frame=frame, parameters=parameters)

    def open(self, frame: FrameSpec, *, threads: int) -> Session:
        """Start a session. A process has one build: Mitsuba's libraries can't be exchanged later."""
        _activate(frame.build)
        from tasks.renderers.mitsuba.session import MitsubaSession

        return MitsubaSession(build=frame.build, threads=threads)


def _activate(build: str) -> None:
    """Load Mitsuba with this build's variant, and the LLVM library it was found to work with."""
    check = next((check for check in mitsuba_builds.check_builds() if check.ok and is_build(check.build, build)), None)
    if check is None:
        raise not_ready("mitsuba", f"Mitsuba {build} doesn't work here.", "See the node check for the cause.")
    if check.library:
        os.environ["DRJIT_LIBLLVM_PATH"] = check.library
    import mitsuba

    if mitsuba.variant() != check.variant:
        mitsuba.set_variant(check.variant)
