"""Finds the files a POV-Ray scene needs, as POV-Ray finds them, and whether its frames can be split.

One file over 300 lines: one reading of the source answers both.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from system import paths
from tasks.errors import SceneError
from tasks.renderers.errors import files_missing
from tasks.renderers.povray.source import METHOD_1, PICTURES, Kind, Reference, Source, read
from tasks.renderers.scene_files import name_beside
from tasks.renderers.sent_scenes import FileName, local_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tasks.renderers.povray.options import Options
    from tasks.renderers.povray.source import Computed

_SOURCES = {".inc", ".pov", ".mac", ".mcr"}
_ENDINGS = {kind: (kind,) for kind in (*PICTURES, "ttf")} | {"jpeg": ("jpg", "jpeg"), "tiff": ("tif", "tiff")}
_UNNAMED_ENDINGS = ("png",)
"""Of a picture whose kind isn't named."""
_ALL_ENDINGS = tuple(dict.fromkeys(("inc", *(ending for endings in _ENDINGS.values() for ending in endings))))
_BUILT_IN = {f"{font}{ending}" for font in ("timrom", "cyrvetic", "crystal", "povlogo") for ending in ("", ".ttf")}
"""Fonts that are part of the program."""
_MOST_COMPUTED = 200
_SIZE = ("image_width", "image_height")
_NOW = "now"
_BECAUSE = {
    "radiosity": "radiosity, which differs each time it is computed",
    "photons": "photons, which are shot for the whole picture and differ with the number of threads",
    "subsurface": "subsurface scattering, whose noise depends on what was rendered before it",
    "crand": "crand, whose grain differs each time",
    "jitter": "jitter, whose noise depends on what was rendered before it",
    METHOD_1: "media of method 1, whose noise depends on what was rendered before it",
    _NOW: "now, the time at which it is read",
}
"""Keywords with which regions differ from the whole frame, as measured."""


@dataclass(slots=True, kw_only=True)
class Files:
    """A scene's files.

    Parameters
    ----------
    named
        Each file by the name the scene knows it by: relative to its folder or to the installation's.
    words
        All words of the scene's own sources, and of the declarations they use of the installation's.
    sources
        The scene's own sources.
    relocated
        The files of which POV-Ray gets copies, and the names in each that lead elsewhere here.
    computed
        Names of files that the scene computes.
    untried
        Empty, or why those names aren't found.
    """

    named: dict[str, Path] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)
    sources: list[Source] = field(default_factory=list)
    relocated: dict[Path, list[FileName]] = field(default_factory=dict)
    computed: list[Computed] = field(default_factory=list)
    untried: str = ""

    @property
    def notes(self) -> list[str]:
        """Sentences on files that aren't followed."""
        asked = [name for name in self.computed if name.asks]
        named = [name for name in self.computed if self.untried and not name.asks]
        notes = []
        if asked:
            notes.append(f"Whether files with computed names exist ({_lines(asked)}) is neither sent nor compared.")
        if named:
            notes.append(f"Files with computed names ({_lines(named)}) are neither sent nor compared, {self.untried}.")
        if _NOW in self.words:
            notes.append("The scene uses now, the time at which it is read: no two renders of it need be equal.")
        return notes

    @property
    def whole_frames_because(self) -> str:
        """Empty, or why its frames can't be split."""
        reasons = [reason for word, reason in _BECAUSE.items() if word in self.words]
        if not reasons:
            return ""
        return f"The scene uses {'; '.join(reasons)}: regions would not fit together."


def files_of(
    options: Options, path: Path, installed: Iterable[Path], missing_name: Callable[[Files], str | None] | None = None
) -> Files:
    """Find all files of a scene.

    Parameters
    ----------
    missing_name
        Has POV-Ray read the scene with these files only, and returns the name of one it misses; empty if it misses
        none, None if that takes too long. Called where the scene computes names.

    Raises
    ------
    SceneError
        When files are missing; it names them and the lines that refer to them.
    """
    found = _Search(options, path, tuple(installed))
    found.follow(options.scene)
    remedy = "Put them in its folder or one of its library paths, or correct the names."
    if found.missing:
        raise files_missing(path, found.missing, remedy)
    files = Files(named=found.named, sources=found.own, relocated=found.relocated, computed=found.computed_names())
    if missing_name and any(not name.asks for name in files.computed):
        found.find_by_trying(files, missing_name)
    if found.missing:
        raise files_missing(path, found.missing, remedy)
    files.words = set(_used_words((word for source in found.own for word in source.words), found.libraries))
    return files


