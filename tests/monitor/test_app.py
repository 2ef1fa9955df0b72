"""The monitor answers: what there is, what changes, pictures, and controls only to those who may."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from frontburner import events as ev
from frontburner.control.desired_state import DesiredState, desired_state_of, priority_of
from frontburner.control.resume import RerunRequest
from frontburner.monitor import actions
from frontburner.monitor.app import SECURITY_HEADERS, make_app
from frontburner.monitor.farm_source import LocalFarm
from frontburner.monitor.hub import FARM
from frontburner.monitor.json_patch import merged
from frontburner.monitor.requests import allow_all
from frontburner.record.snapshot import Snapshot
from storage.errors import FrontburnerError
from tests.end_to_end.conftest import TIMEOUT_S
from tests.monitor.stage import (
    Stage,
    block,
    finished,
    gradient,
    node,
    outputs,
    planned,
    put_part,
    put_preview,
    started,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request

JOB = "room-1a2b3c4d"
OURS = {"x-frontburner": "1"}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path, nodes=[node("n1", "rendering", job=JOB), node("n2")])
    telling = made.telling(JOB)
    telling.tell(
        started(JOB), planned(JOB, "1-2", 2), ev.NodeJoined(at_s=0, node="n1"),
        ev.UnitStarted(at_s=0, node="n1", block=block(1)), finished("n1", block(1), 0.1, done=5),
        ev.FrameWritten(at_s=0.1, frame=1, outputs=outputs(made, JOB, 1)),
    )  # fmt: skip
    telling.write()
    return made


@asynccontextmanager
async def browsing(stage: Stage, allowed: Any = allow_all) -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    """A client of the monitor, which has looked once."""
    app = make_app(stage, allowed=allowed)
    await app.state.hub.update()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8701") as client:
        yield client, app.state.hub


def ask(stage: Stage, method: str, path: str, *, allowed: Any = allow_all, **more: Any) -> httpx.Response:
    async def go() -> httpx.Response:
        async with browsing(stage, allowed) as (client, _):
            return await client.request(method, path, **more)

    return asyncio.run(go())


def test_the_page_comes_with_nothing_inline_and_nothing_from_elsewhere(stage: Stage) -> None:
    page = ask(stage, "GET", "/")
    assert page.status_code == 200
    assert "<script>" not in page.text
    assert " style=" not in page.text
    assert "//" not in page.text.replace("http://127.0.0.1", "")
    for name, value in SECURITY_HEADERS.items():
        assert page.headers[name] == value
    assert "'unsafe" not in page.headers["content-security-policy"]


def test_jobs_and_nodes_are_told(stage: Stage) -> None:
    (job,) = ask(stage, "GET", "/api/jobs").json()
    assert (job["id"], job["state"], job["written"], job["nodes"]) == (JOB, "running", 1, 1)
    names = {each["name"]: each["state"] for each in ask(stage, "GET", "/api/nodes").json()}
    assert names == {"n1": "rendering", "n2": "idle"}


def test_who_follows_hears_what_changed_and_no_more(stage: Stage) -> None:
    async def go() -> list[tuple[str, Any]]:
        async with browsing(stage) as (_, hub):
            heard = []
            following = hub.follow(FARM)
            heard.append(await anext(following))
            stage.nodes[1]["state"] = "paused"
            hub.refresh()
            await hub.update()
            heard.append(await anext(following))
            await following.aclose()
            return heard

    (kind, whole), (kind_then, change) = asyncio.run(go())
    assert (kind, kind_then) == ("whole", "patch")
    assert set(change["nodes"]) == {"n2"}
    assert change["nodes"]["n2"] == {"state": "paused"}
    assert merged(whole, change)["nodes"]["n2"]["state"] == "paused"


def test_a_job_is_followed_while_its_record_grows(stage: Stage) -> None:
    async def go() -> dict[str, Any]:
        async with browsing(stage) as (_, hub):
            following = hub.follow(f"job/{JOB}")
            document: dict[str, Any] = dict((await anext(following))[1])
            telling = stage.telling(JOB)
            telling.run = "20270101T000000000000-b"
            telling.tell(started(JOB), planned(JOB, "1-2", 2), ev.UnitStarted(at_s=1, node="n1", block=block(2)))
            telling.write()
            while document.get("frames", {}).get("2") != "r":
                await hub.update()
                _, change = await asyncio.wait_for(anext(following), TIMEOUT_S)
                document = merged(document, change)
            await following.aclose()
            return document

    document = asyncio.run(go())
    assert document["frames"] == {"1": "p", "2": "r"}
    assert len(document["runs"]) == 2


def test_a_page_that_falls_behind_is_sent_all_anew(stage: Stage) -> None:
    async def go() -> tuple[str, Any]:
        async with browsing(stage) as (_, hub):
            following = hub.follow(FARM)
            await anext(following)
            for nth in range(40):
                stage.nodes[0]["cpu_percent"] = float(nth)
                hub.refresh()
                await hub.update()
            told: tuple[str, Any] = await anext(following)
            await following.aclose()
            return told

    kind, document = asyncio.run(go())
    assert kind == "whole"
    assert document["nodes"]["n1"]["cpu_percent"] == 39.0


def test_it_looks_too_where_it_is_mounted_in_another_app(stage: Stage) -> None:
    async def go() -> str:
        inner = make_app(stage)
        outer = Starlette(routes=[Mount("/farm", inner)])  # which tells an app inside of no beginning and no end
        async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://localhost") as client:
            assert (await client.get("/farm/")).status_code == 200
            assert (await client.get("/farm/api/jobs")).json() == []
            inner.state.hub.start()
            while not (jobs := (await client.get("/farm/api/jobs")).json()):
                await asyncio.sleep(0.01)
            await inner.state.hub.stop()
            return str(jobs[0]["state"])

    assert asyncio.run(asyncio.wait_for(go(), TIMEOUT_S)) == "running"


def test_a_farm_that_is_not_there_is_said_with_what_to_do(stage: Stage) -> None:
    stage.trouble = FrontburnerError(reason="No farm runs on this machine.", remedy="Start one.")

    async def go() -> Any:
        async with browsing(stage) as (_, hub):
            return hub.document(FARM)

    found = asyncio.run(go())
    assert found["farm"] == {"state": "none", "reason": "No farm runs on this machine.", "remedy": "Start one."}
    assert found["nodes"]["n1"]["state"] == "idle", "the job still tells of its node"


def test_pictures_are_small_and_kept_where_they_do_not_change(stage: Stage) -> None:
    put_preview(stage, JOB, 1, gradient(1, 640, 360))
    small = ask(stage, "GET", f"/api/jobs/{JOB}/frames/1/small?px=160&v=1")
    assert small.headers["content-type"] == "image/jpeg"
    assert "max-age" in small.headers["cache-control"]
    assert len(small.content) < len(gradient(1, 640, 360))
    missing = ask(stage, "GET", f"/api/jobs/{JOB}/frames/2/small")
    assert missing.status_code == 404


def test_a_picture_without_a_preview_is_made_of_its_file(stage: Stage) -> None:
    import io

    from PIL import Image

    made = io.BytesIO()
    Image.new("RGBA", (900, 500), (200, 80, 20, 255)).save(made, "PNG")
    stage.store.write("room.0001.png", made.getvalue())
    small = ask(stage, "GET", f"/api/jobs/{JOB}/frames/1/small?px=300")
    with Image.open(io.BytesIO(small.content)) as image:
        assert image.size == (320, 178)
    whole = ask(stage, "GET", f"/api/jobs/{JOB}/frames/1/file.png")
    assert whole.content == made.getvalue()
    assert "room.0001.png" in whole.headers["content-disposition"]


def test_parts_are_found_by_their_place_and_nothing_else_is(stage: Stage) -> None:
    put_part(stage, JOB, block(), gradient(3))
    assert ask(stage, "GET", f"/api/jobs/{JOB}/parts/s0-4_x0-640_y0-360").content == gradient(3)
    for place in ("..%2f..%2fwish", "wish", "s0-4_x0-640_y0-360.jpg"):
        assert ask(stage, "GET", f"/api/jobs/{JOB}/parts/{place}").status_code == 404


def test_a_part_that_comes_in_a_moment_or_has_gone_is_no_error(stage: Stage) -> None:
    answer = ask(stage, "GET", f"/api/jobs/{JOB}/parts/s0-4_x0-1_y0-1")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    ("action", "given", "call"),
    [
        ("suspend", {}, ("suspend", {"job": JOB})),
        ("suspend", {"now": True}, ("suspend now", {"job": JOB})),
        ("cancel", {}, ("cancel", {"job": JOB})),
        ("resume", {}, ("resume", {"job": JOB, "request": None})),
        ("rerun", {"frames": "1-2", "missing": True},
         ("resume", {"job": JOB, "request": RerunRequest(frames="1-2", missing=True)})),
        ("rerun", {"failed": True}, ("resume", {"job": JOB, "request": RerunRequest(failed=True)})),
    ],
)  # fmt: skip
def test_jobs_are_steered(stage: Stage, action: str, given: dict[str, Any], call: tuple[str, Any]) -> None:
    answer = ask(stage, "POST", f"/api/jobs/{JOB}/{action}", json=given, headers=OURS)
    assert answer.status_code == 200, answer.text
    assert answer.json()["said"]
    assert stage.calls == [call]


def test_a_priority_is_kept_in_the_job_s_store(stage: Stage) -> None:
    answer = ask(stage, "POST", f"/api/jobs/{JOB}/priority", json={"priority": 80}, headers=OURS)
    assert answer.json()["said"] == [f"{JOB} has priority 80 from now on."]
    assert priority_of(stage.store, JOB) == 80


@pytest.mark.parametrize(
    ("action", "given", "call", "what"),
    [
        ("drain", {}, "configure_node", {"draining"}),
        ("pause", {}, "configure_node", {"paused"}),
        ("resume", {}, "configure_node", {"paused", "draining"}),
        ("remove", {}, "remove", set()),
        ("group", {"groups": ["gpu", " big "]}, "configure_node", {"groups"}),
        ("hours", {"hours": "sat-sun"}, "configure_node", {"hours"}),
        ("exclude", {"job": JOB}, "exclude", {"job", "by"}),
        ("include", {"job": JOB}, "exclude", {"job", "by"}),
    ],
)
def test_nodes_are_steered(stage: Stage, action: str, given: dict[str, Any], call: str, what: set[str]) -> None:
    answer = ask(stage, "POST", f"/api/nodes/n1/{action}", json=given, headers=OURS)
    assert answer.status_code == 200, answer.text
    ((called, told),) = stage.calls
    assert (called, set(told)) == (call, what | {"node"})
    assert told["node"] == "n1"


def test_licences_and_checks(stage: Stage) -> None:
    limit = ask(stage, "POST", "/api/licences/vray", json={"most": 1}, headers=OURS)
    assert limit.json()["said"] == ["At most 1 node uses vray at once."]
    checked = ask(stage, "POST", "/api/nodes/n1/check", headers=OURS)
    assert checked.json()["checks"][0]["remedy"] == "Close something."


def test_what_is_refused_is_said_with_its_cause(stage: Stage) -> None:
    def refused(path: str, **more: Any) -> tuple[int, str]:
        answer = ask(stage, "POST", path, **{"headers": OURS, **more})
        return answer.status_code, answer.json()["reason"]

    assert refused("/api/jobs/nobody-1/cancel") == (404, "There is no job 'nobody-1' here.")
    assert refused(f"/api/jobs/{JOB}/explode")[0] == 400
    assert refused(f"/api/jobs/{JOB}/priority", json={"priority": 101})[0] == 400
    assert refused(f"/api/jobs/{JOB}/rerun", json={"surprise": 1})[0] == 400
    assert refused(f"/api/jobs/{JOB}/rerun", content=b"{")[0] == 400
    assert refused(f"/api/jobs/{JOB}/rerun", content=b"[" * 100_000)[0] == 400
    stage.refuses = "No node is called n9."
    assert refused("/api/nodes/n9/pause") == (409, "No node is called n9.")
    assert stage.calls == []


def test_another_site_can_not_have_a_browser_steer_the_farm(stage: Stage) -> None:
    assert ask(stage, "POST", f"/api/jobs/{JOB}/cancel").status_code == 403
    assert ask(stage, "GET", f"/api/jobs/{JOB}/cancel", headers=OURS).status_code in (404, 405)
    assert ask(stage, "GET", "/api/jobs", headers={"host": "elsewhere.example"}).status_code == 400
    assert stage.calls == []


def test_who_may_only_look_can_do_nothing_and_who_may_not_sees_nothing(stage: Stage) -> None:
    def looks(_: Request, right: str) -> bool:
        return right == "look"

    def nobody(_: Request, __: str) -> bool:
        return False

    assert ask(stage, "GET", "/api/me", allowed=looks).json() == {"look": True, "submit": False, "operate": False}
    assert ask(stage, "GET", "/api/jobs", allowed=looks).status_code == 200
    for path in (f"jobs/{JOB}/cancel", "nodes/n1/drain", "nodes/n1/check", "licences/vray"):
        assert ask(stage, "POST", f"/api/{path}", allowed=looks, headers=OURS).status_code == 403
    for path in ("jobs", "nodes", "stream", f"jobs/{JOB}/frames/1/small", f"jobs/{JOB}/chart.png"):
        assert ask(stage, "GET", f"/api/{path}", allowed=nobody).status_code == 403
    assert stage.calls == []


def test_a_job_whose_store_is_away_holds_up_no_other(stage: Stage, tmp_path: Path) -> None:
    stage.jobs.append("gone-00000000")
    folder = tmp_path / "store" / "_frontburner" / "standing"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gone-00000000.json").mkdir()
    rows = {job["id"]: job for job in ask(stage, "GET", "/api/jobs").json()}
    assert rows[JOB]["state"] == "running"
    assert rows["gone-00000000"]["state"] == "unknown"
    assert rows["gone-00000000"]["sentence"]


def test_what_keeps_a_job_from_going_on_is_told_when_it_is_known(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def refuse(*_: object) -> None:
        answered.wait(TIMEOUT_S)
        raise FrontburnerError(reason=f"{JOB} couldn't go on: the scene is gone.", remedy="Its log: x")

    monkeypatch.setattr(actions, "RESPONSE_TIMEOUT_S", 0.01)
    monkeypatch.setattr(stage, "resume", refuse)

    async def go() -> tuple[list[str], str]:
        async with browsing(stage) as (client, hub):
            answer = await client.post(f"/api/jobs/{JOB}/resume", headers=OURS)
            answered.set()
            while "noted" not in hub.jobs[JOB].row:
                await asyncio.sleep(0.02)
                await hub.update()
            return answer.json()["said"], hub.jobs[JOB].row["noted"]

    said, noted = asyncio.run(asyncio.wait_for(go(), TIMEOUT_S))
    assert said == [f"{JOB}: resume is in progress."]
    assert noted.startswith(f"{JOB} couldn't go on: the scene is gone.")


def test_the_page_is_installed_with_the_program() -> None:
    from hatchling.builders.wheel import WheelBuilder

    from frontburner.monitor.app import PAGE

    root = PAGE.parents[2]
    packed = {each.distribution_path for each in WheelBuilder(str(root)).recurse_included_files()}
    files = {str(path.relative_to(root)) for path in PAGE.rglob("*") if path.is_file()}
    assert files
    assert files <= packed


def test_a_real_job_is_asked_by_its_store_and_its_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    running, said = Stage(tmp_path), list[str]()
    telling = running.telling(JOB)
    telling.tell(started(JOB))
    telling.write()
    Snapshot(store=running.store, job_id=JOB).save(always=True)
    (place,) = running.list_jobs()
    farm = LocalFarm(out=running.store.url)
    farm.request_stop(place, DesiredState.SUSPEND, said.append)
    assert desired_state_of(running.store, JOB) is DesiredState.SUSPEND
    telling.tell(ev.RunEnded(at_s=1, state=ev.RunState.COMPLETED))
    telling.write()
    farm.resume(place, None, said.append)
    assert said == [
        f"{JOB}: it is suspended once the units in flight have ended.",
        f"{JOB} goes on: its process starts on this machine.",
        f"{JOB} is completed. To render missing pictures again: frontburner job rerun",
    ]
    with pytest.raises(FrontburnerError, match="frames: '9-' is not a frame"):
        farm.resume(place, RerunRequest(frames="9-"), said.append)
