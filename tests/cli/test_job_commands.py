"""`frontburner job` shows the state of jobs, and its requests reach their runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from frontburner import events as ev
from frontburner.cli import app
from frontburner.control.desired_state import DesiredState, DesiredStateWatch, desired_state_of, priority_of
from frontburner.control.resume import FrameSelection, RerunRequest, select_frames
from frontburner.jobs.job import JobRefused
from frontburner.record.event_writer import EventWriter
from frontburner.record.registry import register
from frontburner.record.snapshot import status_of
from storage.objects import open_store
from tests.end_to_end.conftest import TIMEOUT_S, until
from tests.record.recorded_runs import BLOCK, finished, planned, record, recorded_lines, started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from storage.objects import ObjectStore

    Capture = pytest.CaptureFixture[str]

HERE = {"host": socket.gethostname(), "pid": os.getpid()}
JOB: dict[str, Any] = {"scene": "a.xml", "frames": "1-4", "seed": 2**32 - 1}


def now() -> datetime:
    return datetime.now().astimezone()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The store of job-1, which this machine knows of."""
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    register("job-1", str(tmp_path / "store"))
    return open_store(str(tmp_path / "store"))


def command(*words: str) -> int:
    code = app(["job", *words], result_action="return_value")
    assert isinstance(code, int)
    return code


@contextmanager
def running(store: ObjectStore, awaited: threading.Event | None = None) -> Iterator[list[DesiredState]]:
    """A run of job-1 that says what it does and heeds what is wanted, as one does that renders.

    Suspended, it ends when its last unit does, which is ``awaited``.
    """
    heard: list[DesiredState] = []
    over = threading.Event()

    def run() -> None:
        with (
            EventWriter(store=store, job_id="job-1", run="run-1", now=now, flush_interval_s=0.02) as recorder,
            DesiredStateWatch(store=store, job_id="job-1", every_s=0.02) as watch,
        ):
            recorder.take(started(**HERE, job=JOB))
            recorder.take(planned())
            recorder.take(ev.UnitStarted(at_s=1, node="n1", block=BLOCK))
            begun.set()
            while watch.state is DesiredState.RUN and not over.wait(0.02):
                pass
            heard.append(watch.state)
            if watch.state is DesiredState.SUSPEND:
                recorder.take(ev.JobSuspending(at_s=2, why="its suspension was requested"))
                assert awaited is not None
                awaited.wait(TIMEOUT_S)
            state = ev.RunState.CANCELLED if watch.state is DesiredState.CANCEL else ev.RunState.SUSPENDED
            recorder.take(ev.RunEnded(at_s=3, state=state))

    begun = threading.Event()
    thread = threading.Thread(target=run)
    thread.start()
    assert begun.wait(TIMEOUT_S)
    until(lambda: recorded_lines(store))
    try:
        yield heard
    finally:
        over.set()
        thread.join()


