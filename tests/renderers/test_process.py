"""A renderer's process: whatever it does, the node goes on, knows why, and leaves nothing behind.

One file over 300 lines: all faults happen in one kind of child process, which is made here.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil
import pytest

from tasks.errors import UnitCancelled, UnitFailed, UnitRecalled
from tasks.node import renderer_child
from tasks.node.renderer_process import Phase, RendererProcess
from tasks.scene.frame_scenes import FrameScene, SceneQuery, inspect_frames
from tasks.spec import Region
from tests.end_to_end.conftest import TIMEOUT_S
from tests.renderers.conftest import Bench, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Bench]:
    bench = start("null", tmp_path / "logs")
    yield bench
    bench.process.stop()


def faulty(own: Bench, folder: Path, **fault: object) -> Bench:
    scene = folder / "scene.json"
    scene.write_text(json.dumps({"faults": [fault] if fault else []}))
    return own.with_(scene)


class Working:
    """A child in the middle of a call, until it is told to go on."""

    def __init__(self, bench: Bench) -> None:
        self._process, self._stack = bench.process, ExitStack()

    def __enter__(self) -> Self:
        listener = self._stack.enter_context(Listener())
        caller = self._stack.enter_context(ThreadPoolExecutor(max_workers=1))
        self._call = caller.submit(self._process.call, hear, listener.address)
        self._line: Any = self._stack.enter_context(listener.accept())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def go_on(self) -> None:
        self._line.send("go on")

    def answer(self) -> int:
        return self._call.result()


def hear(address: str) -> int:
    """Say that the call has begun, and end it when told to."""
    with Client(address) as line:
        line.recv()
    return os.getpid()


@pytest.mark.parametrize(
    ("fault", "says"),
    [("crash", "exit code 1"), ("segfault", "SIGSEGV"), ("error", "RuntimeError: this fault was asked for")],
)
def test_a_failing_child_fails_its_unit_alone(own: Bench, tmp_path: Path, fault: str, says: str) -> None:
    bench = faulty(own, tmp_path, do=fault, times=1)
    with pytest.raises(UnitFailed, match=says) as caught:
        bench.render()
    assert caught.value.node == "test"
    assert caught.value.unit == bench.unit().digest
    assert Path(caught.value.log).exists()
    assert bench.render().sums.shape == (40, 48, 4)


def test_last_words_are_this_units_own(own: Bench, tmp_path: Path) -> None:
    bench = faulty(own, tmp_path, do="error", times=1)
    with pytest.raises(UnitFailed) as caught:
        bench.render()
    assert "this fault was asked for" in caught.value.last_words
    bench = faulty(own, tmp_path, do="segfault")
    with pytest.raises(UnitFailed) as caught:
        bench.render()
    assert "this fault was asked for" not in caught.value.last_words
    assert "Segmentation fault" in caught.value.last_words


def test_a_hanging_child_is_ended_by_the_time_out(own: Bench, tmp_path: Path) -> None:
    bench = faulty(own, tmp_path, do="hang")
    unit = bench.unit()
    object.__setattr__(unit, "timeout_s", 0.5)
    pid = own.process.pid
    assert pid is not None
    with pytest.raises(UnitFailed, match=r"longer than 0\.5 s"):
        own.process.render(unit)
    assert not psutil.pid_exists(pid)


def test_a_cancelled_unit_ends_its_child_at_once(own: Bench, tmp_path: Path) -> None:
    bench = faulty(own, tmp_path, do="hang")
    pid, begun, called_back, errors = own.process.pid, threading.Event(), threading.Event(), []
    assert pid is not None

    def see(phase: Phase, _: float) -> None:
        if phase is Phase.RENDERING:
            begun.set()

    def render() -> None:
        try:
            own.process.render(bench.unit(), cancelled=called_back.is_set, on_progress=see)
        except UnitCancelled as error:
            errors.append(error)

    renders = [threading.Thread(target=render) for _ in range(2)]  # the second waits for its turn
    for thread in renders:
        thread.start()
    begun.wait()
    called_back.set()
    for thread in renders:
        thread.join()
    assert len(errors) == 2
    assert not psutil.pid_exists(pid)


def test_a_recalled_unit_ends_its_child_and_none_is_begun_until_the_machine_is_free(own: Bench, tmp_path: Path) -> None:
    bench = faulty(own, tmp_path, do="hang")
    pid, begun, errors = own.process.pid, threading.Event(), []
    assert pid is not None

    def see(phase: Phase, _: float) -> None:
        if phase is Phase.RENDERING:
            begun.set()

    def render() -> None:
        try:
            own.process.render(bench.unit(), on_progress=see)
        except UnitRecalled as error:
            errors.append(error)

    thread = threading.Thread(target=render)
    thread.start()
    begun.wait()
    own.process.recall("a key or the mouse")
    thread.join()
    assert "given back to its owner: a key or the mouse" in errors[0].reason
    assert not psutil.pid_exists(pid)
    with pytest.raises(UnitRecalled):
        own.process.render(own.unit())
    assert own.process.call(abs, -1) == 1, "what is short goes on"
    own.process.recall("")
    assert own.render().sums.any()


def test_a_renderer_that_takes_more_memory_than_it_may_is_ended_and_smaller_units_may_help(tmp_path: Path) -> None:
    with RendererProcess(node="n", threads=1, logs=tmp_path, memory_bytes=1 << 20) as process:
        with pytest.raises(UnitFailed, match=r"took more than the 0\.0 GiB that it may have on n") as caught:
            process.call(time.sleep, 3600)
        assert caught.value.short_of_memory
        assert process.pid is None


def test_a_machine_that_is_given_back_gets_the_memory_of_an_idle_renderer(own: Bench) -> None:
    assert own.process.call(abs, -1) == 1
    assert own.process.pid is not None
    own.process.recall("a key or the mouse")
    assert own.process.pid is None


def test_stopping_from_another_thread_fails_the_call(own: Bench, tmp_path: Path) -> None:
    with Working(own) as working:
        own.process.stop()
        with pytest.raises(UnitFailed, match="SIGKILL"):
            working.answer()
    assert faulty(own, tmp_path).render().sums.any()


def test_a_child_outlives_the_thread_that_asked_first(tmp_path: Path) -> None:
    process = RendererProcess(node="n", threads=1, logs=tmp_path)
    with process:
        thread = threading.Thread(target=process.call, args=(os.getpid,))
        thread.start()
        thread.join()
        first = process.pid
        assert process.call(os.getpid) == first


def test_a_forgotten_process_leaves_no_child(tmp_path: Path) -> None:
    process = RendererProcess(node="n", threads=1, logs=tmp_path)
    running = psutil.Process(process.call(os.getpid))
    del process
    gone, _ = psutil.wait_procs([running], timeout=TIMEOUT_S)
    assert gone


def multiply() -> tuple[str, int]:
    """Use numpy: what it was told about threads, and the threads it made besides Python's."""
    import numpy as np

    np.ones((300, 300)) @ np.ones((300, 300))
    return os.environ["OMP_NUM_THREADS"], psutil.Process().num_threads() - threading.active_count()


