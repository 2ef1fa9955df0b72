"""Several jobs on one farm, and nodes that come, go and stand aside while jobs run: real commands, real processes."""

from __future__ import annotations

import json
import signal
from collections import Counter
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from storage.images import decode_exr
from tests.end_to_end.conftest import TIMEOUT_S, until
from tests.turnstile import Turnstile

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.end_to_end.conftest import Studio


@contextmanager
def running_farm(studio: Studio, nodes: int, port: int = 0) -> Iterator[str]:
    """A farm of the command's; it must end cleanly."""
    with studio.start("farm", "start", "--nodes", nodes, "--port", port) as farm:
        try:
            assert farm.stdout is not None
            yield farm.stdout.readline().strip().removeprefix("export FRONTBURNER_SCHEDULER=")
        finally:
            farm.send_signal(signal.SIGTERM)
            _, said = farm.communicate(timeout=TIMEOUT_S)
    assert farm.returncode == 0, said
    assert "Task run" not in said, "what steps log is Prefect's, not the terminal's"
    assert "logging" not in said, "nor what can't be sent to it any more"
    assert "prefect" not in said.lower(), said


def nodes(studio: Studio) -> dict[str, dict[str, Any]]:
    """The nodes the command lists, by name."""
    done = studio.run("node", "list", "--json")
    return {node["name"]: node for node in json.loads(done.stdout)} if done.returncode == 0 else {}


def told(studio: Studio, job: str) -> list[dict[str, Any]]:
    """Everything that happened in a job, with moments in seconds."""
    lines = studio.run("job", "log", job, "--json").stdout.splitlines()
    return [{**event, "at_s": datetime.fromisoformat(event["at"]).timestamp()} for event in map(json.loads, lines)]


def ended(job: subprocess.Popen[str]) -> dict[str, Any]:
    out, said = job.communicate(timeout=TIMEOUT_S)
    assert job.returncode == 0, said
    return dict(json.loads(out))


def scene(folder: Path, name: str, **fields: object) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"size": "64x36", "samples": 64, "journal": True} | fields))
    return path


def giving_way(pid: int) -> list[psutil.Process]:
    """What a process started that lets all else on the machine go first."""
    return [child for child in psutil.Process(pid).children(recursive=True) if child.nice() == 19]


def assert_whole(report: dict[str, Any], drawn: Path) -> None:
    """The picture is the whole gradient, and no part of it was drawn twice but what an idle node took over."""
    picture = next(path for path in report["outputs"] if path.endswith(".exr"))
    pixels = decode_exr(Path(picture).read_bytes())[0]
    y, x, c = np.ogrid[:36, :64, :3]
    np.testing.assert_array_equal(pixels[..., :3], ((3 * x + 5 * y + 7 * c + 11) % 256 / 256).astype(np.float32))
    units = Counter(json.loads(line)["unit"] for line in drawn.with_suffix(".journal").read_text().splitlines())
    assert sum(times - 1 for times in units.values()) <= report["taken_over"]


def test_a_more_urgent_job_has_the_nodes_at_the_next_unit_and_both_end_whole(
    studio: Studio, prefect: dict[str, str]
) -> None:
    slow, urgent = (scene(studio.folder, name, cost_s=12, held=True) for name in ("slow", "urgent"))
    with running_farm(studio, 2) as address:
        farm = {**prefect, "FRONTBURNER_SCHEDULER": address}
        first = studio.start("render", slow, "--priority", 50, "--exr", "float", "--json", **farm)
        Turnstile(slow).holds(2)
        (job,) = json.loads(studio.run("job", "list", "--json").stdout)
        second = studio.start("render", urgent, "--priority", 80, "--exr", "float", "--json", **farm)
        until(lambda: [event for event in told(studio, job["job_id"]) if "priority 80" in event.get("why", "")][1:])
        Turnstile(slow).let(2)
        Turnstile(urgent).holds(2)
        for each in (urgent, slow):
            Turnstile(each).open()
        reports = {"urgent": ended(second), "slow": ended(first)}
        after = nodes(studio)
    assert_whole(reports["urgent"], urgent)
    assert_whole(reports["slow"], slow)
    assert {node["state"] for node in after.values()} == {"idle"}
    events = {name: told(studio, report["job_id"]) for name, report in reports.items()}
    for node in ("node-1", "node-2"):
        own = [event for event in events["slow"] if event.get("node") == node]
        held = next(event for event in own if event["what"] == "node withheld")
        assert held["why"] == f"{reports['urgent']['job_id']} has it, priority 80"
        back = next(event for event in own if event["what"] == "node joined" and event["at_s"] > held["at_s"])
        began = [event["at_s"] for event in own if event["what"] == "unit started"]
        assert not [at_s for at_s in began if held["at_s"] < at_s < back["at_s"]], "the first job kept its hands off"
        assert max(began) > back["at_s"], "and went on when the second was through"
        last = [event for event in own if event["what"] == "unit finished" and event["at_s"] < back["at_s"]][-1]
        joined = next(e for e in events["urgent"] if e["what"] == "node joined" and e["node"] == node)
        assert joined["at_s"] >= last["at_s"] - 0.5, "never two jobs' units on one node"
    assert not [event for event in events["urgent"] + events["slow"] if event["what"] == "node lost"]


