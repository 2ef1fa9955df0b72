"""Programs that render: what they say is understood, what they take is counted, and nothing of them is left behind."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Listener
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from tasks.errors import ProgramFailed, SceneError, UnitCancelled, UnitFailed
from tasks.node.renderer_process import RendererProcess
from tasks.process import resource_usage
from tasks.renderers.program.failures import Failure
from tasks.renderers.program.picture import pixels_of
from tasks.renderers.program.run import Program, ProgramOutput, run
from tasks.renderers.program.workspace import remove_abandoned, workspace
from tasks.spec import FrameSpec, Region, SampleRange, Size, UnitSpec
from tests.end_to_end.conftest import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

TABLE = (
    Failure(pattern=r"no map (?P<name>\S+)", cause="The map {name} is missing.", remedy="Put it there.", scene=True),
    Failure(
        pattern=r"licen[cs]e", cause="There is no licence.", remedy="Start the server.", retryable=True, fatal=True
    ),
    Failure(pattern=r"oops", cause="It stumbled.", remedy="Look again."),
)

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="there are no signals: a killed program has a code")


def program(code: str, *, folder: Path, **more: object) -> Program:
    given = {"failures": TABLE, "scene": "a.scene", **more}
    return Program(name="Draw", command=[sys.executable, "-c", code], folder=folder, **given)  # type: ignore[arg-type]


def draw(code: str, folder: Path, **more: object) -> ProgramOutput:
    return run(program(code, folder=folder, **more))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RendererProcess]:
    with RendererProcess(node="test", threads=1, logs=tmp_path / "logs") as process:
        yield process


def test_progress_is_heard_and_stays_out_of_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = draw(r"print('10%\r20%\r30%\nhello\nB')", tmp_path, progress=r"^(\d+)%$", begins="^B$")
    assert told.percent == 30
    assert told.load_s > 0
    heard = capfd.readouterr().out
    assert "hello" in heard
    assert "20%" not in heard.partition("\n")[2]


def test_a_known_failure_is_told_by_its_true_cause(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"The map oak\.png is missing\. Put it there\.") as caught:
        draw("print('oops'); print('no map oak.png'); raise SystemExit(1)", tmp_path)
    assert caught.value.scene == "a.scene"


def test_words_of_failure_in_a_log_of_success_do_no_harm(tmp_path: Path) -> None:
    assert draw("print('oops')", tmp_path).matches


@pytest.mark.parametrize("broken", [r"warning: no\n map oak.png", r"warning: no map oa\nk.png", r"no map o\nak.png\n"])
def test_a_broken_line_is_read_whole(tmp_path: Path, broken: str) -> None:
    columns = len(broken.partition(r"\n")[0])
    with pytest.raises(SceneError, match=r"The map oak\.png is missing"):
        draw(f"print('{broken}'); raise SystemExit(1)", tmp_path, continues=r"^ (?=\S)", columns=columns)


def test_what_will_never_end_is_ended_at_once(tmp_path: Path) -> None:
    with pytest.raises(ProgramFailed, match="There is no licence") as caught:
        draw("import time; print('No LICENSE', flush=True); time.sleep(600)", tmp_path)
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("print('half way'); raise SystemExit(7)", r"ended with exit code 7, and printed last: half way\."),
        pytest.param("import os; os.kill(os.getpid(), 11)", "was ended by SIGSEGV", marks=needs_signals),
        (r"print('40%\nx'); raise SystemExit(2)", "ended with exit code 2 at 40 %"),
    ],
)
def test_an_unknown_failure_is_told_as_it_is(tmp_path: Path, code: str, says: str) -> None:
    with pytest.raises(ProgramFailed, match=says):
        draw(code, tmp_path, progress=r"^(\d+)%$")


def test_a_known_exit_code_is_put_in_words(tmp_path: Path) -> None:
    codes = {8: Failure(pattern="", cause="It has no licence.", remedy="Start the server.", retryable=True)}
    with pytest.raises(ProgramFailed, match=r"It has no licence\. Start the server\."):
        draw("raise SystemExit(8)", tmp_path, codes=codes)


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    absent = Program(name="Draw", command=[str(tmp_path / "draw")], folder=tmp_path, scene="")
    with pytest.raises(ProgramFailed, match=r"Draw can't be started: \S"):
        run(absent)


def test_a_program_that_does_nothing_is_ended_and_what_it_may_wait_for_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.process.hang_detection.CHECK_EVERY_S", 0.05)
    monkeypatch.setattr("tasks.renderers.program.run.POLL_S", 0.05)
    with pytest.raises(ProgramFailed, match=r"Draw did nothing for 1 s\. It may wait for a person\."):
        draw("import time; time.sleep(600)", tmp_path, hang_timeout_s=0.6, hang_explanation="It may wait for a person.")


def test_a_program_reads_no_keyboard(tmp_path: Path) -> None:
    draw("import sys; assert sys.stdin.read() == ''", tmp_path)


def test_what_a_program_leaves_behind_is_ended_and_not_waited_for(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; "
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True)"
    )
    told = draw(code, tmp_path)
    left = int(told.lines[-1])
    with suppress(psutil.NoSuchProcess):
        psutil.Process(left).wait(timeout=TIMEOUT_S)
    assert not psutil.pid_exists(left)


def test_its_processor_time_and_memory_are_counted(own: RendererProcess, tmp_path: Path) -> None:
    cpu_s, peak_bytes = own.call(measured, tmp_path)
    assert cpu_s > 0.4
    assert peak_bytes > 300 << 20


def measured(folder: Path) -> tuple[float, int]:
    resource_usage.reset_peak_memory()
    began_s = resource_usage.cpu_s()
    draw("import time; held = bytearray(300 << 20)\nwhile time.process_time() < 0.5: pass", folder)
    return resource_usage.cpu_s() - began_s, resource_usage.peak_memory_bytes()


_FAMILY = """
import os, subprocess, sys
from multiprocessing.connection import Client
nap = "import time; time.sleep(600)"
grandchild = subprocess.Popen([sys.executable, "-c", nap])
with Client({address!r}) as line:
    line.send((os.getpid(), grandchild.pid))
