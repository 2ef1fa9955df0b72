"""A scene file as Mitsuba parses it for one frame, before it is built: its cameras, size and samples.

Every problem with the file is raised as a `SceneError`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mitsuba as mi

from tasks.errors import SceneError
from tasks.renderers.sent_scenes import is_sent, local_path
from tasks.spec import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEFAULT_SIZE = (768, 576)
_DEFAULT_SAMPLES = 4
_READ_BY_PARSER = re.compile(r"<(include|spectrum)\b[^>]*\bfilename\s*=\s*[\"'](/[^\"']+)[\"']")
_CAMERA_PARTS = ("Sensor", "Film", "Sampler", "ReconstructionFilter")


@dataclass(frozen=True, kw_only=True)
class Document:
    """A parsed scene. Its nodes are never changed: they are copied before anything is built from them.

    Parameters
    ----------
    path
        The scene file.
    state
        Mitsuba's parser state, with references resolved.
    """

    path: Path
    state: Any

    @cached_property
    def cameras(self) -> tuple[int, ...]:
        """Nodes of the scene's cameras."""
        return tuple(i for i in self.children(0) if self.kind(i) == "Sensor")

    @property
    def camera_names(self) -> tuple[str, ...]:
        """Ids of the cameras, or their numbers where they have none."""
        return tuple(self.state.nodes[node].props.id() or str(i) for i, node in enumerate(self.cameras))

    def camera(self, name: str | None) -> int:
        """Return the node of a camera by its id or number; None is the first."""
        names = self.camera_names
        if not names:
            raise self.refuse("has no camera", "Add a <sensor> to the scene.")
        if name is None or name in names:
            return self.cameras[names.index(name) if name else 0]
        if name.isdigit() and int(name) < len(names):
            return self.cameras[int(name)]
        raise self.refuse(f"has no camera {name!r}", f"Choose one of {', '.join(names)}.")

    def size(self, camera: int) -> Size:
        """Return the size the scene asks for."""
        film = self.part(camera, "Film")
        width, height = (
            self._number(film, key, default) for key, default in zip(("width", "height"), _DEFAULT_SIZE, strict=True)
        )
        return Size(width=width, height=height)

    def samples(self, camera: int) -> int:
        """Return the samples a pixel that the scene asks for."""
        return self._number(self.part(camera, "Sampler"), "sample_count", _DEFAULT_SAMPLES)

    def plugin(self, node: int | None) -> str:
        """Return the name of a node's plugin; empty for none."""
        return "" if node is None else str(self.state.nodes[node].props.plugin_name())

    def kind(self, node: int) -> str:
        """Return the kind of a node, such as ``Sensor``."""
        return str(self.state.nodes[node].type).rpartition(".")[2]

    def part(self, node: int | None, kind: str) -> int | None:
        """Return the first child of a kind."""
        return None if node is None else next((i for i in self.children(node) if self.kind(i) == kind), None)

    def children(self, node: int) -> list[int]:
        """Return the nodes that a node refers to, in order."""
        props = self.state.nodes[node].props
        return [props[key].index() for key in props.keys() if is_reference(props, key)]  # noqa: SIM118

    def below(self, node: int) -> Iterator[int]:
        """Yield a node and all nodes it refers to, directly or not."""
        yield node
        for child in self.children(node):
            yield from self.below(child)

    def differs_in_cameras_alone(self, other: Document) -> bool:
        """Whether everything except plain cameras (with film, filter and sampler) equals another document's."""
        ours, theirs = self._camera_nodes, other._camera_nodes
        nodes, others = self.state.nodes, other.state.nodes
        if self.path != other.path or ours != theirs or len(nodes) != len(others):
            return False
        if any(self.kind(i) not in _CAMERA_PARTS or other.kind(i) not in _CAMERA_PARTS for i in ours):
            return False
        return all(nodes[i] == others[i] for i in range(len(nodes)) if i not in ours)

    @cached_property
    def _camera_nodes(self) -> frozenset[int]:
        return frozenset(i for camera in self.cameras for i in self.below(camera))

    def where(self, node: int) -> str:
        """Return the place of a node in its file."""
        return re.sub(r"^.*/", "", str(mi.parser.file_location(self.state, self.state.nodes[node])))

    def refuse(self, what: str, remedy: str) -> SceneError:
        """Return an error about this scene."""
        return SceneError(reason=f"The scene {self.path.name} {what}.", remedy=remedy, scene=str(self.path))

    def _number(self, node: int | None, key: str, default: int) -> int:
        if node is None or key not in self.state.nodes[node].props:
            return default
        return int(self.state.nodes[node].props[key])


