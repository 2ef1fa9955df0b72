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
_WORD = re.compile(r'(?:[A-Za-z]\w*\s*=|"[^"]*"|[^\s"])+')
_COMMENT = re.compile(r'("[^"]*")|;.*|(?<!\S)#.*')
_INT, _FLOAT = re.compile(r"\s*([+-]?\d+)"), re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
"""Numbers at the beginning of a value; POV-Ray ignores what follows."""
_SWITCHES = {
    "A": "antialias", "AG": "antialias_gamma", "AM": "sampling_method", "B": "buffer_output", "BM": "bounding_method",
    "BP": "render_pattern", "BS": "render_block_size", "C": "continue_trace", "D": "display", "DG": "display_gamma",
    "EC": "end_column", "EF": "subset_end_frame", "EP": "preview_end_size", "ER": "end_row", "F": "output_file_type",
    "FG": "file_gamma", "GA": "all_console", "GD": "debug_console", "GF": "fatal_console", "GI": "create_ini",
    "GR": "render_console", "GS": "statistic_console", "GW": "warning_console", "H": "height", "HI": "include_header",
    "HN": "histogram_name", "HS": "histogram_grid_size", "HT": "histogram_type", "I": "input_file_name", "J": "jitter",
    "K": "clock", "KC": "cyclic_animation", "KF": "final_clock", "KFF": "final_frame", "KFI": "initial_frame",
    "KI": "initial_clock", "L": "library_path", "MB": "bounding", "MI": "max_image_buffer_memory", "MV": "version",
    "O": "output_file_name", "P": "pause_when_done", "Q": "quality", "QR": "radiosity", "R": "antialias_depth",
    "RF": "radiosity_file_name", "RFI": "radiosity_from_file", "RFO": "radiosity_to_file",
    "RVP": "radiosity_vain_pretrace", "SC": "start_column", "SF": "subset_start_frame", "SP": "preview_start_size",
    "SR": "start_row", "ST": "stochastic_seed", "SU": "split_unions", "TH": "dither", "UA": "output_alpha",
    "UD": "draw_vistas", "UF": "field_render", "UL": "light_buffer", "UO": "odd_field", "UR": "remove_bounds",
    "UV": "vista_buffer", "V": "verbose", "W": "width", "WL": "warning_level", "WT": "work_threads", "X": "test_abort",
}  # fmt: skip
_SHORT = re.compile(rf"([+-])({'|'.join(sorted(_SWITCHES, key=len, reverse=True))})(.*)", re.IGNORECASE)
_MAY_HAVE_A_VALUE = {"antialias": "antialias_threshold", "jitter": "jitter_amount", "bounding": "bounding_threshold"}
"""Switches that turn something on or off, and may set another option besides."""
_IGNORED = re.compile(
    r"output_file_name|output_to.*|.*_console|(all|debug|fatal|render|statistics?|warning)_file|display.*|pause.*|"
    r"verbose|video.*|palette|preview.*|work_threads|test_abort.*|continue_trace|create_.*|draw_vistas|compression|"
    r"bits_per_color|buffer.*|histogram.*|warning_level|render_.*|max_image_buffer_memory|.*_return|real_time_raytracing"
)
"""Options that change no pixel, or that Frontburner sets itself: files, the console, threads."""
_PASSED_ON = re.compile(
    r"quality|bounding.*|split_unions|remove_bounds|light_buffer|vista_buffer|version|radiosity|"
    r"radiosity_vain_pretrace|high_reproducibility|bsp_.*"
)
"""Options that are passed on unchanged."""
_REGION = re.compile(r"(start|end)_(column|row)")
_SAID = {
    "file_gamma": "File_Gamma is not used: PNGs are encoded as the job's view says.",
    "output_file_type": "Output_File_Type is not used: the job's formats say which files are written.",
    "radiosity_from_file": "Radiosity_From_File is not used: radiosity is computed anew.",
}
_PART = "The part of the picture that the scene asks for is not used: set region to render a part."
_NOTHING = {"off", "false", "no", "0", ""}
_TRUE = {"on", "true", "yes", "1", "2"}


@dataclass(slots=True, kw_only=True)
class Options:
    """The options of a scene.

    Parameters
    ----------
    scene
        The file in the scene language.
    folder
        Where POV-Ray is run, and looks for files first: the folder of the ``.ini``, or of a scene without one.
    libraries
        Folders it names for include files and pictures.
    beside
        Where files are looked for last: the scene's folder, if POV-Ray is run in another and doesn't look there.
    passed_on
        Options passed on to POV-Ray unchanged.
    declared
        Values it declares.
    unused
        Options that aren't used and may change pixels.
    inis
        Files of options, the first first.
    """

    scene: Path
    folder: Path
    width: int = 800
    height: int = 600
    libraries: list[Path] = field(default_factory=list)
    beside: list[Path] = field(default_factory=list)
    alpha: bool = False
    antialias: bool = False
    depth: int = 3
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
    unused: list[str] = field(default_factory=list)
    inis: list[Path] = field(default_factory=list)

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
        return Options(scene=path, folder=path.parent)
    options = Options(scene=path.with_suffix(".pov"), folder=path.parent)
    _read(options, path)
    if options.scene.parent.absolute() != options.folder.absolute():
        options.beside.append(options.scene.parent)
    if options.antialias:
        options.notes.append(_EVEN_NOTE)
    if options.unused:
        several = len(options.unused) > 1
        named = ", ".join(dict.fromkeys("_".join(map(str.capitalize, name.split("_"))) for name in options.unused))
        options.notes.append(f"The option{'s' * several} {named} {'are' if several else 'is'} not used.")
    options.notes[:] = dict.fromkeys(options.notes)
    return options


