"""What nodes print: it is found in the nodes' log, holds no job up, and says why a node can't be started."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from distributed import Client

from frontburner.cluster.log_files import MAX_BYTES
from tests.end_to_end.conftest import TIMEOUT_S, until
from tests.end_to_end.test_sharing import running_farm
from tests.turnstile import Turnstile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.conftest import Studio

PIPE_BYTES = 65_536
LINE = b"a library in the node has something to say\n"
BROKEN = {"DASK_DISTRIBUTED__WORKER__MEMORY__TARGET": "1j"}
"""A part of a node's memory that is no part: Dask takes it, and a worker that is started with it fails."""


def print_on_nodes(scheduler: str, most_bytes: int) -> None:
    """Have every node print so much, to both of its streams."""
    with Client(scheduler, set_as_default=False) as client:
        for stream in (1, 2):
            for _ in range(0, most_bytes, PIPE_BYTES):
                assert client.run(os.write, stream, LINE * (PIPE_BYTES // len(LINE)))


def scheduler_of(studio: Studio) -> str:
    """Address of the scheduler of a command that runs."""
    notes = until(lambda: list((studio.home / "running").glob("*.json")))
    return str(json.loads(notes[0].read_text())["scheduler"])


def printed(studio: Studio) -> int:
    """How often the line is in the nodes' log, and in what was put aside of it."""
    return sum(path.read_bytes().count(LINE) for path in (studio.home / "logs").glob("nodes.log*"))


def test_nodes_print_more_than_a_pipe_holds_that_nobody_reads_and_the_job_ends(
    served: Studio, null_scene: Callable[..., Path]
) -> None:
    scene = null_scene(size="320x180", samples=64, held=True)
    with served.start("render", scene, "--out", served.folder / "out", "--nodes", "2", "--json") as command:
        Turnstile(scene).holds(2)
        print_on_nodes(scheduler_of(served), 4 * PIPE_BYTES)
        Turnstile(scene).open()
        assert command.wait(TIMEOUT_S) == 0
        out, said = command.communicate()
    assert len(json.loads(out)["per_node"]) == 2
    assert LINE.decode() not in said, "it is no news of the job's"
    assert printed(served) == 2 * 2 * 4 * (PIPE_BYTES // len(LINE))


def test_the_log_of_nodes_that_stay_is_put_aside_when_it_is_long(studio: Studio) -> None:
    with running_farm(studio, 2) as scheduler:
        print_on_nodes(scheduler, MAX_BYTES // 3)  # by two nodes, on two streams
        until((studio.home / "logs" / "nodes.log.1").exists)
        print_on_nodes(scheduler, PIPE_BYTES)
    assert (studio.home / "logs" / "nodes.log").stat().st_size < MAX_BYTES
    shown = studio.run("farm", "logs", "nodes", "--last", "20")
    assert LINE.decode() in shown.stdout


def test_why_nodes_cant_be_started_is_told_and_where_their_words_are(
    studio: Studio, null_scene: Callable[..., Path]
) -> None:
    done = studio.run("render", null_scene(size="16x16"), "--out", studio.folder / "out", **BROKEN)
    assert done.returncode == 3
    last = done.stderr.strip().splitlines()
    log = studio.home / "logs" / "nodes.log"
    told = " ".join(" ".join(last).split())
    assert "The nodes can't be started: TypeError" in told
    assert "complex" in told
    assert "Traceback" not in done.stderr
    assert str(log) in done.stderr.replace("\n", "")
    assert "Traceback" in log.read_text()


def test_why_a_node_that_joins_cant_be_started_is_told_once(studio: Studio) -> None:
    with running_farm(studio, 0) as scheduler:
        node = ("node", "start", "--scheduler", scheduler, "--name", "n1")
        with studio.start(*node, **BROKEN) as joining:
            log = studio.home / "logs" / "nodes.log"
            until(lambda: log.exists() and log.read_text().count("Failed to initialize worker") >= 2)
            joining.terminate()
            said = joining.communicate(timeout=TIMEOUT_S)[1]
    assert said.count("The node can't be started: TypeError") == 1, said
    assert str(log) in said
    assert "Traceback" not in said
    assert "The scheduler is gone" not in said
