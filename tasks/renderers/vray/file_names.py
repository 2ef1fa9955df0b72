"""Names of files in a ``.vrscene``, which may stand for many files: tiles, and one a frame."""

from __future__ import annotations

import glob
import ntpath
import os
import re
from pathlib import Path

from system import paths
from tasks.renderers.sent_scenes import local_path

UNCHECKED = re.compile(r"^\w{2,}://|\$\(|\$\{|\$\w|%[A-Za-z]\w*%")
"""Addresses, and names with a variable of the node."""
_TAG = re.compile(r"<frame(?P<width>\d*)>|(?P<tag><\w+>|#{2,}|%0?\d*d)", re.IGNORECASE)


def is_pattern(name: str) -> bool:
    """Whether a name stands for many files."""
    return _TAG.search(name) is not None


def name_at(name: str, frame: int) -> str:
    """Return a name with the frame's number in place of its tag."""
    return _TAG.sub(lambda tag: tag[0] if tag["tag"] else _number(tag, frame), name)


def local_path_of(name: str, *, scene: Path) -> str:
    """Return where a name leads on this machine, as `local_path` does; of a pattern, its folder is looked up."""
    if not is_pattern(name):
        return local_path(name, scene=scene)
    folder, last = ntpath.split(name)  # by either slash
    return f"{local}/{last}" if folder and (local := local_path(folder, scene=scene)) != folder else name


def named_files(folder: Path, name: str, frame: int, *, all_frames: bool) -> list[Path]:
    """Return the files that a name stands for in a frame; none if they don't exist.

    Parameters
    ----------
    folder
        What a relative name is relative to.
    all_frames
        Whether the frame may use the file of another one, as where a sequence is shifted.
    """
    if (folder / name).is_file():
        return [Path(os.path.normpath(folder / name))]
    if paths.is_foreign(name):
        return []
    for each in [name] if os.sep == "\\" or "\\" not in name else [name, name.replace("\\", "/")]:
        path = os.path.normpath(folder / each)
        found = _matching(path, frame, all_frames=all_frames) if is_pattern(each) else [path]
        if files := [Path(file) for file in found if Path(file).is_file()]:
            return files
    return []


def _number(tag: re.Match[str], frame: int) -> str:
    return f"{frame:0{int(tag['width'] or 0)}d}"


def _matching(pattern: str, frame: int, *, all_frames: bool) -> list[str]:
    """Return the paths that fit a pattern."""
    wide, exact, end = "", "", 0
    for tag in _TAG.finditer(pattern):
        between, end = pattern[end : tag.start()], tag.end()
        if not tag["tag"]:
            fits = r"-?\d+" if all_frames else re.escape(_number(tag, frame))
        elif tag["tag"].upper() == "<UDIM>":
            fits = r"1\d{3}"
        else:
            fits = r"-?\d+" if tag["tag"][0] in "#%" else r"[^/]+"
        wide, exact = f"{wide}{glob.escape(between)}*", f"{exact}{re.escape(between)}{fits}"
    wide, exact = wide + glob.escape(pattern[end:]), exact + re.escape(pattern[end:])
    return sorted(path for path in glob.glob(wide) if re.fullmatch(exact, path))  # noqa: PTH207 - texts are compared
