"""What people type for a field of a job, and what a job file holds, read as the field's own kind of value."""

from __future__ import annotations

import unicodedata
from typing import TypeVar

T = TypeVar("T")

_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}
"""Control characters, halves of characters, ends of lines and paragraphs."""


def words(value: object) -> object:
    """Take ``exr,png`` for a list, as people type it."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def plain(value: object) -> object:
    """Take a number for its text: JSON has ``"frames": 12`` as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def yes_or_no(value: object) -> object:
    """Take true and false for yes and no."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def number(value: object) -> object:
    """Take text for its number: a job file's values are all text."""
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


def pairs(value: object) -> object:
    """Take ``name=value,other=value`` for a mapping, and numbers for their text."""
    if isinstance(value, str):
        found = [pair.partition("=") for pair in value.split(",") if pair.strip()]
        if not all(name.strip() and equals for name, equals, _ in found):
            raise ValueError("does not read as name=value,name=value.")
        return {name.strip(): text.strip() for name, _, text in found}
    return {name: _text(own) for name, own in value.items()} if isinstance(value, dict) else value


def one_line(value: T) -> T:
    """Refuse text that would mean more than it shows to a program, a log or a file system, also within lists."""
    inner = list(value) if isinstance(value, list | dict) else []
    inner += value.values() if isinstance(value, dict) else []
    for word in inner:
        one_line(word)
    if isinstance(value, str) and any(unicodedata.category(sign) in _UNSEEN for sign in value):
        raise ValueError("holds the end of a line, or another character that can't be seen. Leave it out.")
    return value


def _text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
