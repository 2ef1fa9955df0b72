"""Reads V-Ray's scene language: the plugins of a ``.vrscene`` and what they say of files, settings and cameras."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.renderers.source_texts import reader_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_COMMENT = r"//[^\n]*+|/\*(?s:.*?)\*/"
_SPACE = rf"(?:\s|{_COMMENT})*+"
_STRING = r'"(?:\\"|[^"])*+"'
"""A backslash escapes only quotes: paths of Windows have single ones."""
_NEXT = re.compile(
    rf"""{_SPACE}(?:
      \#include\s+"(?P<include>[^"\n]+)"
    | (?P<type>\w+)\s+(?P<name>[^\s{{}}";=]+)\s*\{{
    | (?P<end>\}})
    | (?P<key>\w+){_SPACE}={_SPACE}(?P<value>
          "[^"\n]*"(?=\s*;)(?<!\\")                  # nearly all texts
        | (?:[^"/;]++|{_STRING}|{_COMMENT}|/)*+
      )\s*;
    | {_STRING} | (?s:.)
    )""",
    re.VERBOSE,
)
_PATH = re.compile(r'\s*(?P<key>\w*(?:file|path|dir)\w*)\s*=\s*(?P<value>"[^"\n]*\\")\s*;', re.IGNORECASE)
"""A folder whose name ends with a backslash, which escapes no quote."""
_TEXTS = re.compile(rf"(?P<text>{_STRING})|{_COMMENT}")
_FRAME_BEFORE = re.compile(r"\(\s*(-?\d+(?:\.\d*)?)\s*,\s*$")
_NUMBER = r"-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?"
_PAIR = re.compile(rf"\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\)")
_KEPT = re.compile(r"Settings\w+|RenderView|Camera\w+|RenderChannel\w+|BRDFSSS2Complex")
_NAMES_FILES = re.compile(r"(?:\w*_)?(?:file(?:s|_?names?|_?paths?)?|paths?)|frame_\w+", re.IGNORECASE)
_LONG = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text between quotes.

    Parameters
    ----------
    start, stop
        Its range of bytes in its file, without quotes.
    frame
        The frame it is for, where the parameter is animated.
    """

    text: str
    start: int
    stop: int
    frame: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a plugin: its value as it is written, and the texts in it."""

    value: str
    texts: tuple[Text, ...]

    def then(self, other: Parameter) -> Parameter:
        """Return what a later value makes of it: keys are added, anything else is replaced."""
        if self._is_animated and other._is_animated:
            return Parameter(value=self.value + other.value, texts=self.texts + other.texts)
        return other

    @property
    def _is_animated(self) -> bool:
        return self.value.startswith("interpolate")

    def at(self, frame: int) -> tuple[Text, ...]:
        """Return the texts it may have in a frame: of an animated one the frame's own, or those around it."""
        frames = sorted({text.frame for text in self.texts if text.frame is not None})
        if not frames:
            return self.texts
        before, after = ([f for f in frames if f <= frame][-1:], [f for f in frames if f >= frame][:1])
        return tuple(text for text in self.texts if text.frame in (*before, *after))

    def number(self, frame: int) -> float | None:
        """Return its number in a frame; None if it has none."""
        if re.fullmatch(_NUMBER, self.value):
            return float(self.value)
        points = sorted((float(at), float(value)) for at, value in _PAIR.findall(self.value))
        if not points or not self._is_animated:
            return None
        before = [point for point in points if point[0] <= frame][-1:] or points[:1]
        after = [point for point in points if point[0] >= frame][:1] or points[-1:]
        (start, first), (stop, last) = before[0], after[0]
        return first if start == stop else first + (last - first) * (frame - start) / (stop - start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A plugin, with those of its parameters that matter here.

    Parameters
    ----------
    start
        Where it is first defined: offset of its first byte in its file.
    """

    type: str
    name: str
    start: int
    parameters: dict[str, Parameter]

    def take(self, parameters: Mapping[str, Parameter]) -> None:
        """Take what another definition of it says."""
        for key, parameter in parameters.items():
            self.parameters[key] = self.parameters[key].then(parameter) if key in self.parameters else parameter

    def number(self, key: str, frame: int, default: float) -> float:
        """Return a number it has in a frame."""
        found = self.parameters[key].number(frame) if key in self.parameters else None
        return default if found is None else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What was read of a file."""

    includes: tuple[Text, ...]
    plugins: tuple[Plugin, ...]


def parse(text: str) -> Source:
    """Parse a source."""
    includes: list[Text] = []
    plugins: dict[tuple[str, str], Plugin] = {}
    inside: Plugin | None = None
    for match in _tokens(text):
        found = match.groupdict()
        if found.get("include"):
            start, stop = match.span("include")
            includes.append(Text(text=decode(match["include"]), start=start, stop=stop))
        elif found.get("type"):
            kind, name = match["type"], match["name"]
            new = Plugin(type=kind, name=name, start=match.start("type"), parameters={})
            inside = plugins.setdefault((kind, name), new)
        elif found.get("end"):
            inside = None
        elif found.get("key") and inside is not None and _matters(inside, match):
            parameter = Parameter(value=match["value"].strip(), texts=tuple(_texts(match)))
            inside.take({match["key"]: parameter})
    return Source(includes=tuple(includes), plugins=tuple(plugin for plugin in plugins.values() if plugin.parameters))


def _tokens(text: str) -> Iterator[re.Match[str]]:
    offset = 0
    while match := _PATH.match(text, offset) or _NEXT.match(text, offset):
        offset = match.end()
        yield match


def _matters(plugin: Plugin, match: re.Match[str]) -> bool:
    if _NAMES_FILES.fullmatch(match["key"]):
        return True
    return bool(_KEPT.fullmatch(plugin.type)) and match.end() - match.start() < _LONG


def _texts(match: re.Match[str]) -> Iterator[Text]:
    value = match["value"]
    for found in _TEXTS.finditer(value):
        if found["text"]:
            before = _FRAME_BEFORE.search(value, 0, found.start())
            frame = float(before[1]) if before and value.startswith("interpolate") else None
            start, stop = (match.start("value") + place for place in found.span())
            yield Text(text=decode(found["text"][1:-1]), start=start + 1, stop=stop - 1, frame=frame)


def decode(name: str) -> str:
    """Decode a name as UTF-8, else as Latin-1."""
    try:
        return name.encode("latin-1").decode()
    except UnicodeDecodeError:
        return name


read = reader_of(parse)
"""Read a file, cached while it doesn't change."""
