"""Read POV-Ray's scene language as far as it takes to know which files a scene needs and what it makes use of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.renderers.remapped import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"""(?P<note>//[^\n]*) | (?P<comment>/\*) | "(?P<string>(?:\\.|[^"\\])*)"
      | \#\s*(?P<directive>[a-z]+) | (?P<first>\bmethod\s+1\b) | (?P<word>[A-Za-z_]\w*)""",
    re.VERBOSE,
)
_COMMENT = re.compile(r"/\*|\*/")
_OPENS = {"if", "ifdef", "ifndef", "while", "for", "macro", "switch"}
_NAMES = {"declare", "local", "macro"}
PICTURES = ("png", "jpeg", "tga", "gif", "tiff", "iff", "pgm", "ppm", "sys", "pot", "df3", "exr", "hdr")
_TAKES_A_FILE = {*PICTURES, "image_map", "bump_map", "height_field", "image_pattern", "material_map", "load_file"}

METHOD_1 = "method 1"
"""Stands among the words of a source where a medium asks for its first method of sampling."""


class Kind(Enum):
    """What a text in a scene names."""

    SOURCE = "an include file"
    FILE = "a file"
    PERHAPS = "anything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A text that names a file, or may.

    Parameters
    ----------
    start
        The byte at which it begins in the file it stands in, behind its quote.
    line
        Its line there.
    certain
        Whether it is outside all conditions, loops and macros: POV-Ray will look for it.
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
    """What was read.

    Parameters
    ----------
    words
        All words outside comments and texts.
    declared
        Words of each declaration and macro, by its name.
    """

    references: tuple[Reference, ...]
    words: frozenset[str]
    declared: dict[str, frozenset[str]]


def read(path: Path) -> Source:
    """Read a file; one that hasn't changed is known from before."""
    stat = path.stat()
    return _read(str(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _read(path: str, size: int, modified_ns: int) -> Source:  # noqa: ARG001 - they say whether the content is known
    return parse(text_of(Path(path)))


def parse(text: str) -> Source:
    """Take a source apart."""
    references: list[Reference] = []
    declared: dict[str, set[str]] = {"": set()}
    depth, before, inside, names = 0, "", "", False
    lines, at = 1, 0
    for match in _tokens(text):
        string, directive, word = match["string"], match["directive"], match["word"]
        if string is not None:
            start, hint = match.start("string"), before.lstrip("#")
            lines, at = lines + text.count("\n", at, start), start
            references.append(
                Reference(name=string, kind=_kind(before), start=start, line=lines, certain=depth == 0, hint=hint)
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
    """Yield the tokens that matter, without comments, which may lie inside each other."""
    at = 0
    while match := _TOKEN.search(text, at):
        at = match.end()
        if match["comment"]:
            depth = 1
            while depth and (edge := _COMMENT.search(text, at)):
                depth, at = depth + (1 if edge[0] == "/*" else -1), edge.end()
            if depth:
                return
        elif match["note"] is None:
            yield match


def _kind(before: str) -> Kind:
    if before == "#include":
        return Kind.SOURCE
    return Kind.FILE if before in _TAKES_A_FILE else Kind.PERHAPS
