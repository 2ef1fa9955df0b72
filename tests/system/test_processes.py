"""Programs end with what started them, and with all that they have started themselves."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import textwrap

import psutil
import pytest

from system.machine import platform_name
from system.processes import KILLED, end_group, guarded, has_ended, start_group, start_with_parent, wait

TIMEOUT_S = 120
ON_MACOS = platform_name().startswith("macos")
PARENT = """
    import subprocess, sys, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(child.pid, flush=True)
    time.sleep(600)
"""


def with_a_child() -> tuple[subprocess.Popen[bytes], psutil.Process]:
    """Start a program that starts another; returns it, and the other."""
    process = start_group([sys.executable, "-c", textwrap.dedent(PARENT)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    return process, psutil.Process(int(process.stdout.readline()))


def gone(process: psutil.Process) -> bool:
    _, alive = psutil.wait_procs([process], timeout=TIMEOUT_S)
    return not alive


def test_a_group_ends_as_a_whole() -> None:
    process, child = with_a_child()
    with process:
        assert not has_ended(process)
        end_group(process)
        assert wait(process)[0] == KILLED
    assert gone(child)


def test_what_a_guarded_program_leaves_behind_ends_with_it() -> None:
    process, child = with_a_child()
    with process, guarded(process):
        process.kill()
        process.wait()
    assert gone(child)


@pytest.mark.parametrize(
    "start",
    [
        pytest.param("start_group", marks=pytest.mark.skipif(ON_MACOS, reason="there only what is guarded ends")),
        "start_with_parent",
    ],
)
def test_a_program_ends_when_its_parent_is_killed(start: str) -> None:
    starter = f"""
        import sys, time
        from system.processes import {start}
        process = {start}([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"])
        print(process.pid, flush=True)
        time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(starter)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = {line.strip() for line in (parent.stdout.readline(), parent.stdout.readline())} - {b"up"}
        started = psutil.Process(int(pid.pop()))
        parent.kill()
    assert gone(started)


@pytest.mark.skipif(sys.platform != "win32", reason="there are no job objects")
def test_what_a_contained_process_has_started_ends_with_it() -> None:
    contained = "from system.processes import contain_children; contain_children(); contain_children()\n"
    code = contained + textwrap.dedent(PARENT)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        process.kill()
    assert gone(child)


def under_wine() -> bool:
    return sys.platform == "win32" and hasattr(ctypes.windll.ntdll, "wine_get_version")


@pytest.mark.skipif(under_wine(), reason="Wine forgets the memory of a process that has ended")
def test_the_largest_memory_of_a_program_is_told() -> None:
    process = start_with_parent([sys.executable, "-c", "x = b'x' * 200_000_000"])
    code, peak_bytes = wait(process)
    assert code == 0
    assert peak_bytes > 200_000_000
