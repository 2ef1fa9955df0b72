"""What people's terminals and shells want: text they can show, and how variables are set."""

from __future__ import annotations

import os
import shlex
import sys
from io import TextIOWrapper


def prepare_output() -> None:
    """Have this process print what its terminal lacks as a question mark, and all it starts write their logs in UTF-8.

    Windows' consoles and pipes have the letters of one region, often without `→` and `…`.
    """
    if sys.platform != "win32":
        return
    os.environ.setdefault("PYTHONUTF8", "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a program without console has none
            stream.reconfigure(errors="replace")


def set_variable(name: str, value: str) -> str:
    """Return the line that sets an environment variable in this system's shell; in Windows' that is PowerShell."""
    if sys.platform == "win32":
        return f"$env:{name} = '{value.replace(chr(39), chr(39) * 2)}'"
    return f"export {name}={shlex.quote(value)}"
