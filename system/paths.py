r"""Absolute paths of Windows, Linux and macOS, and the table of the folders that all of them see.

A mapping lists the names of one folder: ``P:\``, ``\\nas\projects``, ``/mnt/projects``. A path below one of them means
the same file as that below the others. Names of Windows are compared as Windows does: any case, both slashes.

Loaded by Blender's own Python, too: it needs nothing but the standard library.
"""

from __future__ import annotations

import ntpath
import os
import posixpath
import re
import sys
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Mapping = tuple[str, ...]
Table = tuple[Mapping, ...]

_WINDOWS = sys.platform == "win32"
_DRIVE, _SHARE = re.compile(r"[A-Za-z]:(?=[\\/]|$)"), re.compile(r"\\\\[^\\/?.][^\\/]*[\\/]+[^\\/]+")
_VERBATIM = re.compile(r"[\\/]{2}\?[\\/](?:(UNC)[\\/])?", re.IGNORECASE)
_source: list[Callable[[], Table]] = [tuple]


def use_table(source: Callable[[], Table]) -> None:
    """Have this process take the farm's mappings from here whenever it needs them."""
    _source[0] = source


def table() -> Table:
    """Return the farm's mappings."""
    return _source[0]()


def absolute_of(path: str, *, windows: bool = _WINDOWS) -> PurePath | None:
    """Return an absolute path by the rules of the system that it is of, without ``..``; None if it isn't one.

    Parameters
    ----------
    windows
        Whether ``//server/share`` is a share rather than a folder ``/server/share``, as on Windows.
    """
    if verbatim := _VERBATIM.match(path):
        path = ("\\\\" if verbatim[1] else "") + path[verbatim.end() :]
    if windows and path.startswith("//"):
        path = path.replace("/", "\\")
    if drive := _DRIVE.match(path):
        path = ntpath.normpath(path if len(path) > drive.end() else f"{path}\\")
        return PureWindowsPath(path[0].upper() + path[1:])
    if _SHARE.match(path):
        return PureWindowsPath(ntpath.normpath(path))
    if path.startswith("/"):
        return PurePosixPath(f"/{posixpath.normpath(path).lstrip('/')}")
    return None


def is_foreign(path: str) -> bool:
    """Whether a path is absolute on another system than this."""
    found = absolute_of(path)
    return found is not None and isinstance(found, PureWindowsPath) is not _WINDOWS


def parts_of(path: str) -> tuple[str, ...]:
    r"""Return the parts of an absolute path of any system: ``C:\maps\wood.png`` is C, maps, wood.png.

    A share's are its server and its name. Raises `ValueError` for a relative path.
    """
    found = absolute_of(path)
    if found is None:
        raise ValueError(f"not an absolute path: {path!r}")
    return tuple(part.rstrip(":") for part in re.split(r"[\\/]+", found.drive) if part) + found.parts[1:]


def name_of(path: str) -> PurePath:
    """Return a path by whose rules its name and suffix are found: those of its own system, else this one's."""
    found = absolute_of(path)
    return PurePath(path) if found is None else found


def here(path: str, mappings: Table | None = None) -> str:
    """Return where this system has the file that a path of any system names.

    A path of this system is returned as it is if its folder is there. Else the longest name of a mapped folder counts
    that it is below of: where this system has several names for that folder, the path's own is taken if it is there,
    else the first one that is. A path that isn't below any of them is returned as it is, too.
    """
    found = absolute_of(path)
    native = isinstance(found, PureWindowsPath) is _WINDOWS
    if found is None or (native and _is_there(path)):  # the farm isn't asked for what is plain
        return path
    place = _mapped(found, table() if mappings is None else mappings)
    if place is None:
        return path
    mapping, name = place
    names = [each for each in _pure(mapping) if isinstance(each, PureWindowsPath) is _WINDOWS]
    names.sort(key=lambda each: each != name)
    there = next((each for each in names if Path(each).is_dir()), next(iter(names), None))
    return path if there is None or there == name else str(there / found.relative_to(name))


def canonical(parts: tuple[str, ...], mappings: Table | None = None) -> tuple[str, ...]:
    """Return the parts of a path, by the first name of its mapped folder: equal for all names of a file."""
    mapping, length = _mapping_of(parts, table() if mappings is None else mappings)
    return parts_of(mapping[0]) + parts[length:] if mapping else parts


def are_same(one: str, other: str) -> bool:
    """Whether two paths name the same file, be it by names of several systems, or in another case on Windows."""
    return one == other or _key(one) == _key(other)