def test_suspend_waits_for_the_end_and_reports_progress(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    awaited = threading.Event()

    def say(sentence: str) -> None:
        said.append(sentence)
        if sentence == "job-1: ending its units, 1 unit in flight":
            awaited.set()

    monkeypatch.setattr("frontburner.cli.job.print_err", say)
    with running(store, awaited) as heard:
        assert command("suspend", "job-1") == 0
    assert heard == [DesiredState.SUSPEND]
    assert awaited.is_set()
    assert said[-1] == "job-1: suspended. To continue: frontburner job resume job-1"


@pytest.mark.parametrize(
    ("words", "wish", "state"),
    [(("suspend", "--now"), DesiredState.SUSPEND_NOW, "suspended"), (("cancel",), DesiredState.CANCEL, "cancelled")],
)
def test_suspend_now_and_cancel_end_a_run_at_once(
    store: ObjectStore, capsys: Capture, words: tuple[str, ...], wish: DesiredState, state: str
) -> None:
    with running(store) as heard:
        assert command(words[0], "job-1", *words[1:]) == 0
    assert heard == [wish]
    assert f"job-1: {state}" in capsys.readouterr().err


def test_a_job_that_is_suspended_can_be_cancelled(store: ObjectStore, capsys: Capture) -> None:
    record(store, "20260101T000000-a", started(**HERE), planned(), ev.RunEnded(at_s=1, state=ev.RunState.SUSPENDED))
    assert command("cancel", "job-1") == 0
    assert status_of(store, "job-1").state is ev.RunState.CANCELLED
    assert command("suspend", "job-1") == 0
    assert "isn't running: cancelled" in capsys.readouterr().err
    assert desired_state_of(store, "job-1") is DesiredState.RUN


def test_a_run_whose_process_is_gone_is_lost_at_once(store: ObjectStore, capsys: Capture) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    record(store, "20260101T000000-a", started(host=HERE["host"], pid=gone.pid), planned(), at=now())
    assert command("show", "job-1", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["state"] == "lost"
    assert "frontburner job resume job-1" in shown["advice"]
    assert command("suspend", "job-1") == 0
    assert "isn't running: lost" in capsys.readouterr().err
    assert command("cancel", "job-1") == 0
    assert status_of(store, "job-1").state is ev.RunState.CANCELLED, "and nothing waits for it any more"


def test_another_machine_s_clock_makes_no_run_lost(store: ObjectStore, capsys: Capture) -> None:
    slow = EventWriter(
        store=store, job_id="job-1", run="run-1", now=lambda: now() - timedelta(hours=1), flush_interval_s=0.02
    )
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(0.1):
            slow.take(planned())

    with slow, ThreadPoolExecutor(max_workers=1) as beside:
        slow.take(started(host="elsewhere"))
        until(lambda: recorded_lines(store))
        beside.submit(go_on)
        try:
            assert command("resume", "job-1") == 0
        finally:
            over.set()
    assert "is running: there is nothing to resume" in capsys.readouterr().err


def test_a_running_job_is_neither_resumed_nor_rerun(store: ObjectStore, capsys: Capture) -> None:
    with running(store):
        assert command("resume", "job-1") == 0
        assert command("rerun", "job-1") == 2
        assert "frontburner job suspend job-1" in capsys.readouterr().err


def test_priority_is_kept_for_the_run(store: ObjectStore, capsys: Capture) -> None:
    assert command("priority", "job-1", "80") == 0
    assert priority_of(store, "job-1") == 80
    assert command("priority", "job-1", "101") == 2
    assert priority_of(store, "job-1") == 80


def test_list_and_show(store: ObjectStore, capsys: Capture) -> None:
    gone = ev.FrameFailed(at_s=2, frame=2, reason="It is broken.", last_words="segmentation fault")
    written = ev.FrameWritten(at_s=2, frame=1, outputs=("a.png",))
    over = ev.RunEnded(at_s=3, state=ev.RunState.FAILED, sentence="1 of 2 frames failed")
    record(store, "run-1", started(**HERE), planned(), finished(50), written, gone, over)
    assert command("list") == 0
    line = capsys.readouterr().out.splitlines()[1].split()
    assert line[:8] == ["job-1", "frames", "failed", "50%", "1", "of", "2,", "1"]
    assert command("show", "job") == 0
    shown = capsys.readouterr().out
    for words in ("It is broken.", "segmentation fault", "frontburner job rerun job-1 --failed", "n1", HERE["host"]):
        assert str(words) in shown
    assert command("list", "--out", store.url, "--json") == 0
    (job,) = json.loads(capsys.readouterr().out)
    assert (job["job_id"], job["progress"], job["failed"]["2"]["reason"]) == ("job-1", 0.5, "It is broken.")


def test_log_filters_events(store: ObjectStore, capsys: Capture) -> None:
    alive = {"at": now().isoformat(), "what": "alive"}
    failed = ev.UnitAttemptFailed(at_s=1, node="n2", block=BLOCK, reason="crash")
    record(store, "run-1", started(**HERE), planned(), finished(10), failed, finished(20))
    store.write("_frontburner/jobs/job-1/events/run-2-000000.jsonl", json.dumps(alive).encode())

    def lines(*words: str) -> list[str]:
        assert command("log", "job-1", *words) == 0
        return capsys.readouterr().out.splitlines()

    assert len(lines()) == 5
    assert len(lines("--json")) == 6
    assert ["n2" in line for line in lines("--node", "n2")] == [True]
    assert len(lines("--frame", "3")) == 3
    assert lines("--frame", "4") == []
    assert lines("--last", "2") == lines()[-2:]
    assert lines("--last", "2", "--node", "n1") == lines("--node", "n1")


def test_log_follows_a_run_to_its_end(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    begun = threading.Event()

    def heard_of(line: str, **to: object) -> None:
        if "file" not in to:
            lines.append(line)
            begun.set()

    def cancel() -> int:
        assert begun.wait(TIMEOUT_S)
        return command("cancel", "job-1")

    monkeypatch.setattr("frontburner.cli.job.print", heard_of, raising=False)
    with running(store) as heard, ThreadPoolExecutor(max_workers=1) as beside:
        cancelled = beside.submit(cancel)
        assert command("log", "job-1", "--follow", "--last", "1", "--json") == 0
        assert cancelled.result() == 0
    assert heard == [DesiredState.CANCEL]
    what = [found for line in lines if (found := json.loads(line)["what"]) != "alive"]
    assert what[0] in {"job planned", "unit started"}
    assert what[-1] == "run ended"
    assert len(set(what)) == len(what), "nothing is told twice"


def test_an_unknown_name_and_a_job_without_a_record(store: ObjectStore, capsys: Capture) -> None:
    assert command("show", "jbo-1") == 2
    assert "Did you mean job-1?" in capsys.readouterr().err
    assert command("resume", "job-1") == 3
    assert "has no job document" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wanted", "choice"),
    [
        (RerunRequest(), FrameSelection()),
        (RerunRequest(missing=True), FrameSelection()),
        (RerunRequest(frames="10-12"), FrameSelection(again="10-12", only="10-12")),
        (RerunRequest(frames="10-12", missing=True), FrameSelection(only="10-12")),
        (RerunRequest(failed=True), FrameSelection(only="2,7")),
        (RerunRequest(failed=True, frames="5-9"), FrameSelection(only="7")),
        (RerunRequest(failed=True, frames="1"), None),
    ],
)
def test_frames_selected_for_a_rerun(store: ObjectStore, wanted: RerunRequest, choice: FrameSelection | None) -> None:
    record(store, "run-1", started(), *(ev.FrameFailed(at_s=1, frame=frame, reason="?") for frame in (7, 2)))
    assert select_frames(wanted, status_of(store, "job-1")) == choice


def test_invalid_frames_are_refused(store: ObjectStore, capsys: Capture) -> None:
    with pytest.raises(JobRefused, match="refused"):
        select_frames(RerunRequest(frames="ten"), status_of(store, "job-1"))
    record(store, "run-1", started(job=JOB), ev.RunEnded(at_s=1, state=ev.RunState.COMPLETED))
    assert command("rerun", "job-1", "--frames", "9-1") == 2
    assert "did you mean 1-9?" in capsys.readouterr().err
