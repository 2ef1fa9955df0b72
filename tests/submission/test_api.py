"""The Python API: jobs are submitted, watched, suspended and resumed; invalid ones are refused at once."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import frontburner
from frontburner import JobRefused, NotCompleted, RenderJob, RunState, find_job, list_jobs, submit
from tests.end_to_end.conftest import TIMEOUT_S, until

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.slow
def test_a_job_is_submitted_suspended_and_resumed(workdir: Path, scene: Callable[..., Path]) -> None:
    path = scene(cost_s=2)
    job = submit(RenderJob(scene=path.name, frames="1-6", out="out"))
    assert job.status().state is RunState.RUNNING, "at once, and ever after"
    with pytest.raises(TimeoutError, match="It goes on"):
        job.wait(timeout_s=0.1)
    until(job.pictures)
    job.suspend()
    assert job.status().state is RunState.SUSPENDED
    with pytest.raises(NotCompleted, match=r"suspended\. To continue: frontburner job resume") as ended:
        job.wait()
    assert ended.value.state is RunState.SUSPENDED
    before = set(job.pictures())
    assert before
    scene(cost_s=0)
    (same,) = (each for each in list_jobs() if each.job_id == job.job_id)
    same.resume()
    status = same.wait(timeout_s=TIMEOUT_S)
    assert (status.state, status.fraction, status.frames) == (RunState.COMPLETED, 1.0, 6)
    assert {Path(each).name for each in same.pictures()} == {
        f"ball.000{frame}.{kind}" for frame in range(1, 7) for kind in ("exr", "png")
    }
    assert before < set(same.pictures())
    assert all(Path(each).is_file() for each in same.pictures())
    assert find_job(job.job_id[:-2]).location.job_id == job.job_id


def test_an_invalid_job_is_refused_before_a_process_is_started(workdir: Path) -> None:
    with pytest.raises(JobRefused, match=r"scene: .*gone\.json does not exist"):
        submit(RenderJob(scene="gone.json"))


@pytest.mark.slow
def test_failed_frames_raise_with_a_remedy(workdir: Path, scene: Callable[..., Path]) -> None:
    path = scene("bad.json", faults=[{"do": "error", "frame": 2}])
    job = submit(RenderJob(scene=path.name, frames="1-2", out="out", attempts=1))
    with pytest.raises(NotCompleted, match="frames failed") as failed:
        job.wait(timeout_s=TIMEOUT_S)
    assert failed.value.remedy.endswith(f"frontburner job rerun {job.job_id} --failed")
    assert list(job.status().failed) == [2]


def test_importing_the_package_loads_nothing_heavy_and_its_public_names_are_there() -> None:
    code = (
        "import sys, frontburner, frontburner.settings\n"
        "heavy = {'prefect', 'dask', 'distributed', 'mitsuba'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "from frontburner import *\n"
        "assert callable(submit) and callable(list_jobs)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=TIMEOUT_S)
    with pytest.raises(AttributeError, match="no attribute 'sumbit'"):
        _ = frontburner.sumbit  # type: ignore[attr-defined]


def test_no_subpackage_hides_a_public_name() -> None:
    assert not {module.name for module in pkgutil.iter_modules(frontburner.__path__)} & set(frontburner.__all__)
