"""A scene file as Mitsuba parses it for one frame, before it is built.

Every problem with the file is raised as a `SceneError`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mitsuba as mi

from system import paths
from tasks.errors import SceneError
from tasks.renderers.errors import files_missing
from tasks.renderers.mitsuba.names import ParserCopies, names_in
from tasks.renderers.sent_scenes import is_sent, local_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks.renderers.mitsuba.names import Name

_MITSUBA = Path(mi.__file__).parent
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
    read_by_parser
        The files that the parser has read: includes and spectra.
    search
        Folders in which Mitsuba looks for all other files, the first one first.
    """

    path: Path
    state: Any
    read_by_parser: tuple[Path, ...]
    search: tuple[Path, ...]

    def resolve(self, name: str) -> Path:
        """Return the file that a name leads to, whether or not it exists."""
        local = local_path(name, scene=self.path)
        if paths.absolute_of(local) is not None:  # Mitsuba doesn't know shares of Windows
            return Path(os.path.normpath(local))
        search_in(self.search)
        found = Path(str(mi.file_resolver().resolve(local)))  # type: ignore[operator]
        return Path(os.path.normpath(self.path.parent / found))

    @cached_property
    def cameras(self) -> tuple[int, ...]:
        """Nodes of the scene's cameras, also of those that are part of a shape."""
        sensors = {i for i, node in enumerate(items(self.state.nodes)) if node.type == mi.ObjectType.Sensor}
        own = self.children(0)
        if sensors <= set(own):
            return tuple(child for child in own if child in sensors)
        parts = (child if child in sensors else self._measuring(child) for child in own)
        return tuple(node for node in parts if node is not None)

    def parts_of_shapes_before(self, camera: int) -> int:
        """Return the number of cameras before this one that are part of a shape, and stay there."""
        return len(set(self.cameras[: self.cameras.index(camera)]) - set(self.children(0)))

    def _measuring(self, node: int) -> int | None:
        return self.part(node, "Sensor") if self.kind(node) == "Shape" else None

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

    def value(self, node: int, key: str, default: object) -> Any:  # noqa: ANN401 - Mitsuba properties
        """Return a property of a node, or the default if it has none."""
        return self.state.nodes[node].props.get(key, default)

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
        """Yield a node and all nodes it refers to, directly or not, each once."""
        seen, waiting = {node}, [node]
        while waiting:
            yield (found := waiting.pop())
            new = [child for child in self.children(found) if child not in seen]
            seen.update(new)
            waiting.extend(reversed(new))

    def differs_in_cameras_alone(self, other: Document) -> bool:
        """Whether everything except plain cameras (with film, filter and sampler) equals another document's."""
        ours, theirs = self._camera_nodes, other._camera_nodes
        nodes, others = self.state.nodes, other.state.nodes
        if not set(self.cameras) <= set(self.children(0)):
            return False
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
        return re.sub(r"^.*[/\\]", "", str(mi.parser.file_location(self.state, self.state.nodes[node])))

    def refuse(self, what: str, remedy: str) -> SceneError:
        """Return an error about this scene."""
        return SceneError(reason=f"The scene {self.path.name} {what}.", remedy=remedy, scene=str(self.path))


def items(bound: Any) -> list[Any]:  # noqa: ANN401 - a list of Mitsuba's
    """List what is in a list of Mitsuba's: on Windows, iterators over different ones are taken for each other."""
    return [bound[index] for index in range(len(bound))]


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
    given = dict(parameters)
    values = {"frame": str(frame), **given}
    names = names_in(path, values, (path.parent, _MITSUBA))
    texts = [path, *(name.path for name in names if name.tag == "include" and name.path is not None)]
    if not any(b"$frame" in text.read_bytes() for text in texts):  # the parser refuses values that aren't used
        values = given
    try:
        try:
            return _parse(path, values, names)
        except RuntimeError as error:
            if _unused(error) != {"frame"}:
                raise
        return _parse(path, given, names)
    except RuntimeError as error:
        raise _unreadable(path, error, _unused(error) & set(given)) from error


def _parse(path: Path, parameters: dict[str, str], names: Sequence[Name]) -> Document:
    config = mi.parser.ParserConfig(variant())
    # Mitsuba merges meshes in the order of their addresses: the order of lamps, and with it the noise of a seed, would
    # differ from process to process.
    config.merge_meshes = False
    search_in((path.parent, _MITSUBA))
    try:
        with ParserCopies(path, names) as copies:
            state = mi.parser.parse_file(config, str(copies.of(path)), **parameters)
            state.files = [str(copies.original(Path(str(file)))) for file in items(state.files)]
            found = tuple(Path(str(folder)) for folder in items(mi.file_resolver()))  # type: ignore[operator]
        mi.parser.transform_all(config, state)
    except RuntimeError as error:
        if not _unused(error):
            _check_names(path, names)
        raise
    _localise_names(state, path)
    read = dict.fromkeys(name.path for name in names if name.path is not None and name.tag != "path")
    return Document(path=path, state=state, read_by_parser=tuple(read), search=found)


def _unused(error: RuntimeError) -> set[str]:
    """Return the parameters that the parser says the scene doesn't use."""
    return set(re.findall(r"^\s*- \$(\w+)=", str(error), re.MULTILINE))


def _check_names(path: Path, names: Sequence[Name]) -> None:
    """Raise `SceneError` if a file or folder wasn't found. In a sent scene, an empty folder stands for any."""
    missing = [name for name in names if name.path is None and "$" not in name.value]
    gone = [f"{name.value} (named in {name.text.name})" for name in missing if name.tag != "path" or not is_sent(path)]
    if gone:
        raise files_missing(path, gone, "Put them in place, or correct the names.")


def _localise_names(state: Any, scene: Path) -> None:  # noqa: ANN401 - Mitsuba's parser state
    """Make names of another machine or system lead to the local files."""
    for node in items(state.nodes):
        texts = [key for key in node.props.keys() if node.props.type(key) == mi.Properties.Type.String]  # noqa: SIM118
        for key in texts:
            if (local := local_path(node.props[key], scene=scene)) != node.props[key]:
                node.props[key] = local


def search_in(folders: Sequence[Path]) -> None:
    """Have Mitsuba search relative names in these folders, never in the working folder."""
    resolver = mi.file_resolver()  # type: ignore[operator]
    resolver.clear()
    for folder in folders:
        resolver.append(str(folder))


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
    remedy = "Correct the file."
    if undefined:
        name = undefined[1]
        remedy = f'Give it a value (--parameters {name}=16, for example), or a <default name="{name}" value="…"/>.'
    return SceneError(reason=reason, remedy=remedy, scene=str(path))