def _lines(names: list[Computed]) -> str:
    lines = list(dict.fromkeys(str(name.line) for name in names))
    return f"line{'s' * (len(lines) > 1)} {', '.join(lines)}"


def counts_frames(options: Options) -> bool:
    """Whether a scene uses the number of its frame."""
    found = _Search(options, options.scene, ())
    found.follow(options.scene)
    return any("frame_number" in source.words for source in found.own)


class _Search:
    """Follows references from file to file."""

    def __init__(self, options: Options, path: Path, installed: tuple[Path, ...]) -> None:
        self._path = path
        self._folder = options.scene.parent
        self._folders, self._beside = (options.folder, *options.libraries), options.beside
        self._installed = installed
        self.named: dict[str, Path] = {}
        self.own: list[Source] = []
        self.libraries: list[Source] = []
        self.missing: list[str] = []
        self.relocated: dict[Path, list[FileName]] = {}
        for file in dict.fromkeys((path, options.scene, *options.inis)):
            if not file.is_file():
                self.missing.append(file.name)
            else:
                self.named[self._relative_name(file)] = file

    def follow(self, scene: Path) -> None:
        """Follow the scene's own references, and those of what it includes."""
        waiting = [(scene, False)] if scene.is_file() else []
        seen = {scene}
        while waiting:
            path, library = waiting.pop()
            source = read(path)
            (self.libraries if library else self.own).append(source)
            for target, is_library in self._targets(source, path, library=library):
                if target not in seen:
                    seen.add(target)
                    if target.suffix.lower() in _SOURCES:
                        waiting.append((target, is_library))

    def _targets(self, source: Source, path: Path, *, library: bool) -> Iterator[tuple[Path, bool]]:
        for reference in source.references:
            found = self._find(reference)
            if found:
                name, target, is_library = found
                self.named[name] = target
                if not (library or is_library):
                    self._note_relocated(path, reference, target)
                yield target, is_library
            elif reference.certain and reference.kind is not Kind.MAYBE and not library and not self._made(reference):
                self.missing.append(f"{reference.name} (line {reference.line} of {path.name})")

    def _made(self, reference: Reference) -> bool:
        """Whether a file is made by the scene, or comes with the program."""
        written = any(reference.name in source.written for source in self.own)
        return written or (reference.hint == "ttf" and reference.name.lower() in _BUILT_IN)

    def computed_names(self) -> list[Computed]:
        """Return the names that the scene's own sources compute, but for variables that are texts in quotes.

        Where no file is found by such a text as it stands, POV-Ray may still find one by its name and an ending.
        """
        texts: dict[str, list[Reference]] = {}
        for source in self.own:
            for name, references in source.texts.items():
                texts.setdefault(name, []).extend(references)

        def is_known(computed: Computed) -> bool:
            found = texts.get(computed.word, [])
            return bool(found) and (computed.asks or all(self._made(text) or self._find(text) for text in found))

        return [name for source in self.own for name in source.computed if not is_known(name)]

    def find_by_trying(self, files: Files, missing_name: Callable[[Files], str | None]) -> None:
        """Find the files whose names are computed: POV-Ray reads the scene without them, and tells what it misses."""
        if any(word in source.words for source in self.own for word in _SIZE):
            files.untried = "since they may depend on the picture's size"
            return
        if any(map(self._begins_absolute_name, (name for source in self.own for name in source.references))):
            files.untried = "since they may be absolute"
            return
        for _ in range(_MOST_COMPUTED):
            name = missing_name(files)
            if name is None:
                files.untried = "since POV-Ray takes too long to read the scene"
            if not name:
                return
            targets = [found for found in self._candidates(name) if found[1] not in self.named.values()]
            if not targets:
                self.missing.append(f"{name} (a name that the scene computes)")
                return
            key, target, _ = targets[0]
            self.named[key] = target
            if target.suffix.lower() in _SOURCES:
                self.follow(target)
        self.missing.append(f"more than {_MOST_COMPUTED} files whose names the scene computes")

    def _begins_absolute_name(self, reference: Reference) -> bool:
        """Whether a text may be the beginning of an absolute name, which POV-Ray would find without a word."""
        absolute = paths.absolute_of(reference.name) is not None and len(reference.name) > 1  # a slash joins names
        return absolute and reference.kind is Kind.MAYBE and not self._find(reference)

    def _candidates(self, name: str) -> Iterator[tuple[str, Path, bool]]:
        for ending in ("", *(f".{ending}" for kind in _ALL_ENDINGS for ending in (kind, kind.upper()))):
            found = self._find(Reference(name=name + ending, kind=Kind.MAYBE, start=0, line=0, certain=True, hint=""))
            if found:
                yield found

    def _note_relocated(self, source: Path, reference: Reference, target: Path) -> None:
        """Note a name that leads elsewhere here, since the scene was sent or is of another system."""
        names = [reference.name + ending for ending in _endings(reference)]
        folders = (*self._folders, *self._beside)
        if target in (Path(os.path.normpath(folder / name)) for folder in folders for name in names):
            return
        stop = reference.start + len(reference.name)
        self.relocated.setdefault(source, []).append(FileName(start=reference.start, stop=stop, path=target))
        if reference.kind is Kind.MAYBE:  # the scene may write there (#fopen), but not into the tree
            self.relocated.setdefault(target, [])

    def _find(self, reference: Reference) -> tuple[str, Path, bool] | None:
        """Find a file as POV-Ray does; return its name, its path, and whether it is the installation's."""
        endings = _endings(reference)
        for folder in (*self._folders, *self._installed, *self._beside):
            for ending in endings:
                if folder in self._installed:
                    name, path = f"<povray>/{reference.name}{ending}", folder / (reference.name + ending)
                else:
                    path = Path(os.path.normpath(folder / local_path(reference.name + ending, scene=self._path)))
                    name = self._relative_name(path)
                if _is_file(path):
                    return name, path, folder in self._installed
        return None

    def _relative_name(self, path: Path) -> str:
        return name_beside(path, self._folder)


