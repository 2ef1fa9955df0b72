"""Reads the options of a POV-Ray scene: those of its ``.ini`` file, or the defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import SceneError
from tasks.renderers.sent_scenes import local_path
from tasks.spec import Size

if TYPE_CHECKING:
    from collections.abc import Callable

_LONG = re.compile(r"\s*([A-Za-z]\w*)\s*=\s*(.*?)\s*")
_SHORT = re.compile(r"([+-])(KFI|KFF|KI|KF|KC|K|SF|EF|AM|A|J|R|W|H|L|I|UA|Q)(.*)", re.IGNORECASE)
_SETTING = re.compile(r'(?:"[^"]*"|[^\s"])+')
_SEVERAL = re.compile(r"\s(?:[+-][A-Za-z]|\w+=)")
_SHORT_NAMES = {
    "W": "width", "H": "height", "I": "input_file_name", "L": "library_path", "A": "antialias_threshold",
    "AM": "sampling_method", "R": "antialias_depth", "KFI": "initial_frame", "KFF": "final_frame",
    "SF": "subset_start_frame", "EF": "subset_end_frame", "KI": "initial_clock", "KF": "final_clock", "K": "clock",
    "Q": "quality",
}  # fmt: skip
_ON_OFF = {"KC": "cyclic_animation", "UA": "output_alpha"}
_IGNORED = re.compile(
    r"output_file.*|output_to.*|.*_console|.*_file|display.*|pause.*|verbose|video.*|palette|preview.*|work_threads|"
    r"test_abort.*|continue_trace|create_.*|draw_vistas|compression|file_gamma|buffer.*|histogram.*|warning_level|"
    r"(start|end)_(column|row)|render_.*"
)
"""Options that Frontburner sets itself: files, the console, threads and regions."""
_PASSED_ON = re.compile(
    r"quality|bounding.*|split_unions|remove_bounds|light_buffer|vista_buffer|version|radiosity|bsp_.*"
)
"""Options that are passed on unchanged."""
_TRUE = {"on", "true", "yes", "1", "2"}


@dataclass(slots=True, kw_only=True)
class Options:
    """The options of a scene.

    Parameters
    ----------
    scene
        The file in the scene language.
    libraries
        Folders it names for include files and pictures.
    passed_on
        Options passed on to POV-Ray unchanged.
    declared
        Values it declares.
    """

    scene: Path
    width: int = 800
    height: int = 600
    libraries: list[Path] = field(default_factory=list)
    alpha: bool = False
    antialias: bool = False
    depth: int = 3
    adaptive: bool = False
    initial_frame: int = 1
    final_frame: int = 1
    subset_start: int | None = None
    subset_end: int | None = None
    initial_clock: float = 0.0
    final_clock: float = 1.0
    clock: float = 0.0
    cyclic: bool = False
    passed_on: dict[str, str] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> Size:
        """Size of its pictures."""
        return Size(width=self.width, height=self.height)

    @property
    def animated(self) -> bool:
        """Whether it names frames."""
        return self.final_frame > self.initial_frame

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames it names."""
        if not self.animated:
            return ()
        first = self.initial_frame if self.subset_start is None else self.subset_start
        last = self.final_frame if self.subset_end is None else self.subset_end
        return tuple(range(max(first, self.initial_frame), min(last, self.final_frame) + 1))


def options_of(path: Path) -> Options:
    """Read a scene's options: those of an ``.ini``, or the defaults of a ``.pov``.

    Raises
    ------
    SceneError
        When the file can't be read, or the value of an option is invalid.
    """
    if path.suffix.lower() != ".ini":
        return Options(scene=path)
    try:
        text = path.read_text(encoding="latin-1")
    except OSError as error:
        raise SceneError(
            reason=f"{path.name} can't be read: {error}.", remedy="Check the file.", scene=str(path)
        ) from error
    options = Options(scene=path.with_suffix(".pov"))
    for number, line in enumerate(text.splitlines(), 1):
        for name, value in _settings(line.partition(";")[0]):
            if name == "[":
                options.notes.append(f"Sections of {path.name}, from {value} on, are not used.")
                break
            try:
                _apply(options, name, value, path)
            except ValueError:
                raise SceneError(
                    reason=f"{path.name}, line {number}: {name} can't be {value!r}.",
                    remedy="Correct it.",
                    scene=str(path),
                ) from None
        else:
            continue
        break
    if options.antialias and options.adaptive:
        options.notes.append(_EVEN_NOTE)
    return options


def _settings(line: str) -> list[tuple[str, str]]:
    """Return the settings of one line, by their long names."""
    if line.lstrip().startswith("["):
        return [("[", line.strip())]
    long = _LONG.fullmatch(line)
    alone = long and not _SEVERAL.search(long[2])
    return [found for text in ([line] if alone else _SETTING.findall(line)) if (found := _setting(text))]


def _setting(text: str) -> tuple[str, str] | None:
    """Return one setting by its long name; None if it isn't relevant."""
    long, short = _LONG.fullmatch(text), _SHORT.fullmatch(text)
    if long:
        return long[1].lower(), long[2].strip('"')
    if not short:
        return None
    sign, name, value = "on" if short[1] == "+" else "off", short[2].upper(), short[3].strip('"')
    if name in _ON_OFF:
        return _ON_OFF[name], sign
    if name == "A":
        return "antialias", sign
    return (_SHORT_NAMES[name], value) if name in _SHORT_NAMES and value else None


def _is_on(text: str) -> bool:
    return text.lower() in _TRUE


_ATTRIBUTES: dict[str, tuple[str, Callable[[str], object]]] = {
    "width": ("width", int), "height": ("height", int),
    "antialias": ("antialias", _is_on), "antialias_depth": ("depth", int),
    "initial_frame": ("initial_frame", int), "final_frame": ("final_frame", int),
    "subset_start_frame": ("subset_start", int), "subset_end_frame": ("subset_end", int),
    "initial_clock": ("initial_clock", float), "final_clock": ("final_clock", float), "clock": ("clock", float),
    "cyclic_animation": ("cyclic", _is_on), "output_alpha": ("alpha", _is_on),
}  # fmt: skip
_ADAPTIVE = {"sampling_method", "antialias_threshold", "antialias_gamma", "jitter", "jitter_amount"}
_EVEN_NOTE = (
    "Every pixel gets all samples, on an even grid, although the scene asks for more samples at edges only: "
    "regions then fit together exactly."
)


def _apply(options: Options, name: str, value: str, ini: Path) -> None:
    """Apply one setting."""
    if name in _ATTRIBUTES:
        attribute, kind = _ATTRIBUTES[name]
        setattr(options, attribute, kind(value))
    elif name == "input_file_name":
        options.scene = ini.parent / local_path(value if Path(value).suffix else f"{value}.pov", scene=ini)
    elif name == "library_path":
        options.libraries.append(ini.parent / local_path(value, scene=ini))
    elif name == "declare":
        variable, _, number = value.partition("=")
        options.declared[variable.strip()] = str(float(number))
    elif name in _ADAPTIVE:
        options.adaptive = True
    elif _PASSED_ON.fullmatch(name):
        options.passed_on[name] = value
    elif not _IGNORED.fullmatch(name):
        options.notes.append(f"The option {name} is not used.")
