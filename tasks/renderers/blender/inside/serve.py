"""Run by an installed Blender: answers questions that come down a pipe until it is closed, or its parent is gone."""

import ctypes
import os
import signal
import sys
import traceback
from multiprocessing.connection import Connection

PR_SET_PDEATHSIG = 1


def main(pipe, parent):
    """Answer until there is nobody to answer."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(3)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from inside.answers import ANSWERS
    from inside.reading import NotThere

    connection = Connection(pipe)
    while True:
        try:
            name, values = connection.recv()
        except EOFError:
            os._exit(0)  # Blender's own end takes seconds
        try:
            answer = (True, ANSWERS[name](**values))
        except NotThere as error:
            answer = (False, {"not_there": str(error)})
        except BaseException as error:
            traceback.print_exc()
            answer = (False, {"error": "%s: %s" % (type(error).__name__, " ".join(str(error).split()))})
        sys.stdout.flush()
        connection.send(answer)


if __name__ == "__main__":
    main(int(sys.argv[-2]), int(sys.argv[-1]))