def _endings(reference: Reference) -> tuple[str, ...]:
    """Return the endings that POV-Ray tries to append to a name."""
    if reference.kind is Kind.MAYBE:
        return ("",)
    kinds = ("inc",) if reference.kind is Kind.SOURCE else _ENDINGS.get(reference.hint, _UNNAMED_ENDINGS)
    return ("", *(f".{ending}" for kind in kinds for ending in (kind, kind.upper())))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a string that can't be a name
        return False


def _used_words(words: Iterable[str], libraries: list[Source]) -> set[str]:
    """Return these words and those of all declarations in libraries that they use, directly or not."""
    declared: dict[str, set[str]] = {}
    for library in libraries:
        for name, words_of_it in library.declared.items():
            if name:
                declared.setdefault(name, set()).update(words_of_it)
    reached: set[str] = set()
    waiting = set(words)
    while waiting:
        word = waiting.pop()
        reached.add(word)
        waiting |= declared.get(word, set()) - reached
    return reached


def check_parameters(files: Files, parameters: Mapping[str, str], path: Path) -> None:
    """Raise `SceneError` for parameters that the scene doesn't have or that can't be declared."""
    words = {word for source in files.sources for word in source.words}
    for name, value in parameters.items():
        try:
            float(value)
        except ValueError:
            raise SceneError(
                reason=f"The parameter {name} is {value!r}: POV-Ray accepts only numbers.",
                remedy="Give a number.",
                scene=str(path),
            ) from None
        if name != "clock" and name not in words:
            raise SceneError(
                reason=f"{path.name} has no parameter {name}.",
                remedy="Correct the name, or use it in the scene: #ifndef (name) #declare name = 1; #end.",
                scene=str(path),
            )