def test_a_node_is_added_and_one_drained_while_a_still_is_rendered(studio: Studio, prefect: dict[str, str]) -> None:
    still = scene(studio.folder, "still", cost_s=12, held=True)
    with running_farm(studio, 2) as address:
        farm = {**prefect, "FRONTBURNER_SCHEDULER": address}
        job = studio.start("render", still, "--exr", "float", "--json", **farm)
        late = studio.start("node", "start", "--scheduler", address, "--name", "late", "--threads", 1, "--nice")
        Turnstile(still).holds(3)
        assert {node["state"] for node in nodes(studio).values()} == {"rendering"}
        renderers = giving_way(late.pid)
        assert renderers
        (shown,) = json.loads(studio.run("job", "list", "--json").stdout)
        assert studio.run("node", "drain", "node-1").returncode == 0
        until(lambda: [event for event in told(studio, shown["job_id"]) if event["what"] == "node withheld"])
        Turnstile(still).open()
        until(lambda: "node-1" not in nodes(studio))
        report = ended(job)
        late.send_signal(signal.SIGTERM)
        late.communicate(timeout=TIMEOUT_S)
        assert late.returncode == 0
        assert not [child for child in renderers if child.is_running()]
        assert set(nodes(studio)) == {"node-2"}
    assert_whole(report, still)
    assert report["per_node"]["late"]["units"] > 0
    events = told(studio, report["job_id"])
    own = [event for event in events if event.get("node") == "node-1"]
    assert [event["units"] for event in own if event["what"] == "node lost"] == [0]
    started, finished = (
        [(e["region"], e["samples"]) for e in own if e["what"] == what] for what in ("unit started", "unit finished")
    )
    assert finished[-1] in started
    lost = next(event["at_s"] for event in own if event["what"] == "node lost")
    held = next(event["at_s"] for event in own if event["what"] == "node withheld")
    ends = [event["at_s"] for event in own if event["what"] == "unit finished"]
    assert held < ends[-1] <= lost, "its last unit ended before it left"


def test_how_nodes_stand_outlives_the_scheduler_and_nodes_come_back(studio: Studio) -> None:
    with running_farm(studio, 0) as address:
        port = address.rpartition(":")[2]
        node = studio.start("node", "start", "--scheduler", address, "--name", "loyal", "--group", "gpu,night")
        until(lambda: "loyal" in nodes(studio))
        assert studio.run("node", "pause", "loyal").returncode == 0
        assert studio.run("licence", "set", "null", 3).returncode == 0
        wrong = studio.run("node", "pause", "nobody")
        assert wrong.returncode == 2
        assert "No node is called nobody. There are loyal." in wrong.stderr
    with running_farm(studio, 0, port=int(port)):
        back = until(lambda: nodes(studio).get("loyal"))
        assert (back["state"], back["groups"]) == ("paused", ["gpu", "night"])
        assert back["why"].startswith("it is paused by ")
        assert json.loads(studio.run("licence", "list", "--json").stdout) == {"null": 3}
        assert studio.run("node", "resume", "loyal").returncode == 0
        assert nodes(studio)["loyal"]["state"] == "idle"
        assert studio.run("node", "remove", "loyal").returncode == 0
        node.communicate(timeout=TIMEOUT_S)
        assert node.returncode == 0
    until(lambda: not studio.processes())
    gone = studio.run("node", "list")
    assert "No farm runs on this machine" in gone.stderr
