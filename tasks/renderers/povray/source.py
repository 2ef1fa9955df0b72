"""Reads POV-Ray's scene language as far as needed to find the files and keywords a scene uses."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from tasks.renderers.source_texts import reader_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"""(?P<line_comment>//[^\n]*) | (?P<comment>/\*) | "(?P<string>(?:\\.|[^"\\])*)"
      | \#\s*(?P<directive>[a-z]+) | (?P<first>\bmethod\s+1\b) | (?P<word>[A-Za-z_]\w*)""",
    re.VERBOSE,
)
_COMMENT = re.compile(r"/\*|\*/")
_OPENS = {"if", "ifdef", "ifndef", "while", "for", "macro", "switch"}
_NAMES = {"#declare", "#local", "#macro"}
_DECLARES = {"#declare", "#local"}
_WRITES = {"write", "append"}
_WRITES_HERE = re.compile(r"[^\n]*\b(?:write|append)\b")
_COMPUTES = {"concat", "str", "strlwr", "strupr", "substr", "vstr", "chr", "datetime"}
"""Functions that return a text."""
PICTURES = ("png", "jpeg", "tga", "gif", "tiff", "iff", "pgm", "ppm", "sys", "pot", "df3", "exr", "hdr")
_TAKES_A_FILE = {
    *PICTURES, "image_map", "bump_map", "height_field", "image_pattern", "material_map", "load_file", "ttf",
}  # fmt: skip
_OPENS_A_FILE = {*PICTURES, "load_file", "ttf", "#include"}
_TAKES_A_NAME = {*_OPENS_A_FILE, "file_exists"}
"""What is followed by a file's name, and by nothing else."""

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
class Computed:
    """A name of a file that isn't in quotes.

    Parameters
    ----------
    word
        Its first word: a function such as ``concat``, or a variable.
    line
        Its line.
    asks
        Whether only its existence is asked for.
    """

    word: str
    line: int
    asks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What was read of a file.

    Parameters
    ----------
    words
        All words outside comments and strings.
    declared
        Words of each declaration and macro, by its name.
    computed
        Words that stand where the name of a file is expected, with their lines, and whether only its existence counts.
    texts
        Names that are declared as texts in quotes, and only so, with these texts.
    written
        Files that the scene writes.
    """

    references: tuple[Reference, ...]
    words: frozenset[str]
    declared: dict[str, frozenset[str]]
    computed: tuple[Computed, ...]
    texts: dict[str, tuple[Reference, ...]]
    written: frozenset[str]


def parse(text: str) -> Source:
    """Parse a source."""
    parser = _Parser(text)
    for match in _tokens(text):
        parser.take(match)
    return parser.source()


class _Parser:
    """Takes the tokens of a source, one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._references: list[Reference] = []
        self._declared: dict[str, set[str]] = {"": set()}
        self._computed: list[Computed] = []
        self._texts: dict[str, list[int | None]] = {}
        """Of each declared name, which references it is declared as; None where it is no text."""
        self._opened: list[tuple[str, str, bool]] = []
        """Words where a file's name is expected, with the words before them, and whether POV-Ray will get there."""
        self._written_names: set[str] = set()
        self._written: set[str] = set()
        self._depth = 0
        self._before = ["", "", ""]
        """The tokens before, the last one last."""
        self._inside = ""
        self._line, self._offset = 1, 0

    def take(self, match: re.Match[str]) -> None:
        """Take a token."""
        if match["string"] is not None:
            self._take_text(match)
            read = '"'
        elif match["directive"]:
            read = f"#{match['directive']}"
            self._depth = max(0, self._depth + (match["directive"] in _OPENS) - (match["directive"] == "end"))
        else:
            read = METHOD_1 if match["first"] else match["word"]
            self._take_word(read, match.start())
        if self._before[-2] in _DECLARES:  # the name that is declared, and how
            name = self._before[-1]
            self._texts.setdefault(name, []).append(len(self._references) - 1 if read == '"' else None)
        self._before = [*self._before[1:], read]

    def source(self) -> Source:
        """Return what was read."""
        texts = {
            name: [index for index in indices if index is not None]
            for name, indices in self._texts.items()
            if None not in indices
        }
        self._name_files(texts)
        return Source(
            references=tuple(self._references),
            words=frozenset().union(*self._declared.values()),
            declared={name: frozenset(words) for name, words in self._declared.items()},
            computed=tuple(self._computed),
            texts={name: tuple(self._references[index] for index in indices) for name, indices in texts.items()},
            written=frozenset(self._written),
        )

    def _name_files(self, texts: dict[str, list[int]]) -> None:
        """Have texts name files where their variables do: then POV-Ray appends endings."""
        for word, before, certain in self._opened:
            indices = texts.get(word, [])
            for index in indices:
                text = self._references[index]
                if word in self._written_names:
                    self._written.add(text.name)
                    continue
                certain_text = text.certain and certain and len(indices) == 1
                self._references[index] = replace(
                    text, kind=_kind(before), hint=before.lstrip("#"), certain=certain_text
                )

    def _take_text(self, match: re.Match[str]) -> None:
        before, start = self._before[-1], match.start("string")
        self._references.append(
            Reference(
                name=match["string"], kind=_kind(before), start=start, line=self._line_of(start),
                certain=self._depth == 0, hint=before.lstrip("#"),
            )
        )  # fmt: skip

    def _take_word(self, word: str, start: int) -> None:
        before = self._before
        if before[-1] in _NAMES:
            self._inside = word
        self._declared.setdefault(self._inside, set()).add(word)
        if before[-1] == '"' and before[-3] == "#fopen" and word in _WRITES:
            self._written.add(self._references[-1].name)
        elif before[-3] == "#fopen" and word in _WRITES:
            self._written_names.add(before[-1])
        if before[-1] in _OPENS_A_FILE:
            self._opened.append((word, before[-1], self._depth == 0))
        names_a_file = before[-1] in _TAKES_A_NAME or (before[-1] == "image_map" and word in _COMPUTES)
        if names_a_file or (before[-2] == "#fopen" and not _WRITES_HERE.match(self._text, start)):
            self._computed.append(Computed(word=word, line=self._line_of(start), asks=before[-1] == "file_exists"))

    def _line_of(self, start: int) -> int:
        self._line, self._offset = self._line + self._text.count("\n", self._offset, start), start
        return self._line


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


read = reader_of(parse)
"""Read a file, cached while it doesn't change."""
