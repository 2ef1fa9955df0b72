"""Reads what a ``.vrscene`` says of its files, size, frames and cameras, and whether its frames can be split."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.renderers.errors import files_missing
from tasks.renderers.sent_scenes import FileName, local_path, tree_of, write_copies
from tasks.renderers.vray import source
from tasks.renderers.vray.file_names import UNCHECKED, WINDOWS, is_pattern, local_path_of, name_at, named_files
from tasks.spec import Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks.renderers.vray.source import Plugin, Text

DEFAULT_SIZE = Size(width=640, height=480)
_SUFFIX = ".vrscene"
_CAMERAS = ("RenderView", "CameraPhysical", "CameraDome", "CameraDefault")
_CACHES = {
    0: ("SettingsIrradianceMap", (2, 7), "an irradiance map"),
    1: ("SettingsPhotonMap", (1,), "a photon map"),
    3: ("SettingsLightCache", (2,), "a light cache"),
}
"""By the number of an engine of global illumination: its settings, their modes that read a file, and its name."""
_OTHER_CACHES = {"SettingsCaustics": ("mode", 1), "BRDFSSS2Complex": ("prepass_mode", 2)}
"""Plugins that read their file only in one mode."""
_WRITTEN = re.compile(r"SettingsOutput|OutputDeepWriter|\w+Exporter|SettingsPtexBaker|RenderChannel\w*")
_WRITES = re.compile(r"(?:auto_?save|img|save|output)_\w+|object_path|scene_path", re.IGNORECASE)
_READS = re.compile(r"(?:\w*_)?(?:file(?:s|_?names?|_?paths?)?|path)", re.IGNORECASE)
_REMEDY_WINDOWS = (
    "Names such as {} lead to files only on Windows: render on nodes with Windows, or export the scene again with "
    "names that are right on these nodes; names relative to the scene are right everywhere."
)
_REMEDY = "Put them in place on every node, or correct the names."


@dataclass(slots=True, kw_only=True)
class VrayScene:
    """What was read of a scene.

    Parameters
    ----------
    files
        Each file by its name relative to the scene's folder.
    whole_frames_because
        Empty, or why its frames can't be split.
    names
        The names of files in each of its texts, if it was sent and one of them leads elsewhere here.
    has_region
        Whether it asks for a part of the picture only.
    notes
        Sentences on what V-Ray does differently than the scene asks.
    """

    files: dict[str, Path]
    size: Size = DEFAULT_SIZE
    cameras: tuple[str, ...] = ("0",)
    whole_frames_because: str = ""
    names: dict[Path, list[FileName]] = field(default_factory=dict)
    has_region: bool = False
    notes: list[str] = field(default_factory=list)


def read(scene: Path, frame: int) -> VrayScene:
    """Read a scene and all it includes, for a frame.

    Raises
    ------
    SceneError
        When files are missing.
    """
    found = _Search(scene, frame)
    found.follow()
    if found.missing:
        windows = [name for name in found.missing if WINDOWS.match(name)]
        raise files_missing(scene, found.missing, _REMEDY_WINDOWS.format(windows[0]) if windows else _REMEDY)
    read = VrayScene(files=found.files, names=found.names if found.relocated else {}, notes=found.notes)
    _take_settings(read, found.plugins, frame)
    return read


def frames_in(scene: Path) -> tuple[int, ...]:
    """Return the frames a scene names; none if it names none, or can't be read."""
    texts, _ = _included(scene)
    outputs = [plugin for text in texts for plugin in source.read(text).plugins if plugin.type == "SettingsOutput"]
    if not outputs:
        return ()
    if "frames" in outputs[-1].parameters:
        return _listed_frames(outputs[-1].parameters["frames"].value)
    first, last = (outputs[-1].number(key, 0, 0.0) for key in ("anim_start", "anim_end"))
    whole = first.is_integer() and last.is_integer()
    return tuple(range(int(first), int(last) + 1)) if whole and first < last else ()


