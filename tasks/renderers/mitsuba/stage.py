"""A built scene: kept between units, and between frames if only the camera moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mitsuba as mi

from tasks.renderers.mitsuba.building import COMPILED_ONLY, build_node, instantiate
from tasks.renderers.mitsuba.document import is_reference, variant
from tasks.renderers.mitsuba.grid import BLOCK_PX
from tasks.spec import RGBA, Aov

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.renderers.mitsuba.document import Document
    from tasks.spec import FrameSpec, Size

_PREFIX, _SCENES = "frontburner_", "picture"
_KINDS = {Aov.DEPTH: ("depth", "T"), Aov.NORMAL: ("sh_normal", "XYZ"), Aov.ALBEDO: ("albedo", "RGB")}
_DEFAULT_FILTER = "gaussian"  # Mitsuba's, where a scene names none


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A scene and camera to render.

    Parameters
    ----------
    document
        The parsed scene it was built from.
    scene, sensor, integrator, rfilter
        Mitsuba's objects. ``rfilter`` is the filter that the scene asks for. The sensor's film has the frame's size and
        float32 RGBA; its own filter is a box, unless frames are rendered whole.
    """

    document: Document
    scene: Any
    sensor: Any
    integrator: Any
    rfilter: Any

    def moved(self, document: Document, camera: int, size: Size) -> Stage:
        """Return the stage for another frame, rebuilding only cameras if nothing else changed."""
        if not self.document.differs_in_cameras_alone(document):
            return build(document, camera, size)
        rfilter = _filter(document, camera)
        used = rfilter if whole_frames_because(self.integrator) else None
        cameras = instantiate(document, _prepared(document, camera, size, used, keep={"Sensor"}))
        return Stage(
            document=document,
            scene=self.scene,
            sensor=cameras.sensors()[0],
            integrator=self.integrator,
            rfilter=rfilter,
        )


def build(document: Document, camera: int, size: Size) -> Stage:
    """Build a scene with one of its cameras at a size.

    Raises
    ------
    SceneError
        When Mitsuba can't build it.
    """
    integrator, rfilter = build_integrator(document), _filter(document, camera)
    used = rfilter if whole_frames_because(integrator) else None
    scene = instantiate(document, _prepared(document, camera, size, used, keep=None))
    return Stage(
        document=document,
        scene=scene,
        sensor=scene.sensors()[document.parts_of_shapes_before(camera)],
        integrator=integrator,
        rfilter=rfilter,
    )


def build_integrator(document: Document) -> Any:  # noqa: ANN401 - a Mitsuba object
    """Build a scene's integrator without the scene; path tracing if it names none."""
    node = document.part(0, "Integrator")
    if node is None:
        return mi.load_dict({"type": "path", "block_size": BLOCK_PX})
    integrator = build_node(document, node)
    if not isinstance(integrator, mi.SamplingIntegrator) or not variant().startswith("scalar"):
        return integrator
    state = mi.parser.ParserState(document.state)
    state.nodes[node].props["block_size"] = BLOCK_PX
    state.nodes[0] = state.nodes[node]
    return instantiate(document, state)


def whole_frames_because(integrator: Any) -> str:  # noqa: ANN401 - a Mitsuba object
    """Return why the integrator can't render regions, in a sentence; empty if it can."""
    name = type(integrator).__name__
    if not isinstance(integrator, mi.SamplingIntegrator):
        return f"Its integrator ({name}) sends light from the lamps to the whole picture at once."
    if isinstance(integrator, mi.CppADIntegrator):
        return f"Its integrator ({name}) is made for differentiation and renders whole pictures only."
    return ""


def is_made_for_whole_frames(document: Document) -> bool:
    """Whether a scene's integrator is one of Mitsuba's that `whole_frames_because` says can't render regions."""
    name = document.plugin(document.part(0, "Integrator"))
    return name == "ptracer" or name in COMPILED_ONLY


def _prepared(document: Document, camera: int, size: Size, rfilter: Any, *, keep: set[str] | None) -> Any:  # noqa: ANN401
    """Copy the parsed nodes with one camera, our film with a filter or a box, and of the rest the kinds to keep."""
    state = mi.parser.ParserState(document.state)
    _drop(
        state,
        lambda node: (node in document.cameras and node != camera) or not (keep is None or document.kind(node) in keep),
    )
    props = state.nodes[camera].props
    for key in list(props.keys()):
        if is_reference(props, key) and document.kind(props[key].index()) in {"Film", "Sampler"}:
            del props[key]
    props["film"] = _film(size, rfilter)
    props["sampler"] = mi.load_dict({"type": "independent"})
    return state


def _drop(state: Any, unwanted: Callable[[int], bool]) -> None:  # noqa: ANN401
    """Remove children from a scene."""
    props = state.nodes[0].props
    for key in list(props.keys()):
        if is_reference(props, key) and unwanted(props[key].index()):
            del props[key]


def _film(size: Size, rfilter: Any) -> Any:  # noqa: ANN401
    return mi.load_dict(
        {
            "type": "hdrfilm",
            "width": size.width,
            "height": size.height,
            "pixel_format": "rgba",
            "component_format": "float32",
            "rfilter": rfilter or {"type": "box"},
        }
    )


def _filter(document: Document, camera: int) -> Any:  # noqa: ANN401
    node = document.part(document.part(camera, "Film"), "ReconstructionFilter")
    return mi.load_dict({"type": _DEFAULT_FILTER}) if node is None else build_node(document, node)


def integrator_for(integrator: Any, aovs: tuple[Aov, ...]) -> Any:  # noqa: ANN401 - Mitsuba objects
    """Wrap the scene's integrator in one that adds AOVs, if any are requested."""
    if not aovs:
        return integrator
    requested = ",".join(f"{_PREFIX}{aov}:{_KINDS[aov][0]}" for aov in aovs)
    return mi.load_dict({"type": "aov", "aovs": requested, _SCENES: integrator, "block_size": BLOCK_PX})


def channel_indices(integrator: Any, frame: FrameSpec) -> list[int]:  # noqa: ANN401
    """Return the index of each of a frame's channels among those of an integrator: RGBA, and what it adds."""
    names = integrator.aov_names()
    ours = [f"{_PREFIX}{aov}.{letter}" for aov in frame.aovs for letter in _KINDS[aov][1]]
    scenes = [f"{_SCENES}.{name}" if frame.aovs else name for name in frame.scene_channels]
    return [*range(len(RGBA)), *(len(RGBA) + names.index(name) for name in [*ours, *scenes])]
