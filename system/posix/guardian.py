"""End a group of processes once standard input closes, which it does when its other end's process ends.

Run as a program for every program of a renderer, so it imports as little of the standard library as possible.
"""

from __future__ import annotations

import os
import select
import sys

assert sys.platform != "win32"


_POLL_S = 1.0


def main(group: int, number: int) -> None:
    """Wait for the end of standard input or of the group, whichever is first; then send the group a signal."""
    try:
        while not select.select([0], [], [], _POLL_S)[0] or os.read(0, 1024):
            os.killpg(group, 0)
        os.killpg(group, number)
    except OSError:
        return  # it has ended by itself


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