def test_a_child_has_one_thread_for_each_numeric_library(own: Bench) -> None:
    assert own.process.call(multiply) == ("1", 0)


def test_a_call_that_cannot_be_understood_is_an_error(own: Bench) -> None:
    with pytest.raises(UnitFailed, match=r"ModuleNotFoundError|TypeError"):
        own.process.call(int, "x", "y", "z")


def a_lambda() -> object:
    return lambda: None


@pytest.mark.parametrize(
    ("function", "args", "says"),
    [
        (os._exit, (0,), "exit code 0"),
        (sys.exit, (3,), "SystemExit: 3"),
        (a_lambda, (), "pickle|exit code 1"),
    ],
)
def test_whatever_a_call_does_it_fails_alone(
    own: Bench, function: Callable[..., object], args: tuple[int, ...], says: str
) -> None:
    with pytest.raises(UnitFailed, match=says):
        own.process.call(function, *args)
    assert own.process.call(abs, -1) == 1


def test_a_child_that_died_between_two_calls_is_replaced(own: Bench) -> None:
    for _ in range(3):
        assert own.process.call(abs, -1) == 1
        assert own.process._running is not None
        renderer_child = own.process._running.process
        renderer_child.kill()
        while own.process.pid:
            renderer_child.join()


def test_a_waiting_caller_is_called_back_without_harm_to_the_working_one(own: Bench) -> None:
    with Working(own) as working:
        with pytest.raises(UnitCancelled):
            own.process.call(abs, -1, cancelled=lambda: True)
        working.go_on()
        assert working.answer() == own.process.pid