def absolute(path: str) -> str:
    """Return a path that a user gave as an absolute one on this system, if it isn't one of another system.

    On Windows, where case doesn't count, it is spelled as on the disk.
    """
    from system.files import on_disk  # Blender has none of what that needs

    if is_foreign(path):
        return here(path)
    return here(str(on_disk(expanded(path).absolute())))


def expanded(path: str) -> Path:
    """Return a path with the user's folder for ``~``, and on Windows with the values of ``%NAME%``."""
    return Path(os.path.expandvars(path) if _WINDOWS else path).expanduser()


def slashed(path: str, folder: Path) -> str:
    r"""Return a relative path as this system writes it: ``maps\wood.png`` with a slash, if that file is there."""
    other = path.replace("\\", "/")
    return other if os.sep == "/" and other != path and (folder / other).exists() else path


def mapping_for(path: str) -> str:
    """Return the command by which a farm would know where a folder of another system is here."""
    found = absolute_of(path)
    assert found is not None, path
    most = 1 if found.drive.startswith("\\\\") else 2 if found.drive else 3
    folder = str(type(found)(*found.parts[: max(1, min(most, len(found.parts) - 1))])).rstrip("\\")
    return f"frontburner farm paths add {_quoted(folder)} {'FOLDER' if _WINDOWS else '/FOLDER'}"


def with_mapping(mappings: Table, names: Iterable[str]) -> Table:
    """Return a table with one more mapping. Raises `ValueError` with a sentence if it can't be one."""
    added: list[str] = []
    known = {_folded(name) for mapping in mappings for name in _pure(mapping)}
    for given in names:
        name = absolute_of(given.strip("'\""))
        if name is None or '"' in given.strip('"'):
            raise ValueError(
                rf"{given} is no absolute path of a folder. Write P: or /mnt/projects or \\server\share, "
                "without a backslash before a quote."
            )
        if _folded(name) in known:
            raise ValueError(f"{name} is in the table already: remove it first.")
        known.add(_folded(name))
        added.append(str(name))
    if len(added) < 2:
        raise ValueError("A mapping has two names of a folder at least, such as P: and /mnt/projects.")
    return (*mappings, tuple(added))


def without_mapping(mappings: Table, name: str) -> Table:
    """Return a table without the mapping that has this name. Raises `ValueError` if there is none."""
    unwanted = absolute_of(name.strip("'\""))
    left = tuple(mapping for mapping in mappings if unwanted not in _pure(mapping))
    if len(left) == len(mappings):
        raise ValueError(f"No mapping has the name {name}.")
    return left


def _is_there(path: str) -> bool:
    """Whether there is the folder of a path, as far as this user may see."""
    return os.path.exists(os.path.dirname(path))  # noqa: PTH110, PTH120 - Path raises PermissionError


def _pure(mapping: Mapping) -> list[PurePath]:
    return [found for name in mapping if (found := absolute_of(name)) is not None]


def _folded(name: PurePath) -> str:
    return str(name).lower() if isinstance(name, PureWindowsPath) else str(name)


def _mapping_of(parts: tuple[str, ...], mappings: Table) -> tuple[Mapping, int]:
    """Return the mapping that has the longest name a path's parts begin with, and how many parts that has."""
    best: tuple[Mapping, int] = ((), 0)
    for mapping in mappings:
        for name in _pure(mapping):
            named = parts_of(str(name))
            begins = parts[: len(named)]
            same = [*map(str.lower, begins)] == [*map(str.lower, named)]
            if len(named) > best[1] and (begins == named or (same and isinstance(name, PureWindowsPath))):
                best = mapping, len(named)
    return best


def _key(path: str) -> tuple[str, ...]:
    """Return what is equal for all names of a file."""
    found = absolute_of(path)
    if found is None:
        return (path,)
    parts, mappings = parts_of(path), table()
    windows = [isinstance(name, PureWindowsPath) for name in (found, *_pure(_mapping_of(parts, mappings)[0]))]
    return tuple(map(str.lower if any(windows) else str, canonical(parts, mappings)))


def _mapped(path: PurePath, mappings: Table) -> tuple[Mapping, PurePath] | None:
    """Return the mapping that has the longest name a path is below of, and that name."""
    found = [
        (len(name.parts), mapping, name)
        for mapping in mappings
        for name in _pure(mapping)
        if type(name) is type(path) and path.is_relative_to(name)
    ]
    return max(found, key=lambda each: each[0])[1:] if found else None


def _quoted(name: str) -> str:
    return f"'{name}'" if "\\" in name or " " in name else name