def is_reference(props: Any, key: str) -> bool:  # noqa: ANN401 - Mitsuba properties
    """Whether a property refers to another node."""
    return bool(props.type(key) == mi.Properties.Type.ResolvedReference)


def parse(path: Path, *, frame: int, parameters: tuple[tuple[str, str], ...]) -> Document:
    """Parse a scene with its parameters at a frame.

    Raises
    ------
    SceneError
        When the file is missing or malformed, a parameter has no value, or the scene has no such parameter.
    """
    path = path.absolute()
    if not path.is_file():
        raise SceneError(
            reason=f"The scene {path} doesn't exist.",
            remedy="Check the path, also on the nodes.",
            scene=str(path),
        )
    _set_search_path(path.parent)
    _check_names([path])
    given = dict(parameters)
    try:
        return _parse(path, {"frame": str(frame), **given})
    except RuntimeError as error:
        unused = set(re.findall(r"^\s*- \$(\w+)=", str(error), re.MULTILINE))
        if not unused or unused - {"frame"}:
            raise _unreadable(path, error, unused & set(given)) from error
    return _parse(path, given)


def _parse(path: Path, parameters: dict[str, str]) -> Document:
    config = mi.parser.ParserConfig(variant())
    # Mitsuba merges meshes in the order of their addresses: the order of lamps, and with it the noise of a seed, would
    # differ from process to process.
    config.merge_meshes = False
    state = mi.parser.parse_file(config, str(path), **parameters)
    _check_names([path, *(Path(str(file)) for file in state.files)])
    mi.parser.transform_all(config, state)
    _localise_names(state, path)
    return Document(path=path, state=state)


def _check_names(files: list[Path]) -> None:
    """Raise `SceneError` for absolute names in a sent scene that Mitsuba's parser opens by itself."""
    if not is_sent(files[0]):
        return
    for file in files:
        found = _READ_BY_PARSER.search(file.read_text(errors="replace"))
        if found:
            raise SceneError(
                reason=f"The scene can't be sent: {file.name} names {found[2]} in <{found[1]}>, an absolute path.",
                remedy="Name that file relative to the scene.",
                scene=str(files[0]),
            )


def _localise_names(state: Any, scene: Path) -> None:  # noqa: ANN401 - Mitsuba's parser state
    """Make absolute names in a sent scene lead to the local files."""
    if not is_sent(scene):
        return
    for node in state.nodes:
        for key in node.props.keys():  # noqa: SIM118
            if node.props.type(key) == mi.Properties.Type.String:
                node.props[key] = local_path(node.props[key], scene=scene)


def _set_search_path(folder: Path) -> None:
    """Resolve relative names from the scene's folder, never from the working folder."""
    resolver = mi.file_resolver()  # type: ignore[operator]
    resolver.clear()
    resolver.append(str(folder))
    resolver.append(str(Path(mi.__file__).parent))


def variant() -> str:
    """Return the name of the variant this process runs."""
    return str(mi.variant())


def message_of(error: Exception) -> str:
    """Return an error's message as one line, without places in Mitsuba's sources."""
    text = re.sub(r"\[[\w.]+:\d+\]\s*", "", str(error))
    return re.sub(r"\s+", " ", text).strip().rstrip(".")


def _unreadable(path: Path, error: Exception, unknown: set[str]) -> SceneError:
    if unknown:
        names = ", ".join(f"${name}" for name in sorted(unknown))
        reason = f"The scene {path.name} has no parameter {names}."
        remedy = 'Use it in the scene, declare it with <default name="…"/>, or remove it from the job.'
        return SceneError(reason=reason, remedy=remedy, scene=str(path))
    reason = f"The scene {path.name} can't be read: {message_of(error)}."
    undefined = re.search(r"undefined parameter: \$(\w+)", str(error))
    remedy = f"Give {undefined[1]} a value in the job or a <default>." if undefined else "Correct the file."
    return SceneError(reason=reason, remedy=remedy, scene=str(path))
