"""Commands that check: one machine with no farm, and a farm with a node that would draw something else."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.conftest import TIMEOUT_S, until
from tests.end_to_end.test_sharing import nodes, running_farm
from tests.renderers.breaking import copied, rewritten

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Studio

ROOM = Path(__file__).parents[1] / "renderers" / "scenes" / "room.xml"


@pytest.fixture
def other_glass(tmp_path: Path) -> dict[str, str]:
    """What a node finds whose Mitsuba renders happily, but glass as metal."""
    site = copied(tmp_path / "site", noted=False)
    plugins = site / "mitsuba" / "plugins"
    rewritten(plugins / "dielectric.so", (plugins / "conductor.so").read_bytes())
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH", ""))))
    return {"PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}


def checks(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in document["checks"]}


def test_a_machine_is_checked_with_no_farm_and_none_is_started(studio: Studio, other_glass: dict[str, str]) -> None:
    sound = studio.run("node", "check", "--json", "--out", studio.folder / "out", "--scene", ROOM)
    assert sound.returncode == 0, sound.stdout + sound.stderr
    document = json.loads(sound.stdout)
    assert document["speeds"]["mitsuba"] > 0
    assert checks(document)["scene"]["value"].startswith("3 files, ")
    assert checks(document)["store"]["grade"] == "ok"
    broken = studio.run("node", "check", "--renderer", "mitsuba", **other_glass)
    assert broken.returncode == 1
    (line,) = [line for line in broken.stdout.splitlines() if "mitsuba: " in line]
    assert "its picture is wrong: is " in line
    assert line.endswith(" → Install mitsuba again in this environment.")
    assert studio.run("doctor").returncode == 2
    until(lambda: not studio.processes())


@pytest.mark.slow
def test_a_node_that_would_draw_something_else_says_why_and_draws_nothing(
    studio: Studio, other_glass: dict[str, str]
) -> None:
    with running_farm(studio, 1) as address:
        node = studio.start("node", "start", "--scheduler", address, "--name", "bad", "--threads", 1, **other_glass)
        bad = until(lambda: nodes(studio).get("bad", {}).get("problems") and nodes(studio)["bad"])
        assert "its picture is wrong: is " in bad["problems"][0]
        assert "mitsuba" not in bad["renders"]
        (line,) = [line for line in studio.run("node", "list").stdout.splitlines() if line.startswith("bad: ")]
        assert line == f"bad: {bad['problems'][0]}"
        doctor = studio.run("doctor", "--json", "--scene", ROOM, "--out", studio.folder / "out")
        assert doctor.returncode == 1, doctor.stderr
        found = {one["node"]: one for one in json.loads(doctor.stdout)}
        assert found["node-1"]["ok"]
        assert [name for name, check in checks(found["bad"]).items() if check["grade"] == "fails"] == ["mitsuba"]
        assert checks(found["bad"])["clock"]["grade"] == "ok"
        job = (ROOM, "--size", "48x40", "--samples", 16, "--out", studio.folder / "out")
        report = studio.render(*job, FRONTBURNER_SCHEDULER=address)
        node.send_signal(signal.SIGTERM)
        node.communicate(timeout=TIMEOUT_S)
    assert {name for name, one in report["per_node"].items() if one["units"]} == {"node-1"}
