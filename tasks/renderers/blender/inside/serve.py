"""Run by an installed Blender: answers questions that come down a pipe until it is closed, or its parent is gone."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

PR_SET_PDEATHSIG = 1


def main(pipe: int, parent: int) -> None:
    """Answer until there is nobody to answer."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(3)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    answers, not_there = import_module("inside.answers").ANSWERS, import_module("inside.reading").NotThere
    connection: Connection = Connection(pipe)
    while True:
        try:
            name, values = connection.recv()
        except EOFError:
            os._exit(0)  # Blender's own end takes seconds
        try:
            answer: tuple[bool, object] = (True, answers[name](**values))
        except not_there as error:
            answer = (False, {"not_there": str(error)})
        except BaseException as error:  # noqa: BLE001 - whatever it is must reach who asked
            traceback.print_exc()
            answer = (False, {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"})
        sys.stdout.flush()
        connection.send(answer)


if __name__ == "__main__":
    main(int(sys.argv[-2]), int(sys.argv[-1]))
