"""Names in a scene's texts that Mitsuba's XML parser opens by itself, found as it finds them.

The parser reads includes, spectra and folders to search (``<path>``) at once. It keeps no record of spectra, nor of
includes that add no object, such as those of ``<default>``s alone.
"""

from __future__ import annotations

import html
import os
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

from system.plain_names import plain, plain_folder
from tasks.renderers.sent_scenes import FileName, local_path, tree_of, write_copies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAX_DEPTH = 15  # of includes in Mitsuba's parser
_TAG = re.compile(r"<!--.*?-->|<(default|include|path|spectrum)\b((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>", re.DOTALL)
_ATTRIBUTE = re.compile(r"([\w:.-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_LATIN1 = re.compile(r"<\?xml[^>]*encoding\s*=\s*[\"'](iso-8859-1|latin1)[\"']", re.IGNORECASE)
_NAMES = {"include": "filename", "spectrum": "filename", "path": "value"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A name that the parser opens.

    Parameters
    ----------
    tag
        ``include``, ``spectrum`` or ``path``.
    text
        The file it is written in.
    start, stop
        Its range of bytes there, without quotes.
    value
        With the values of parameters in place.
    path
        The file or folder on this machine; None if there is none.
    """

    tag: str
    text: Path
    start: int
    stop: int
    value: str
    path: Path | None


def names_in(scene: Path, parameters: Mapping[str, str], search: Sequence[Path]) -> tuple[Name, ...]:
    """Return the names in a scene file and its includes.

    Parameters
    ----------
    search
        Folders in which relative names are searched, before any ``<path>``.
    """
    return tuple(_walk(scene, dict(parameters), list(search), scene, 0))


def _walk(text: Path, values: dict[str, str], search: list[Path], scene: Path, depth: int) -> Iterator[Name]:
    """Yield the names in a text, and in those it includes, in the parser's order; ``values`` grows by defaults."""
    if depth >= MAX_DEPTH:
        return
    content = text.read_bytes().decode("latin-1")  # each character's index is its byte's
    encoding = "latin-1" if _LATIN1.match(content) else "utf-8"
    for tag in _TAG.finditer(content):
        found = {match[1]: match for match in _ATTRIBUTE.finditer(content, *tag.span(2))} if tag[1] else {}
        if tag[1] == "default" and {"name", "value"} <= found.keys():
            values.setdefault(_value(found["name"], values, encoding), _value(found["value"], values, encoding))
        attribute = found.get(_NAMES.get(tag[1] or "", ""))
        if attribute is None:
            continue
        value = _value(attribute, values, encoding)
        path = _find(value, search if tag[1] == "spectrum" else [text.parent, *search], scene)
        if path is not None and path.is_dir() != (tag[1] == "path"):
            path = None
        start, stop = attribute.span(2 if attribute[2] is not None else 3)
        yield Name(tag=tag[1], text=text, start=start, stop=stop, value=value, path=path)
        if path is not None and tag[1] == "include":
            yield from _walk(path, values, [text.parent, *search], scene, depth + 1)
        elif path is not None and tag[1] == "path":
            search.insert(0, path)


def _value(attribute: re.Match[str], values: Mapping[str, str], encoding: str) -> str:
    """Return an attribute's value with parameters in place, the longest names first."""
    raw = attribute[2] if attribute[2] is not None else attribute[3]
    value = html.unescape(raw.encode("latin-1").decode(encoding, errors="surrogateescape"))
    for name in sorted(values, key=len, reverse=True):
        value = values[name].join(re.split(rf"(?<!\\)\${re.escape(name)}", value))
    return value.replace("\\$", "$")


def _find(name: str, search: Sequence[Path], scene: Path) -> Path | None:
    """Return where a name leads."""
    places = (Path(os.path.normpath(folder / local_path(name, scene=scene))) for folder in search)
    return next((place for place in places if place.exists()), None)


class ParserCopies:
    """Copies of a scene's texts for the parser, if it wouldn't find what they name. Deleted at the end.

    Names lead to the submitting machine's folders or are those of another system; and a folder to search may not have
    been sent, since nothing in it is used: an empty one stands for it.
    """

    def __init__(self, scene: Path, names: Sequence[Name]) -> None:
        self._tree = tree_of(scene)
        self._needed = any(
            (name.tag == "path" and self._tree is not None) or local_path(name.value, scene=scene) != name.value
            for name in names
        )
        files = [scene, *(name.path for name in names if name.path is not None and name.tag != "path")]
        self._needed = self._needed or any(plain(path) != path for path in files)
        self._names, self._scene = names, scene
        self._folder: TemporaryDirectory[str] | None = None
        self._copies: dict[Path, Path] = {}

    def __enter__(self) -> Self:
        """Write the copies where they are needed."""
        if not self._needed:
            return self
        self._folder = TemporaryDirectory(dir=plain_folder())
        folder = Path(self._folder.name)
        (empty := folder / "empty").mkdir()
        texts: dict[Path, list[FileName]] = {self._scene: []}
        for name in self._names:
            target = name.path or (empty if name.tag == "path" else None)
            if target is not None:
                target = plain(target) if name.tag == "spectrum" else target
                texts.setdefault(name.text, []).append(FileName(start=name.start, stop=name.stop, path=target))
                if name.tag == "include":
                    texts.setdefault(target, [])
        self._copies = write_copies(texts, tree=self._tree, folder=folder / "texts", name_of=_attribute_value)
        return self

    def of(self, text: Path) -> Path:
        """Return the file to parse for a text."""
        return self._copies.get(text, text)

    def original(self, text: Path) -> Path:
        """Return the text of which this is the copy."""
        return next((original for original, copy in self._copies.items() if copy == text), text)

    def __exit__(self, *_: object) -> None:
        """Delete the copies."""
        if self._folder is not None:
            self._folder.cleanup()


def _attribute_value(path: Path) -> str:
    """Write a path as an attribute's value in any encoding."""
    return html.escape(str(path)).replace("$", "\\$").encode("ascii", "xmlcharrefreplace").decode()
