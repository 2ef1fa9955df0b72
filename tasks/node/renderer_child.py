"""Runs inside the renderer's process: runs calls, keeps one session open, ends with its parent."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storage.errors import FrontburnerError
from system import paths
from system.machine import NICEST, lower_priority
from system.processes import ask_for_death_signal, contain_children
from tasks.process import resource_usage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.renderers.base import Session
    from tasks.spec import FrameSpec, Pixels, UnitSpec

NICE_VARIABLE = "FRONTBURNER_NODE_NICE"
"""Set where the renderer gives way to everything else on its machine."""

SECRETS = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "PREFECT_API_AUTH_STRING",
    "PREFECT_API_KEY",
    "FRONTBURNER_TOKEN",
)
"""Removed from the environment: a renderer, the programs it runs and a scene's own code have no use for them."""
_ORPHAN_EXIT_CODE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A unit's pixels and what they cost.

    Parameters
    ----------
    load_s
        Seconds of ``wall_s`` that went into opening the scene or moving to its frame.
    wall_s, cpu_s
        Seconds of the whole call, by the clock and by the processor (all threads of the child, and programs it ran).
    peak_memory_bytes
        Most memory the child and a program of its held during this unit, where the system can tell (else since its
        start).
    short_of_memory
        Whether the node had hardly any memory left; filled in by the parent.
    """

    pixels: Pixels
    load_s: float
    wall_s: float
    cpu_s: float
    peak_memory_bytes: int
    build: str
    isa: str
    short_of_memory: bool = False


Outcome = tuple[Any, FrontburnerError | str | None]
"""Of a call: its value, and its error, which is one of ours or the text of another."""

_session: tuple[tuple[str, str, int], Session] | None = None


def render(unit: UnitSpec, threads: int) -> Rendered:
    """Render a unit in this process, keeping the session for the next one."""
    from tasks.renderers import isa
    from tasks.renderers.build_names import used_here

    resource_usage.reset_peak_memory()
    began_s, cpu_began_s = time.perf_counter(), resource_usage.cpu_s()
    session, opened_s = _session_for(unit.frame, threads)
    pixels = session.render(unit)
    return Rendered(
        pixels=pixels,
        load_s=opened_s + session.load_s,
        wall_s=time.perf_counter() - began_s,
        cpu_s=resource_usage.cpu_s() - cpu_began_s,
        peak_memory_bytes=resource_usage.peak_memory_bytes(),
        build=used_here(unit.frame.build),
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


def run_call(table: paths.Table, function: Callable[..., Any], *args: Any) -> Outcome:  # noqa: ANN401 - its own
    """Call a function, with the farm's mappings. Whatever it throws is returned, so that it reaches the node."""
    paths.use_table(lambda: table)
    try:
        return function(*args), None
    except FrontburnerError as error:
        return None, error
    except BaseException as error:  # noqa: BLE001
        traceback.print_exc()
        return None, f"{type(error).__name__}: {error}"


def initialize(log: Path, node: str) -> None:
    """Make this new process a node's renderer, before it imports anything heavy."""
    _end_with_parent()
    _redirect_output(log)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a handler of Python's would wait for native code
    if os.environ.get(NICE_VARIABLE):
        lower_priority(NICEST)
    for name in SECRETS:
        os.environ.pop(name, None)
    numeric = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    os.environ.update(numeric, FRONTBURNER_NODE=node)
    print(f"--- renderer process {os.getpid()} started {time.strftime('%Y-%m-%d %H:%M:%S')}")


def _end_with_parent() -> None:
    """Exit when the parent does, however it ends.

    Watching the parent works everywhere but needs the interpreter to run; the death signal also ends native code.
    """
    ask_for_death_signal()
    contain_children()

    def watch() -> None:
        parent = multiprocessing.parent_process()
        assert parent
        parent.join()
        os._exit(_ORPHAN_EXIT_CODE)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def _redirect_output(log: Path) -> None:
    """Send all output to the log, including that of native code."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout = sys.stderr = log.open("a", buffering=1, encoding="utf-8", errors="backslashreplace")
    for stream in (1, 2):
        os.dup2(sys.stdout.fileno(), stream)
    faulthandler.enable(all_threads=False)  # the lifeline's stack explains nothing
