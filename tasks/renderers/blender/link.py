"""Calls commands of Blender: in this process, or through a pipe to an installed program that stays up."""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import OpenImageIO

from system import paths
from system.exits import describe_exit
from system.files import temporary_folder
from system.processes import KILLED, passed_on
from tasks.errors import ProgramFailed
from tasks.process import resource_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

MODULE = ""
"""The path that stands for the module `bpy` instead of a program."""
OCIO_VARIABLES = ("OCIO", "BLENDER_OCIO")
"""They would replace Blender's colour configuration, on some nodes and not on others."""
OCIO_IS_SET = any(os.environ.get(name) for name in OCIO_VARIABLES)
_OPTIONS = ("--background", "--factory-startup", "-noaudio", "--python-exit-code", "1", "--python")
_SERVE = Path(__file__).parent / "inside" / "serve.py"
_CHANNEL_LETTERS = ("RGBA", "RGB", "XYZ", "Z")


class BlenderError(Exception):
    """An error of Blender. ``not_found`` says that a name that was asked for doesn't exist."""

    def __init__(self, text: str, *, not_found: bool = False) -> None:
        super().__init__(text)
        self.not_found = not_found


class Link(Protocol):
    """A Blender whose commands can be called."""

    def call(self, command: str, **values: object) -> Any:  # noqa: ANN401 - plain values
        """Call a command and return its result.

        Raises
        ------
        BlenderError
            When the command fails.
        ProgramFailed
            When Blender ends.
        """
        ...


class Module:
    """The ``bpy`` module, in this process. It can't be unloaded, and needs the main thread."""

    def __init__(self) -> None:
        for name in OCIO_VARIABLES:
            os.environ.pop(name, None)
        with _without_stderr():
            from tasks.renderers.blender.inside.commands import COMMANDS
            from tasks.renderers.blender.inside.reading import NotFound
        self._commands, self._not_found = COMMANDS, NotFound

    def call(self, command: str, **values: object) -> Any:  # noqa: ANN401
        """Call a command and return its result."""
        try:
            return self._commands[command](**values)
        except self._not_found as error:
            raise BlenderError(str(error), not_found=True) from error
        except RuntimeError as error:  # what Blender's operators raise
            raise BlenderError(_sentence(str(error))) from error


class Program:
    """An installed Blender that was started for this process, and ends with it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._table: paths.Table = ()
        self._start()

    def call(self, command: str, **values: object) -> Any:  # noqa: ANN401
        """Call a command and return its result. If Blender crashed, the next call starts it again."""
        if self._process.poll() is not None:
            self._start()
        if (table := paths.table()) != self._table:
            self._table = table
            self.call("use_table", table=table)
        try:
            self._connection.send((command, values))
            ok, answer = self._connection.recv()
        except (EOFError, OSError):
            code = self._process.wait()
            raise ProgramFailed(
                reason=f"{self.path} {describe_exit(code)}.",
                remedy="Try it by hand if it happens again.",
                retryable=True,
                killed=code == KILLED,
            ) from None
        if ok:
            return answer
        raise BlenderError(answer.get("not_found") or _sentence(answer["error"]), not_found="not_found" in answer)

    def _start(self) -> None:
        self._table = ()
        self._connection, theirs = multiprocessing.Pipe()
        with theirs, passed_on(theirs) as (number, options):
            self._process = _start_program(self.path, number, options)
        resource_usage.track(self._process)


def _sentence(text: str) -> str:
    """Return Blender's error message without its prefixes, and of a traceback its last line."""
    if "Traceback (most recent call last)" in text:
        *_, last = re.finditer(r"[\w.]*([Ee]rror|Exception): |Traceback", text)
        text = text[last.start() :].partition("Location:")[0] if last[1] else "its importer failed: see the log"
    return " ".join(text.split()).removeprefix("RuntimeError: ").removeprefix("Error: ").rstrip(". ")


@cache
def link(path: str) -> Link:
    """Return the Blender of this process: there is one of each path."""
    return Program(path) if path else Module()


def render_to_array(
    render: Callable[[str], dict[str, Any]], width: int, height: int
) -> tuple[npt.NDArray[np.float32], float]:
    """Have Blender render part of a frame.

    Parameters
    ----------
    render
        Calls the command, with the path of a file it may write.

    Returns
    -------
    tuple
        float32 (H, W, C), means over samples; and the seconds it took to prepare the scene.
    """
    with temporary_folder() as folder:
        file = folder / "unit.exr"
        result = render(str(file))
        if "planes" in result:
            planes = [
                np.frombuffer(data, np.float32).reshape(height, width, channels)[::-1]
                for channels, data in result["planes"]
            ]
        else:
            planes = _read_passes(file, result["names"])
    return np.concatenate(planes, axis=2), result["load_s"]


def _read_passes(file: Path, names: list[str]) -> list[npt.NDArray[np.float32]]:
    """Read passes from a file with several layers."""
    source = OpenImageIO.ImageInput.open(str(file))
    if source is None:
        raise OSError(f"{file.name} can't be read: {OpenImageIO.geterror()}")
    try:
        found = list(source.spec().channelnames)
        pixels = np.asarray(source.read_image(format=OpenImageIO.FLOAT), np.float32)
    finally:
        source.close()
    return [pixels[..., _channel_indices(found, name)] for name in names]


def _channel_indices(found: list[str], name: str) -> list[int]:
    letters = next(each for each in _CHANNEL_LETTERS if f"{name}.{each[-1]}" in found and f"{name}.{each[0]}" in found)
    return [found.index(f"{name}.{letter}") for letter in letters]


def _start_program(path: str, pipe: int, options: dict[str, Any]) -> subprocess.Popen[bytes]:
    left_out = ("PYTHONPATH", "PYTHONHOME", *OCIO_VARIABLES)
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    command = [path, *_OPTIONS, str(_SERVE), "--", str(pipe), str(os.getpid())]
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, **options)


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Suppress what importing ``bpy`` prints: its sound library was built for an older numpy, and isn't needed."""
    stderr = os.dup(2)
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(devnull)
