"""Run by an installed Blender: runs commands that come through a pipe until it is closed or its parent ends."""

from __future__ import annotations

import ctypes
import multiprocessing.connection
import os
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import ModuleType

PR_SET_PDEATHSIG = 1


def main(pipe: int, parent: int) -> None:
    """Run commands until the pipe is closed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if sys.platform != "win32" and os.getppid() != parent:  # there, it ends with its parent from the start
        os._exit(3)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    # Of this package Blender's Python sees no more than the modules that need nothing else.
    sys.modules["system"] = ModuleType("system")
    sys.modules["system"].__path__ = [str(Path(__file__).resolve().parents[4] / "system")]
    commands, not_found = import_module("inside.commands").COMMANDS, import_module("inside.reading").NotFound
    # Only Windows has the first of these types.
    ends = multiprocessing.connection
    connection = getattr(ends, "PipeConnection", ends.Connection)(pipe)
    while True:
        try:
            name, values = connection.recv()
        except EOFError:
            os._exit(0)  # Blender's own exit takes seconds
        try:
            answer: tuple[bool, object] = (True, commands[name](**values))
        except not_found as error:
            answer = (False, {"not_found": str(error)})
        except BaseException as error:  # noqa: BLE001 - the caller must get any error
            traceback.print_exc()
            answer = (False, {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"})
        sys.stdout.flush()
        connection.send(answer)


if __name__ == "__main__":
    main(int(sys.argv[-2]), int(sys.argv[-1]))
