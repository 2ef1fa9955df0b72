"""The renderer's side of the process border: answers calls, keeps one session open, dies with its parent.

Started by `tasks.process` as ``python -P -m tasks.child``.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.renderers.base import Session
    from tasks.spec import FrameSpec, Pixels, UnitSpec

_PR_SET_PDEATHSIG = 1
_ORPHAN_EXIT_CODE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A unit's pixels and what they took.

    Parameters
    ----------
    load_s
        Seconds of ``wall_s`` that went into opening the scene or moving to its frame.
    wall_s, cpu_s
        Seconds of the whole call, by the clock and by the processor (all threads of the child).
    peak_memory_bytes
        Most memory the child held during this unit, where the system can tell (else since its start).
    """

    pixels: Pixels
    load_s: float
    wall_s: float
    cpu_s: float
    peak_memory_bytes: int
    build: str
    isa: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function to run in the child. It must be importable there."""

    function: Callable[..., Any]
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a call came to: a value, or an error that is one of ours, or the text of one that isn't."""

    value: Any = None
    error: FrontburnerError | None = None
    unexpected: str = ""


_session: tuple[tuple[str, str, int], Session] | None = None


def render(unit: UnitSpec, threads: int) -> Rendered:
    """Render a unit in this process, keeping the session for the next one."""
    from tasks.renderers import isa

    _reset_peak_memory()
    began_s, cpu_began_s = time.perf_counter(), time.process_time()
    session, opened_s = _session_for(unit.frame, threads)
    pixels = session.render(unit)
    return Rendered(
        pixels=pixels,
        load_s=opened_s + session.load_s,
        wall_s=time.perf_counter() - began_s,
        cpu_s=time.process_time() - cpu_began_s,
        peak_memory_bytes=_peak_memory_bytes(),
        build=unit.frame.build,
        isa=isa(),
    )


def _session_for(frame: FrameSpec, threads: int) -> tuple[Session, float]:
    """Return the open session, or a new one and the seconds it took to start."""
    global _session  # noqa: PLW0603 - a process is one session: that is what it exists for
    from tasks.renderers import renderer

    key = (frame.renderer, frame.build, threads)
    if _session is not None and _session[0] == key:
        return _session[1], 0.0
    began_s = time.perf_counter()
    _session = (key, renderer(frame.renderer).open(frame, threads=threads))
    return _session[1], time.perf_counter() - began_s


def _reset_peak_memory() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_memory_bytes() -> int:
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _answer(call: Call) -> Answer:
    try:
        return Answer(value=call.function(*call.args))
    except FrontburnerError as error:
        return Answer(error=error)
    except Exception as error:  # noqa: BLE001 - whatever a renderer throws must reach the node as an answer
        traceback.print_exc()
        return Answer(unexpected=f"{type(error).__name__}: {error}")


def _die_with_parent(parent: int, lifeline: int) -> None:
    """Exit when the parent does, however it ends.

    The lifeline works everywhere but needs the interpreter to run; the death signal also ends native code.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(_ORPHAN_EXIT_CODE)

    def watch() -> None:
        os.read(lifeline, 1)  # nobody writes: this returns at the parent's end
        os._exit(_ORPHAN_EXIT_CODE)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def serve(requests: Connection, answers: Connection) -> None:
    """Answer calls until the parent hangs up."""
    while True:
        try:
            call = requests.recv()
        except EOFError:
            return
        except Exception as error:  # noqa: BLE001 - a call that can't be unpickled here is an answer too
            answers.send(Answer(unexpected=f"{type(error).__name__}: {error}"))
            continue
        answer = _answer(call)
        sys.stdout.flush()
        answers.send(answer)


def main(requests: int, answers: int, lifeline: int, parent: int) -> None:
    """Run the child with these file descriptors."""
    _die_with_parent(parent, lifeline)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    faulthandler.enable()
    print(f"--- renderer process {os.getpid()} started {time.strftime('%Y-%m-%d %H:%M:%S')}", flush=True)
    serve(Connection(requests, writable=False), Connection(answers, readable=False))


if __name__ == "__main__":
    # Functions arrive by their module's name, so this file must be that module and not a second copy of it.
    from tasks.child import main as run

    run(*map(int, sys.argv[1:5]))