grandchild.wait()
"""


def family(address: str, folder: Path) -> None:
    draw(_FAMILY.format(address=address), folder)


@pytest.mark.parametrize("ending", ["cancelled", "killed"])
def test_no_process_is_left_whoever_is_ended(own: RendererProcess, tmp_path: Path, ending: str) -> None:
    called_back = threading.Event()
    with Listener() as listener, ThreadPoolExecutor(max_workers=1) as caller:
        call = caller.submit(own.call, family, listener.address, tmp_path, cancelled=called_back.is_set)
        with listener.accept() as line:
            running = [psutil.Process(pid) for pid in line.recv()]
        if ending == "cancelled":
            called_back.set()
            with pytest.raises(UnitCancelled):
                call.result()
        else:
            assert own.pid is not None
            psutil.Process(own.pid).kill()
            with pytest.raises(UnitFailed):
                call.result()
    _, alive = psutil.wait_procs(running, timeout=TIMEOUT_S)
    assert not alive


@needs_signals
def test_a_program_that_is_killed_says_who_and_keeps_its_last_words(own: RendererProcess, tmp_path: Path) -> None:
    code = "import os, signal; print('so far so good', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(UnitFailed, match="Draw was ended by SIGKILL") as caught:
        own.call(draw, code, tmp_path)
    assert "so far so good" in caught.value.last_words
    assert caught.value.node == "test"
    assert caught.value.retryable
    assert own.call(abs, -1) == 1


def test_a_program_that_ran_out_of_memory_says_so(own: RendererProcess, tmp_path: Path) -> None:
    with pytest.raises(UnitFailed) as caught:
        own.call(draw, "print('std::bad_alloc'); raise SystemExit(1)", tmp_path)
    assert caught.value.short_of_memory


FRAME = FrameSpec(
    renderer="draw", build="1", scene="a.scene", scene_digest="", frame=1, size=Size(width=6, height=4), samples=3
)  # fmt: skip
PART = UnitSpec(frame=FRAME, region=Region(x0=1, y0=1, x1=4, y1=3), samples=SampleRange(start=0, stop=3))


def saved(path: Path, pixels: npt.NDArray[np.float32]) -> Path:
    import OpenImageIO as oiio  # noqa: N813

    height, width, channels = pixels.shape
    output = oiio.ImageOutput.create(str(path))
    assert output is not None
    output.open(str(path), oiio.ImageSpec(width, height, channels, "float"))
    output.write_image(np.ascontiguousarray(pixels))
    output.close()
    return path


def picture(width: int = 6, height: int = 4, channels: int = 4) -> npt.NDArray[np.float32]:
    counted = np.arange(width * height * channels, dtype=np.float32).reshape(height, width, channels)
    return counted / np.float32(8)


@pytest.mark.parametrize("crop", [True, False])
def test_a_units_pixels_are_cut_out_and_counted(tmp_path: Path, crop: bool) -> None:
    whole = picture()
    file = saved(tmp_path / "a.exr", whole[1:3, 1:4] if crop else whole)
    sums = pixels_of(file, PART, program="Draw", crop=crop).sums
    np.testing.assert_array_equal(sums, whole[1:3, 1:4] * 3)
    assert sums.flags.c_contiguous


def test_a_picture_without_alpha_is_opaque(tmp_path: Path) -> None:
    for channels in (1, 3):
        sums = pixels_of(
            saved(tmp_path / f"{channels}.exr", picture(channels=channels)), PART, program="Draw", crop=False
        ).sums
        assert sums.shape == (2, 3, 4)
        assert (sums[..., 3] == 3).all()


def test_files_that_cannot_be_the_units_are_refused(tmp_path: Path) -> None:

    def refused(file: Path, unit: UnitSpec = PART) -> None:
        pixels_of(file, unit, program="Draw", crop=True)

    with pytest.raises(ProgramFailed, match="left no picture"):
        refused(tmp_path / "none.exr")
    (tmp_path / "empty.exr").touch()
    with pytest.raises(ProgramFailed, match="left an empty picture"):
        refused(tmp_path / "empty.exr")
    with pytest.raises(ProgramFailed, match=r"6x4 \(the whole frame\) instead of 3x2"):
        refused(saved(tmp_path / "whole.exr", picture()))
    large = replace(FRAME, size=Size(width=300, height=200))
    half = saved(tmp_path / "half.exr", picture(300, 200)).read_bytes()
    (tmp_path / "half.exr").write_bytes(half[: len(half) // 2])
    with pytest.raises(ProgramFailed, match="can't be read"):
        refused(tmp_path / "half.exr", replace(PART, frame=large, region=large.size.whole))
    spoilt = picture(3, 2)
    spoilt[1, 2] = np.nan
    with pytest.raises(ProgramFailed, match=r"1 pixel that is infinite or not a number, the first at 3,2"):
        refused(saved(tmp_path / "nan.exr", spoilt))


def test_folders_of_killed_processes_are_tidied_away(
    own: RendererProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with workspace() as mine:
        gone = psutil.Popen([sys.executable, "-c", ""])
        gone.wait()
        theirs = mine.with_name(f"frontburner-unit-{gone.pid}-abc")
        theirs.mkdir()
        remove_abandoned()
        assert mine.is_dir()
        assert not theirs.exists()
        assert f"-{os.getpid()}-" in mine.name
    assert not mine.exists()