def _read(options: Options, path: Path) -> None:
    """Read a file of options, and others that it names."""
    options.inis.append(path)
    try:
        text = path.read_text(encoding="latin-1")
    except OSError as error:
        raise SceneError(
            reason=f"{path.name} can't be read: {error}.", remedy="Check the file.", scene=str(path)
        ) from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("["):
            options.notes.append(f"Sections of {path.name}, from {line.strip()} on, are not used.")
            return
        for name, value in _settings(_COMMENT.sub(lambda found: found[1] or "", line)):
            try:
                _apply(options, name, value, path)
            except ValueError:
                raise SceneError(
                    reason=f"{path.name}, line {number}: {name} can't be {value!r}.",
                    remedy="Correct it.",
                    scene=str(path),
                ) from None


def _settings(line: str) -> list[tuple[str, str]]:
    """Return the settings of one line, by their long names: switches, then an option, whose value is the rest."""
    settings: list[tuple[str, str]] = []
    for word in _WORD.finditer(line):
        if _LONG.match(word[0]):
            return [*settings, *_setting(line[word.start() :])]
        settings += _setting(word[0])
    return settings


def _setting(text: str) -> list[tuple[str, str]]:
    """Return one setting by its long name, or the two of a switch with a value; a file is ``file``."""
    long, short = _LONG.fullmatch(text), _SHORT.fullmatch(text)
    if long:
        return [(long[1].lower(), long[2].strip('"'))]
    if not short:
        return [("file", text.strip('"'))]
    sign, name, value = "on" if short[1] == "+" else "off", _SWITCHES[short[2].upper()], short[3].strip('"')
    if name in _MAY_HAVE_A_VALUE:
        return [(name, sign), *([(_MAY_HAVE_A_VALUE[name], value)] if value else [])]
    return [(name, value or sign)]


def _int(text: str) -> int:
    found = _INT.match(text)
    return int(found[1] if found else text)


def _float(text: str) -> float:
    found = _FLOAT.match(text)
    return float(found[1] if found else text)


def _frame(text: str) -> int:
    """Return the number of a frame: POV-Ray counts from 0."""
    return max(0, _int(text))


def _is_on(text: str) -> bool:
    return text.lower() in _TRUE


_ATTRIBUTES: dict[str, tuple[str, Callable[[str], object]]] = {
    "width": ("width", _int), "height": ("height", _int),
    "antialias": ("antialias", _is_on), "antialias_depth": ("depth", _int),
    "initial_frame": ("initial_frame", _frame), "final_frame": ("final_frame", _frame),
    "subset_start_frame": ("subset_start", _frame), "subset_end_frame": ("subset_end", _frame),
    "initial_clock": ("initial_clock", _float), "final_clock": ("final_clock", _float), "clock": ("clock", _float),
    "cyclic_animation": ("cyclic", _is_on), "output_alpha": ("alpha", _is_on),
}  # fmt: skip
_ADAPTIVE = {"sampling_method", "antialias_threshold", "antialias_gamma", "jitter", "jitter_amount"}
"""Options of the usual anti-aliasing, for which an even grid stands in."""
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
        options.scene = options.folder / local_path(value if Path(value).suffix else f"{value}.pov", scene=ini)
    elif name == "library_path":
        options.libraries.append(options.folder / local_path(value, scene=ini))
    elif name == "declare":
        variable, _, number = value.partition("=")
        options.declared[variable.strip()] = str(_float(number))
    elif name == "file":
        _take_file(options, options.folder / local_path(value, scene=ini))
    elif _PASSED_ON.fullmatch(name):
        options.passed_on[name] = value
    elif value.lower() not in _NOTHING and name not in _ADAPTIVE and not _IGNORED.fullmatch(name):
        _note_unused(options, name, value)


def _note_unused(options: Options, name: str, value: str) -> None:
    """Note an option that isn't used."""
    region = _REGION.fullmatch(name)
    if region:
        place = _float(value)
        if not (place in (0, 1) if region[1] == "start" else place == 1):  # the first pixel, or all of the width
            options.notes.append(_PART)
    elif name in _SAID:
        options.notes.append(_SAID[name])
    else:
        options.unused.append(name)


def _take_file(options: Options, path: Path) -> None:
    """Take a file that is named alone: a scene, or more options."""
    if path.suffix.lower() == ".pov":
        options.scene = path
    elif path.suffix.lower() == ".ini" and path not in options.inis:
        _read(options, path)
    else:
        options.unused.append(path.name)
