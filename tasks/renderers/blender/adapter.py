"""Blender behind the renderer protocol. Starts or imports a Blender only when it is asked to inspect or render."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import NodeNotReady
from tasks.renderers.base import Capabilities, SceneInfo
from tasks.renderers.blender import builds as blender_builds
from tasks.renderers.blender.planes import rendered
from tasks.renderers.blender.scenes import scenes_of
from tasks.renderers.travelled import tree_of
from tasks.spec import Aov, Pixels, Size

if TYPE_CHECKING:
    from tasks.renderers.base import Session
    from tasks.renderers.blender.scenes import Scenes
    from tasks.spec import FrameSpec, UnitSpec


class Blender:
    """The adapter."""

    name = "blender"

    def builds(self) -> tuple[str, ...]:
        """Return Blenders and devices that rendered a small scene here, best first."""
        checks = blender_builds.survey()
        working = tuple(check.build for check in checks if not check.reason)
        if not working:
            raise _not_ready(" ".join(check.reason for check in checks), checks[-1].remedy)
        return working

    def capabilities(self, build: str) -> Capabilities:
        """Return what this build can do."""
        exact_samples = blender_builds.version_of(build) >= blender_builds.SUBSETS
        return Capabilities(exact_regions=True, exact_samples=exact_samples, aovs=frozenset(Aov), costs=False)

    def inspect(self, scene: Path, *, build: str, frame: int, parameters: tuple[tuple[str, str], ...]) -> SceneInfo:  # noqa: ARG002 - all frames lie in one file
        """Read a scene without rendering it."""
        described, digest = _scenes(build).described(scene, parameters)
        noise = described["noise"] and float(f"{described['noise']:.6g}")  # it was a float32
        exact_samples = self.capabilities(build).exact_samples
        return SceneInfo(
            digest=digest,
            files=tuple(described["files"]),
            size=Size(width=described["size"][0], height=described["size"][1]),
            samples=described["samples"],
            cameras=tuple(described["cameras"]),
            frames=described["frames"],
            noise=noise if exact_samples else None,
            notes=(*described["notes"], *_adaptive_note(noise, ends=exact_samples)),
        )

    def open(self, frame: FrameSpec, *, threads: int) -> Session:
        """Start a session with this frame's build."""
        return BlenderSession(build=frame.build, threads=threads)


class BlenderSession:
    """Renders units with one Blender, which keeps its scene between them."""

    def __init__(self, *, build: str, threads: int) -> None:
        self.load_s = 0.0
        self._threads = threads
        self._device = blender_builds.device_of(build)
        self._scenes = _scenes(build)

    def render(self, unit: UnitSpec) -> Pixels:
        """Render one unit, moving to its scene and frame first where needed."""
        began_s, region, samples = time.perf_counter(), unit.region, unit.samples
        self._scenes.verify(unit.frame)
        opened_s = time.perf_counter() - began_s
        means, load_s = rendered(
            lambda file: self._scenes.ask(
                Path(unit.frame.scene),
                "render",
                frame=_plain(unit.frame),
                region=[region.x0, region.y0, region.x1, region.y1],
                samples=[samples.start, samples.stop],
                threads=self._threads,
                device=self._device,
                file=file,
            ),
            region.width,
            region.height,
        )
        self.load_s = opened_s + load_s
        sums = np.ascontiguousarray(means * np.float32(samples.count))
        return Pixels(sums=sums, channels=unit.frame.channels)


def _plain(frame: FrameSpec) -> dict[str, object]:
    """Return a frame as values that any Python understands."""
    return asdict(frame) | {
        "tree": str(tree_of(Path(frame.scene)) or ""),
        "size": [frame.size.width, frame.size.height],
        "aovs": [aov.value for aov in frame.aovs],
    }


def _adaptive_note(noise: float | None, *, ends: bool) -> tuple[str, ...]:
    if noise is None:
        return ()
    if ends:
        return (f"Its adaptive sampling is replaced: the picture ends at noise {noise:g} if the job names no samples.",)
    return ("Its adaptive sampling is off: every pixel gets all samples, so that regions fit together.",)


def _scenes(build: str) -> Scenes:
    """Return the scenes of the Blender of this build."""
    check = next((check for check in blender_builds.survey() if not check.reason and check.build == build), None)
    if check is None:
        raise _not_ready(f"Blender {build} doesn't work here.", "See the node check for the cause.")
    return scenes_of(check.path)


def _not_ready(reason: str, remedy: str) -> NodeNotReady:
    return NodeNotReady(reason=reason, remedy=remedy, node="", renderer="blender")