def local_scene_file(scene: Path, found: VrayScene, folder: Path) -> Path:
    """Return the file V-Ray should read.

    If a name leads elsewhere here, all texts are copied with absolute names: relative ones would not lead to the files
    from a copy.
    """
    tree = tree_of(scene)
    if not found.names or tree is None:
        return scene
    return write_copies(found.names, tree=tree, folder=folder)[scene]


class _Search:
    """Follows the names of files from text to text."""

    def __init__(self, scene: Path, frame: int) -> None:
        self._scene, self._frame = scene, frame
        self.files: dict[str, Path] = {}
        self.names: dict[Path, list[FileName]] = {}
        self.missing: list[str] = []
        self.notes: list[str] = []
        self.relocated = False
        self.plugins: list[Plugin] = []
        """Those of the scene and what it includes, not of scenes that it shows."""

    def follow(self) -> None:
        """Follow all names, first those of texts that are included, whose settings say which files are read."""
        texts, missing = _included(self._scene)
        self.missing += [os.path.relpath(path, self._scene.parent) for path in missing]
        self.plugins = [plugin for text in texts for plugin in source.read(text).plugins]
        waiting, seen = list(texts), set(texts)
        while waiting:
            text = waiting.pop()
            self._add(text)
            self.names[text] = []
            read = source.read(text)
            for include in read.includes:
                moved = local_path(include.text, scene=self._scene) != include.text
                self._note_name(text, include, _include_path(text, include, self._scene), moved=moved)
            for plugin in read.plugins:
                if text not in texts and plugin.type.startswith("Settings"):
                    continue  # a scene that is shown in this one has no say
                for file in self._files_of(plugin, text):
                    self._add(file)
                    if file.suffix.lower() == _SUFFIX and file not in seen:
                        inner, gone = _included(file)
                        self.missing += [os.path.relpath(path, self._scene.parent) for path in gone]
                        waiting += [path for path in inner if path not in seen]
                        seen.update(inner)

    def _files_of(self, plugin: Plugin, text: Path) -> Iterator[Path]:
        for key, parameter in plugin.parameters.items():
            if not _reads(plugin, key, self.plugins, self._frame):
                continue
            for name in parameter.at(self._frame):
                if not name.text.strip() or (key.lower().endswith("path") and not Path(name.text).suffix):
                    continue  # nothing, or a folder
                if UNCHECKED.search(name.text):
                    self.notes.append(f"V-Ray itself finds {name.text}: its content isn't part of a frame's identity.")
                    continue
                yield from self._found(plugin, name, text)

    def _found(self, plugin: Plugin, name: Text, text: Path) -> Iterator[Path]:
        local = local_path_of(name.text, scene=self._scene)
        shifted = any(key.startswith("frame_") for key in plugin.parameters)
        found: list[Path] = []
        for folder in dict.fromkeys((self._scene.parent, text.parent)):
            if found := named_files(folder, local, self._frame, all_frames=shifted):
                target = Path(os.path.normpath(folder / local)) if is_pattern(local) else found[0]
                self._note_name(text, name, target, moved=local != name.text)
                break
        else:
            self.missing.append(name_at(local, self._frame))
        yield from found

    def _note_name(self, text: Path, name: Text, target: Path, *, moved: bool) -> None:
        self.names[text].append(FileName(start=name.start, stop=name.stop, path=target))
        self.relocated = self.relocated or moved

    def _add(self, file: Path) -> None:
        self.files[Path(os.path.relpath(file, self._scene.parent)).as_posix()] = file


def _included(scene: Path) -> tuple[list[Path], list[Path]]:
    """Return a text and all that it includes, and those that are missing."""
    texts: list[Path] = []
    missing: list[Path] = []
    waiting = [scene]
    while waiting:
        path = waiting.pop()
        if path in texts:
            continue
        if not path.is_file():
            missing.append(path)
            continue
        texts.append(path)
        waiting += reversed([_include_path(path, include, scene) for include in source.read(path).includes])
    return texts, missing


def _include_path(text: Path, include: Text, scene: Path) -> Path:
    return Path(os.path.normpath(text.parent / local_path(include.text, scene=scene)))


