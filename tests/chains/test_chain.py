"""Chains: what depends on what, commands that are complete, and what is wrong is named by its stage."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path

import psutil
import pytest

from frontburner.chains.chain import Chain, read_chain
from frontburner.chains.stamps import stamp_of
from frontburner.cli.chain import checked
from frontburner.jobs.job import JobRefused
from tasks.process.user_command import CommandFailed, UserCommand, run
from tests.end_to_end.conftest import until

SHOT = """
stages:
  - {name: proof, after: [render], run: [sh, proof.sh]}
  - {name: render, after: sim, job: {scene: shot.json, samples: 2}}
  - {name: other, job: other.yaml}
  - {name: sim, run: [sh, sim.sh, 3], reads: caches, writes: made.txt}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.yaml").write_text("scene: other.json\nseed: 5")
    (tmp_path / "other.json").write_text("{}")
    return tmp_path


def chain(folder: Path, text: str = SHOT, **given: str) -> Chain:
    path = folder / "shot.yaml"
    path.write_text(text)
    return read_chain(path, given)


def test_stages_come_in_order_and_know_what_comes_after_them(folder: Path) -> None:
    made = chain(folder)
    assert [stage.name for stage in made.in_order()] == ["other", "sim", "render", "proof"]
    assert made.dependent_on("sim") == {"render", "proof"}
    assert made.dependent_on("other") == set()
    assert (made.name, made.folder) == ("shot", str(folder))


def test_jobs_are_read_beside_the_chain_and_take_what_the_command_says(folder: Path) -> None:
    jobs = {stage.name: stage.job for stage in chain(folder, seed="9").stages if stage.job}
    assert jobs["render"].scene == str(folder / "shot.json")
    assert (jobs["render"].samples, jobs["render"].seed) == (2, 9)
    assert (jobs["other"].scene, jobs["other"].seed) == (str(folder / "other.json"), 9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stages: []", "stages: "),
        ("stages: [{name: a, after: b, run: [x]}]", "a: after 'b': no such stage. There are a."),
        ("stages: [{name: a, run: [x]}, {name: a, run: [y]}]", "stages: there are two called 'a'."),
        (
            "stages: [{name: a, after: b, run: [x]}, {name: b, after: a, run: [x]}]",
            "stages: they wait for each other: ",
        ),
        ("stages: [{name: a}]", "a: must have either a job to render or a command to run."),
        ("stages: [{name: a, run: make it}]", "a: run: "),
        ("stages: [{name: a, job: {scene: x.json}, writes: y}]", "a: writes is for a command, and this is a job."),
        ("stages: [{name: a, job: {scene: x.json, samples: few}}]", "a: job: samples: 'few'"),
        ("stages: [{name: a, run: [x], time_limit: soon}]", "a: time_limit: 'soon': is not a span of time."),
        ("stages: [{name: a, run: [x], wirtes: y}]", "a: wirtes: is no field here."),
        ("stages: [{name: a, run: [x]}]\nnmae: b", "nmae: is not a field of a chain. Fields are name, folder, stages."),
    ],
)
def test_what_is_wrong_is_named_by_its_stage(folder: Path, text: str, words: str) -> None:
    with pytest.raises(JobRefused) as refused:
        chain(folder, text)
    assert any(problem.startswith(words) for problem in refused.value.problems), refused.value.problems


@pytest.mark.skipif(shutil.which("sh") is None, reason="the stages' program isn't there")
def test_all_that_can_be_is_checked_before_anything_is_run(folder: Path) -> None:
    text = "stages: [{name: a, run: [no-such-program]}, {name: b, job: {scene: gone.json}}]"
    with pytest.raises(JobRefused) as refused:
        checked(chain(folder, text))
    problems = "\n".join(refused.value.problems)
    assert "a: run: there is no program 'no-such-program' on this machine." in problems
    assert f"b: scene: {folder / 'gone.json'} does not exist" in problems
    made = checked(chain(folder))  # shot.json may be made by sim
    assert all(Path(stage.job.out).is_absolute() for stage in made.stages if stage.job)


def test_a_command_is_complete_until_what_it_reads_changes_or_what_it_writes_is_gone(folder: Path) -> None:
    (sim,) = (stage for stage in chain(folder).stages if stage.name == "sim")
    stamp = stamp_of(chain(folder), sim)
    script, made, caches = folder / "sim.sh", folder / "made.txt", folder / "caches"
    script.write_text("true")
    made.write_text("1")
    caches.mkdir()
    assert not stamp.up_to_date()
    stamp.set()
    assert stamp.up_to_date()
    made.unlink()
    assert not stamp.up_to_date()
    made.write_text("what it makes may differ")
    assert stamp.up_to_date()
    script.write_text("false")
    assert not stamp.up_to_date(), "a file among its arguments counts"
    script.write_text("true")
    assert stamp.up_to_date()
    (caches / "1.vdb").write_text("x")
    assert not stamp.up_to_date(), "and so does all in a folder that it reads"
    stamp.set()
    stamp.clear()
    assert not stamp.up_to_date()
    other = chain(folder, SHOT.replace("sim.sh, 3", "sim.sh, 4"))
    assert stamp_of(other, next(stage for stage in other.stages if stage.name == "sim")).log != stamp.log


def command(folder: Path, *arguments: str, timeout_s: float | None = None) -> UserCommand:
    return UserCommand(arguments=arguments, folder=str(folder), log=str(folder / "logs" / "a.log"), timeout_s=timeout_s)


def test_a_command_s_words_are_kept_and_no_shell_reads_its_arguments(folder: Path) -> None:
    run(command(folder, sys.executable, "-c", "import sys; print(sys.argv[1:], flush=True)", "$HOME; echo", "a b"))
    assert (folder / "logs" / "a.log").read_text().strip() == "['$HOME; echo', 'a b']"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; print('no licence'); sys.exit(3)", "ended with exit code 3. Its last output:\nno licence"),
        pytest.param(
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            "was ended by SIGSEGV. It printed nothing.",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="there are no signals"),
        ),
        ("import time; time.sleep(60)", "took longer than 0.5 s, and was ended. It printed nothing."),
    ],
)
def test_a_command_that_fails_is_told_by_its_cause(folder: Path, code: str, words: str) -> None:
    with pytest.raises(CommandFailed) as failed:
        run(command(folder, sys.executable, "-c", code, timeout_s=0.5 if "sleep" in code else None))
    assert words in str(failed.value)
    assert str(folder / "logs" / "a.log") in failed.value.remedy


def test_a_program_that_isn_t_there_is_told(folder: Path) -> None:
    with pytest.raises(CommandFailed, match=r"houdini can't be started in .*: \S"):
        run(command(folder, "houdini"))


def test_a_command_ends_when_its_chain_is_stopped(folder: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    with pytest.raises(CommandFailed, match="was stopped"):
        run(command(folder, sys.executable, "-c", "import time; time.sleep(600)"), stop)


@pytest.mark.skipif(os.name != "posix", reason="groups of processes")
def test_what_a_command_started_ends_with_it(folder: Path) -> None:
    (folder / "both.sh").write_text("sleep 3000 & echo $! > child; exit 1")
    with pytest.raises(CommandFailed, match="exit code 1"):
        run(command(folder, "sh", "both.sh"))
    child = int((folder / "child").read_text())
    until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
