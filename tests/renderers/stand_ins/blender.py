"""Takes the place of an installed Blender: serves commands of its own by the code that Blender runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType


class NotFound(Exception):
    """A name that doesn't exist."""


def start(code: str) -> int:
    """Start another program, as Blender's own code may."""
    return subprocess.Popen([sys.executable, "-c", code]).pid


def find(name: str) -> None:
    raise NotFound(f"there is no {name}")


def fail() -> None:
    raise RuntimeError("Error: it can't")


COMMANDS = {"echo": lambda value: value, "pid": os.getpid, "start": start, "find": find, "fail": fail, "end": os._exit}


def main() -> None:
    for name in ("commands", "reading"):
        sys.modules[f"inside.{name}"] = module = ModuleType(name)
        vars(module).update(COMMANDS=COMMANDS, NotFound=NotFound)
    sys.path.insert(0, str(Path(__file__).parents[3] / "tasks" / "renderers" / "blender" / "inside"))
    from serve import main as serve  # type: ignore[import-not-found]

    serve(int(sys.argv[-2]), int(sys.argv[-1]))


if __name__ == "__main__":
    main()