def test_a_child_that_cannot_start_says_why_and_the_next_call_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RendererProcess(node="n", threads=1, logs=tmp_path) as process:
        with monkeypatch.context() as broken:
            broken.setattr(renderer_child, "initialize", refuse)
            with pytest.raises(UnitFailed, match="exit code 1") as caught:
                process.call(abs, -1)
        assert "PermissionError: not today" in caught.value.last_words
        assert process.call(abs, -1) == 1


def refuse(log: Path, node: str) -> None:
    renderer_child.initialize(log, node)
    raise PermissionError("not today")


_PARENT = """
import os, sys, time
from pathlib import Path
from tasks.node.renderer_process import RendererProcess
process = RendererProcess(node="n", threads=1, logs=Path(sys.argv[1]))
print(process.call(os.getpid), flush=True)
process.call(time.sleep, 600)
"""


def test_a_child_dies_with_its_killed_parent(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        running = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
        gone, alive = psutil.wait_procs([running], timeout=TIMEOUT_S)
    assert gone
    assert not alive


def test_mitsuba_uses_as_many_cores_as_it_is_told(tmp_path: Path) -> None:
    bench = start("scalar", tmp_path, threads=1)
    with bench.process:
        bench = bench.with_(samples=32)
        bench.render()
        rendered = bench.process.render(bench.unit())
        assert rendered.cpu_s < 1.2 * rendered.wall_s


def test_a_renderer_that_has_not_enough_memory_says_so(own: Bench, tmp_path: Path) -> None:
    scene = tmp_path / "large.json"
    scene.write_text(json.dumps({"memory_px_bytes": 100_000, "memory_limit_bytes": 120_000_000}))
    bench = own.with_(scene)
    with pytest.raises(UnitFailed, match="MemoryError") as caught:
        bench.render()
    assert caught.value.short_of_memory
    assert "test has too little memory" in str(caught.value)
    half = bench.render(Region(x0=0, y0=0, x1=24, y1=40))
    assert half.sums.shape == (40, 24, 4), "a smaller unit is no trouble"


def test_other_failures_are_not_put_down_to_memory(own: Bench, tmp_path: Path) -> None:
    for fault in ("crash", "segfault", "error"):
        with pytest.raises(UnitFailed) as caught:
            faulty(own, tmp_path, do=fault).render()
        assert not caught.value.short_of_memory


def hold_the_interpreter(address: str) -> None:
    """Be stuck in native code that neither lets Python run nor heeds any signal but the last one."""
    with Client(address) as line:
        line.send("stuck")
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
        ctypes.PyDLL(None).sleep(600)


def test_a_renderer_stuck_in_native_code_is_ended(own: Bench) -> None:
    called_back = threading.Event()
    with Listener() as listener, ThreadPoolExecutor(max_workers=1) as caller:
        call = caller.submit(own.process.call, hold_the_interpreter, listener.address, cancelled=called_back.is_set)
        with listener.accept() as line:
            assert line.recv() == "stuck"
            pid = own.process.pid
            assert pid is not None
            called_back.set()
            with pytest.raises(UnitCancelled):
                call.result()
    assert not psutil.pid_exists(pid)


def test_who_waits_and_who_renders_is_told(own: Bench) -> None:
    told: list[Phase] = []
    seen = threading.Event()

    def witness(phase: Phase, seconds: float) -> None:
        assert seconds >= 0
        told.append(phase)
        seen.set()

    with Working(own) as working, ThreadPoolExecutor(max_workers=1) as caller:
        second = caller.submit(own.process.call, time.sleep, 0.3, on_progress=witness)
        assert seen.wait(TIMEOUT_S)
        assert told[0] is Phase.WAITING
        working.go_on()
        second.result()
    assert told[-1] is Phase.RENDERING


def test_a_full_disk_under_the_log_is_told(small_disk: Path, tmp_path: Path) -> None:
    process = RendererProcess(node="test", threads=1, logs=small_disk)
    with process:
        process.call(abs, -1)
        with suppress(OSError):
            (small_disk / "filler").write_bytes(bytes(1 << 20))
        with pytest.raises(UnitFailed, match=r"The disk of test that holds its log, .*, is full: free some space"):
            process.call(os._exit, 1)
        (small_disk / "filler").unlink()
        assert process.call(abs, -1) == 1


def test_logs_that_were_tidied_away_fail_nothing(tmp_path: Path) -> None:
    with RendererProcess(node="test", threads=1, logs=tmp_path / "logs") as process:
        process.call(abs, -1)
        shutil.rmtree(tmp_path / "logs")
        assert process.call(abs, -1) == 1
        with pytest.raises(UnitFailed):
            process.call(os._exit, 1)
        assert process.call(abs, -1) == 1


@pytest.fixture
def impatient(own: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert own.process.pid is not None, "a busy machine may take longer to start it"
    for name, seconds in (("HANG_TIMEOUT_S", 1.0), ("CHECK_EVERY_S", 0.05), ("BUSY_CPU_S", 0.01)):
        monkeypatch.setattr(f"tasks.process.hang_detection.{name}", seconds)


@pytest.mark.usefixtures("impatient")
def test_a_renderer_that_does_nothing_is_ended_and_says_so(own: Bench, tmp_path: Path) -> None:
    hangs = faulty(own, tmp_path, do="hang")
    with pytest.raises(UnitFailed, match="did nothing for 1 s: it neither computed nor read"):
        hangs.render()
    assert own.process.pid is None


@pytest.mark.usefixtures("impatient")
def test_a_renderer_that_hangs_while_it_opens_a_scene_is_ended_too(own: Bench, tmp_path: Path) -> None:
    scene = tmp_path / "scene.json"
    if sys.platform == "win32":
        pytest.skip("no file keeps its reader waiting")
    os.mkfifo(scene)  # whoever opens it waits for somebody who writes
    query = SceneQuery(renderer="null", build="1 null", frames=(FrameScene(frame=1, path=str(scene)),))
    with pytest.raises(UnitFailed, match="did nothing for 1 s"):
        own.process.call(inspect_frames, query)
    with pytest.raises(UnitFailed, match="did nothing for 2 s"):  # it might only be slow
        own.process.call(inspect_frames, query)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("work", ["toil", "read_slowly"])
def test_a_renderer_that_works_is_left_alone(work: str, own: Bench, tmp_path: Path) -> None:
    # However busy the machine is, it gets more of it than BUSY_CPU_S in so long.
    (tmp_path / "large").write_bytes(bytes(1 << 20))
    assert own.process.call(*((toil, 1.5) if work == "toil" else (read_slowly, tmp_path / "large"))) == "done"


def read_slowly(path: Path) -> str:
    """Read a file as from a slow share: without any processor time to speak of."""
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 17):
            time.sleep(0.25)
    return "done"


def toil(seconds: float) -> str:
    """Use the processor for some time, in a process of its own as external renderers do."""
    program = f"import time; end = time.process_time() + {seconds}\nwhile time.process_time() < end: pass"
    subprocess.run([sys.executable, "-c", program], check=True)
    return "done"


def test_a_scenes_own_code_finds_no_secrets_in_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in renderer_child.SECRETS:
        monkeypatch.setenv(name, "open sesame")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://store")
    bench = start("null", tmp_path / "logs")
    try:
        assert [bench.process.call(os.getenv, name) for name in renderer_child.SECRETS] == [None] * len(
            renderer_child.SECRETS
        )
        assert bench.process.call(os.getenv, "AWS_ENDPOINT_URL") == "https://store"
    finally:
        bench.process.stop()