def _reads(plugin: Plugin, key: str, plugins: Sequence[Plugin], frame: int) -> bool:
    """Whether V-Ray reads the file that a parameter names."""
    if not _READS.fullmatch(key) or _WRITES.fullmatch(key) or _WRITTEN.fullmatch(plugin.type):
        return False
    for engine, (settings, modes, _) in _CACHES.items():
        if plugin.type == settings:
            return engine in _engines(plugins, frame) and plugin.number("mode", frame, 0) in modes
    if plugin.type in _OTHER_CACHES:
        mode, reading = _OTHER_CACHES[plugin.type]
        return plugin.number(mode, frame, 0) == reading
    return True


def _engines(plugins: Sequence[Plugin], frame: int) -> set[int]:
    """Return the engines of global illumination that are used."""
    used: set[int] = set()
    for plugin in plugins:
        if plugin.type == "SettingsGI" and plugin.number("on", frame, 1):
            used.add(int(plugin.number("primary_engine", frame, 2)))
            used.add(int(plugin.number("secondary_engine", frame, 2)) or 2)  # 0 of these is none
    return used


def _take_settings(read: VrayScene, plugins: Sequence[Plugin], frame: int) -> None:
    """Take over what the scene's settings say."""
    outputs = [plugin for plugin in plugins if plugin.type == "SettingsOutput"]
    for plugin in outputs:
        size = (int(plugin.number(f"img_{side}", frame, getattr(DEFAULT_SIZE, side))) for side in ("width", "height"))
        read.size = Size(**dict(zip(("width", "height"), size, strict=True)))
    if len(outputs) > 1:
        named = ", ".join(plugin.name for plugin in outputs)
        read.notes.append(f"The scene sets its output {len(outputs)} times ({named}): the last one's size is rendered.")
    if any(_asks_for_part(plugin, read.size, frame) for plugin in outputs):
        read.has_region = True
        read.notes.append("The scene's own region isn't used: set region to render a part.")
    elements = [plugin for plugin in plugins if plugin.type.startswith("RenderChannel")]
    if elements:
        read.notes.append(f"The scene's {len(elements)} render elements are not delivered, only its picture.")
    read.cameras = _cameras(plugins)
    caches = [
        name
        for engine, (settings, modes, name) in _CACHES.items()
        if engine in _engines(plugins, frame)
        and not any(plugin.type == settings and plugin.number("mode", frame, 0) in modes for plugin in plugins)
    ]
    if caches:
        read.whole_frames_because = (
            f"Its light comes from {' and '.join(sorted(caches))}, which V-Ray computes anew for each region: "
            "regions would not fit together."
        )


def _asks_for_part(plugin: Plugin, size: Size, frame: int) -> bool:
    """Whether an output has a region or a crop that isn't the whole picture."""
    for prefix in ("rgn", "r"):
        left, top, width, height = (
            plugin.number(f"{prefix}_{key}", frame, 0) for key in ("left", "top", "width", "height")
        )
        if width > 0 and height > 0 and (left, top, width, height) != (0, 0, size.width, size.height):
            return True
    return False


def _cameras(plugins: Sequence[Plugin]) -> tuple[str, ...]:
    """Return the names by which V-Ray knows the cameras: a view and its camera have the same."""
    cameras = [plugin for plugin in plugins if plugin.type in _CAMERAS]
    views = [plugin for plugin in cameras if plugin.type == "RenderView"]
    named = [plugin.parameters["scene_name"].texts[0].text for plugin in cameras if "scene_name" in plugin.parameters]
    return tuple(dict.fromkeys(named or [plugin.name for plugin in views or cameras])) or ("0",)


def _listed_frames(value: str) -> tuple[int, ...]:
    """Return the frames of a list: numbers, and lists of a first and a last one."""
    inner = re.sub(r"^\s*List\w*\(|\)\s*$", "", value) if value.startswith("List") else value
    frames: set[int] = set()
    for first, last, single in re.findall(r"List\w*\(\s*(-?\d+)\s*,\s*(-?\d+)\s*\)|(-?\d+)", inner):
        frames.update([int(single)] if single else range(int(first), int(last) + 1))
    return tuple(sorted(frames)) if re.fullmatch(r"[\s\d,()A-Za-z-]*", inner) else ()
