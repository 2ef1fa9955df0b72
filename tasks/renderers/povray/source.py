"""Reads POV-Ray's scene language as far as needed to find the files and keywords a scene uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.renderers.sent_scenes import read_latin1

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"""(?P<line_comment>//[^\n]*) | (?P<comment>/\*) | "(?P<string>(?:\\.|[^"\\])*)"
      | \#\s*(?P<directive>[a-z]+) | (?P<first>\bmethod\s+1\b) | (?P<word>[A-Za-z_]\w*)""",
    re.VERBOSE,
)
_COMMENT = re.compile(r"/\*|\*/")
_OPENS = {"if", "ifdef", "ifndef", "while", "for", "macro", "switch"}
_NAMES = {"declare", "local", "macro"}
PICTURES = ("png", "jpeg", "tga", "gif", "tiff", "iff", "pgm", "ppm", "sys", "pot", "df3", "exr", "hdr")
_TAKES_A_FILE = {*PICTURES, "image_map", "bump_map", "height_field", "image_pattern", "material_map", "load_file"}

METHOD_1 = "method 1"
"""Added to the words of a source where a medium uses sampling method 1."""


class Kind(Enum):
    """What a string in a scene names."""

    SOURCE = "an include file"
    FILE = "a file"
    MAYBE = "anything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A string that names a file, or may.

    Parameters
    ----------
    start
        Offset of its first byte in its file, after the quote.
    line
        Its line.
    certain
        Whether it is outside all conditions, loops and macros, so that POV-Ray will open it.
    hint
        The word before it, such as ``png``.
    """

    name: str
    kind: Kind
    start: int
    line: int
    certain: bool
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What was read of a file.

    Parameters
    ----------
    words
        All words outside comments and strings.
    declared
        Words of each declaration and macro, by its name.
    """

    references: tuple[Reference, ...]
    words: frozenset[str]
    declared: dict[str, frozenset[str]]


def read(path: Path) -> Source:
    """Read a file, cached while it doesn't change."""
    stat = path.stat()
    return _read(str(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _read(path: str, size: int, modified_ns: int) -> Source:  # noqa: ARG001 - part of the cache's key
    return parse(read_latin1(Path(path)))


def parse(text: str) -> Source:
    """Parse a source."""
    references: list[Reference] = []
    declared: dict[str, set[str]] = {"": set()}
    depth, before, inside, names = 0, "", "", False
    line, offset = 1, 0
    for match in _tokens(text):
        string, directive, word = match["string"], match["directive"], match["word"]
        if string is not None:
            start, hint = match.start("string"), before.lstrip("#")
            line, offset = line + text.count("\n", offset, start), start
            references.append(
                Reference(name=string, kind=_kind(before), start=start, line=line, certain=depth == 0, hint=hint)
            )
        elif directive:
            depth = max(0, depth + (directive in _OPENS) - (directive == "end"))
            names, before = directive in _NAMES, f"#{directive}"
        else:
            before = METHOD_1 if match["first"] else word
            if names:
                inside, names = before, False
                declared.setdefault(inside, set())
            declared[inside].add(before)
    return Source(
        references=tuple(references),
        words=frozenset().union(*declared.values()),
        declared={name: frozenset(words) for name, words in declared.items()},
    )


def _tokens(text: str) -> Iterator[re.Match[str]]:
    """Yield the relevant tokens, without comments, which may be nested."""
    offset = 0
    while match := _TOKEN.search(text, offset):
        offset = match.end()
        if match["comment"]:
            depth = 1
            while depth and (edge := _COMMENT.search(text, offset)):
                depth, offset = depth + (1 if edge[0] == "/*" else -1), edge.end()
            if depth:
                return
        elif match["line_comment"] is None:
            yield match


def _kind(before: str) -> Kind:
    if before == "#include":
        return Kind.SOURCE
    return Kind.FILE if before in _TAKES_A_FILE else Kind.MAYBE
