"""The link to an installed Blender: commands through a pipe, to a stand-in that runs the code Blender runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tasks.errors import ProgramFailed
from tasks.node.renderer_process import RendererProcess
from tasks.renderers.blender import link
from tests.end_to_end.conftest import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVE = Path(__file__).with_name("stand_ins") / "blender.py"
kept: list[link.Program] = []
"""They end when nothing refers to them."""
SLEEPER = "import time; time.sleep(600)"


def started() -> link.Program:
    """Start the stand-in, by this Python."""
    vars(link).update(_OPTIONS=(), _SERVE=SERVE)
    return link.Program(getattr(sys, "_base_executable", sys.executable))


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[link.Program]:
    monkeypatch.setattr(link, "_OPTIONS", ())
    monkeypatch.setattr(link, "_SERVE", SERVE)
    program = started()
    yield program
    program._connection.close()
    assert program._process.wait(TIMEOUT_S) == 0


def test_commands_and_their_errors_pass_through_the_pipe(program: link.Program) -> None:
    large = {"planes": bytes(range(256)) * 4096, "name": "ü"}
    assert program.call("echo", value=large) == large
    with pytest.raises(link.BlenderError, match=r"^it can't$"):
        program.call("fail")
    with pytest.raises(link.BlenderError, match="there is no lamp") as caught:
        program.call("find", name="lamp")
    assert caught.value.not_found
    assert program.call("pid") == program._process.pid


def test_one_that_ends_says_how_and_is_started_again(program: link.Program) -> None:
    program._process.kill()
    program._process.wait()
    assert program.call("echo", value=1) == 1
    with pytest.raises(ProgramFailed, match="ended with exit code 7"):
        program.call("end", status=7)
    assert program.call("echo", value=2) == 2


def serve() -> tuple[int, int]:
    """Start it in a renderer's process; returns its process, and that of a program it has started."""
    kept.append(program := started())
    return program.call("pid"), program.call("start", code=SLEEPER)


@pytest.mark.skipif(sys.platform != "win32", reason="what a killed Blender has started goes on there")
def test_it_ends_with_its_renderers_process_and_so_does_what_it_started(tmp_path: Path) -> None:
    with RendererProcess(node="n", threads=1, logs=tmp_path) as process:
        left = [psutil.Process(pid) for pid in process.call(serve)]
        assert process.pid
        psutil.Process(process.pid).kill()
        _, alive = psutil.wait_procs(left, timeout=TIMEOUT_S)
        assert not alive
