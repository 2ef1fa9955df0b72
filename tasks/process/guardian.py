"""Wait until standard input ends, which it does with whoever holds its other end; then kill a group of processes.

Run as a program, of the standard library's smallest part alone: it is started for every program of a renderer.
"""

from __future__ import annotations

import os
import signal
import sys


def main(group: int) -> None:
    """Wait, and kill."""
    while os.read(0, 1024):
        pass
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        return  # it has ended by itself


if __name__ == "__main__":
    main(int(sys.argv[1]))
