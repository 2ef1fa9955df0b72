"""Reads what a ``.vrscene`` says of its files, size, frames and cameras, and whether its frames can be split."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.renderers.errors import files_missing
from tasks.renderers.scene_files import name_beside
from tasks.renderers.sent_scenes import FileName, local_path, tree_of, write_copies
from tasks.renderers.vray import source
from tasks.renderers.vray.file_names import UNCHECKED, is_pattern, local_path_of, name_at, named_files
from tasks.renderers.vray.settings import (
    CACHES,
    asks_for_part,
    cameras_of,
    engines,
    frames_of,
    notes_of,
    size_of,
    whole_frames_because,
)
from tasks.renderers.vray.source import Plugin, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks.spec import Size

_SUFFIX = ".vrscene"
_OTHER_CACHES = {"SettingsCaustics": ("mode", 1), "BRDFSSS2Complex": ("prepass_mode", 2)}
"""Plugins that read their file only in one mode."""
_WRITTEN = re.compile(r"SettingsOutput|OutputDeepWriter|\w+Exporter|SettingsPtexBaker|RenderChannel\w*")
_WRITES = re.compile(r"(?:auto_?save|img|save|output)_\w+|object_path|scene_path", re.IGNORECASE)
_READS = re.compile(r"(?:\w*_)?(?:file(?:s|_?names?|_?paths?)?|path)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class VrayScene:
    """What was read of a scene.

    Parameters
    ----------
    files
        Each file by its name relative to the scene's folder.
    whole_frames_because
        Empty, or why its frames can't be split.
    names
        The names of files in each of its texts, if one of them leads elsewhere here.
    has_region
        Whether it asks for a part of the picture only.
    notes
        Sentences on what V-Ray does differently than the scene asks.
    """

    files: dict[str, Path]
    size: Size
    cameras: tuple[str, ...]
    whole_frames_because: str
    names: dict[Path, list[FileName]]
    has_region: bool
    notes: list[str]


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
        raise files_missing(scene, found.missing)
    has_region = asks_for_part(found.plugins, frame)
    region = ["The scene's own region isn't used: set region to render a part."] if has_region else []
    return VrayScene(
        files=found.files,
        size=size_of(found.plugins, frame),
        cameras=cameras_of(found.plugins),
        whole_frames_because=whole_frames_because(found.plugins, frame),
        names=found.names if found.relocated else {},
        has_region=has_region,
        notes=[*found.notes, *notes_of(found.plugins), *region],
    )


def frames_in(scene: Path) -> tuple[int, ...]:
    """Return the frames a scene names; none if it names none, or can't be read."""
    return frames_of(_defined(scene))


def local_scene_file(scene: Path, found: VrayScene, folder: Path) -> Path:
    """Return the file V-Ray should read.

    If a name leads elsewhere here, all texts are copied with absolute names: relative ones would not lead to the files
    from a copy.
    """
    return write_copies(found.names, tree=tree_of(scene), folder=folder)[scene] if found.names else scene


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
        self.missing += [self._named(path) for path in missing]
        self.plugins = _defined(self._scene)
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
                        self.missing += [self._named(path) for path in gone]
                        waiting += [path for path in inner if path not in seen]
                        seen.update(inner)

    def _files_of(self, plugin: Plugin, text: Path) -> Iterator[Path]:
        for key, parameter in plugin.parameters.items():
            if not _reads(plugin, key, self.plugins, self._frame):
                continue
            for name in parameter.at(self._frame):
                if not name.text.strip() or (key.lower().endswith("path") and not Path(name.text).suffix):
                    continue  # nothing, or a folder
                if UNCHECKED.search(name.text) and not (self._scene.parent / name.text).is_file():
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

    def _named(self, path: Path) -> str:
        """Name a missing file relative to the scene, unless it is of another system."""
        return name_beside(path, self._scene.parent) if path.is_absolute() else str(path)

    def _add(self, file: Path) -> None:
        self.files[name_beside(file, self._scene.parent)] = file


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


def _defined(scene: Path) -> list[Plugin]:
    """Return the plugins of a scene and all it includes, in the order of their definitions, later ones added."""
    plugins: dict[tuple[str, str], Plugin] = {}
    opened: set[Path] = set()

    def take(path: Path) -> None:
        if path in opened or not path.is_file():
            return
        opened.add(path)
        read = source.read(path)
        parts: list[Plugin | Text] = [*read.includes, *read.plugins]
        for part in sorted(parts, key=lambda part: part.start):
            if isinstance(part, Text):
                take(_include_path(path, part, scene))
            else:
                new = Plugin(type=part.type, name=part.name, start=part.start, parameters={})
                plugins.setdefault((part.type, part.name), new).take(part.parameters)

    take(scene)
    return list(plugins.values())


def _include_path(text: Path, include: Text, scene: Path) -> Path:
    return Path(os.path.normpath(text.parent / local_path(include.text, scene=scene)))


def _reads(plugin: Plugin, key: str, plugins: Sequence[Plugin], frame: int) -> bool:
    """Whether V-Ray reads the file that a parameter names."""
    if not _READS.fullmatch(key) or _WRITES.fullmatch(key) or _WRITTEN.fullmatch(plugin.type):
        return False
    for engine, (settings, modes, _) in CACHES.items():
        if plugin.type == settings:
            return engine in engines(plugins, frame) and plugin.number("mode", frame, 0) in modes
    if plugin.type in _OTHER_CACHES:
        mode, reading = _OTHER_CACHES[plugin.type]
        return plugin.number(mode, frame, 0) == reading
    return True
