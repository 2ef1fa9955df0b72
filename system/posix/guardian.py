"""Kill a group of processes once standard input closes, which it does when its other end's process ends.

Run as a program for every program of a renderer, so it imports as little of the standard library as possible.
"""

from __future__ import annotations

import os
import signal
import sys

assert sys.platform != "win32"


def main(group: int) -> None:
    """Wait for the end of standard input, then kill the group."""
    while os.read(0, 1024):
        pass
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        return  # it has ended by itself


if __name__ == "__main__":
    main(int(sys.argv[1]))
