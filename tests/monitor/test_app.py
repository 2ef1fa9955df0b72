"""The endpoints of the monitor: lists, changes, pictures, controls and permissions.

One file over 300 lines: all requests go to one monitor over one recorded farm.
"""

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
from tests.monitor.fake_farm import (
    FakeFarm,
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
def farm(tmp_path: Path) -> FakeFarm:
    made = FakeFarm(tmp_path, nodes=[node("n1", "rendering", job=JOB), node("n2")])
    record = made.record_of(JOB)
    record.add(
        started(JOB), planned(JOB, "1-2", 2), ev.NodeJoined(at_s=0, node="n1"),
        ev.UnitStarted(at_s=0, node="n1", block=block(1)), finished("n1", block(1), 0.1, done=5),
        ev.FrameWritten(at_s=0.1, frame=1, outputs=outputs(made, JOB, 1)),
    )  # fmt: skip
    record.write()
    return made


@asynccontextmanager
async def browsing(farm: FakeFarm, allowed: Any = allow_all) -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    """A client of the monitor, which has looked once."""
    app = make_app(farm, allowed=allowed)
    await app.state.hub.update()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8701") as client:
        yield client, app.state.hub


def ask(farm: FakeFarm, method: str, path: str, *, allowed: Any = allow_all, **more: Any) -> httpx.Response:
    async def go() -> httpx.Response:
        async with browsing(farm, allowed) as (client, _):
            return await client.request(method, path, **more)

    return asyncio.run(go())


def test_the_page_has_no_inline_code_and_no_external_resources(farm: FakeFarm) -> None:
    page = ask(farm, "GET", "/")
    assert page.status_code == 200
    assert "<script>" not in page.text
    assert " style=" not in page.text
    assert "//" not in page.text.replace("http://127.0.0.1", "")
    for name, value in SECURITY_HEADERS.items():
        assert page.headers[name] == value
    assert "'unsafe" not in page.headers["content-security-policy"]


def test_jobs_and_nodes_are_listed(farm: FakeFarm) -> None:
    (job,) = ask(farm, "GET", "/api/jobs").json()
    assert (job["id"], job["state"], job["written"], job["nodes"]) == (JOB, "running", 1, 1)
    names = {each["name"]: each["state"] for each in ask(farm, "GET", "/api/nodes").json()}
    assert names == {"n1": "rendering", "n2": "idle"}


def test_subscribers_get_only_changes(farm: FakeFarm) -> None:
    async def go() -> list[tuple[str, Any]]:
        async with browsing(farm) as (_, hub):
            heard = []
            following = hub.follow(FARM)
            heard.append(await anext(following))
            farm.nodes[1]["state"] = "paused"
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


def test_a_job_is_followed_while_its_record_grows(farm: FakeFarm) -> None:
    async def go() -> dict[str, Any]:
        async with browsing(farm) as (_, hub):
            following = hub.follow(f"job/{JOB}")
            document: dict[str, Any] = dict((await anext(following))[1])
            record = farm.record_of(JOB)
            record.run = "20270101T000000000000-b"
            record.add(started(JOB), planned(JOB, "1-2", 2), ev.UnitStarted(at_s=1, node="n1", block=block(2)))
            record.write()
            while document.get("frames", {}).get("2") != "r":
                await hub.update()
                _, change = await asyncio.wait_for(anext(following), TIMEOUT_S)
                document = merged(document, change)
            await following.aclose()
            return document

    document = asyncio.run(go())
    assert document["frames"] == {"1": "p", "2": "r"}
    assert len(document["runs"]) == 2


def test_a_slow_subscriber_gets_the_whole_document_again(farm: FakeFarm) -> None:
    async def go() -> tuple[str, Any]:
        async with browsing(farm) as (_, hub):
            following = hub.follow(FARM)
            await anext(following)
            for nth in range(40):
                farm.nodes[0]["cpu_percent"] = float(nth)
                hub.refresh()
                await hub.update()
            told: tuple[str, Any] = await anext(following)
            await following.aclose()
            return told

    kind, document = asyncio.run(go())
    assert kind == "whole"
    assert document["nodes"]["n1"]["cpu_percent"] == 39.0


def test_a_mounted_app_polls_too(farm: FakeFarm) -> None:
    async def go() -> str:
        inner = make_app(farm)
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


def test_a_missing_farm_is_shown_with_the_remedy(farm: FakeFarm) -> None:
    farm.trouble = FrontburnerError(reason="No farm runs on this machine.", remedy="Start one.")

    async def go() -> Any:
        async with browsing(farm) as (_, hub):
            return hub.document(FARM)

    found = asyncio.run(go())
    assert found["farm"] == {"state": "none", "reason": "No farm runs on this machine.", "remedy": "Start one."}
    assert found["nodes"]["n1"]["state"] == "idle", "the job still tells of its node"


def test_thumbnails_are_small_and_cacheable(farm: FakeFarm) -> None:
    put_preview(farm, JOB, 1, gradient(1, 640, 360))
    small = ask(farm, "GET", f"/api/jobs/{JOB}/frames/1/small?px=160&v=1")
    assert small.headers["content-type"] == "image/jpeg"
    assert "max-age" in small.headers["cache-control"]
    assert len(small.content) < len(gradient(1, 640, 360))
    missing = ask(farm, "GET", f"/api/jobs/{JOB}/frames/2/small")
    assert missing.status_code == 404


def test_without_a_preview_the_thumbnail_is_made_of_the_file(farm: FakeFarm) -> None:
    import io

    from PIL import Image

    made = io.BytesIO()
    Image.new("RGBA", (900, 500), (200, 80, 20, 255)).save(made, "PNG")
    farm.store.write("room.0001.png", made.getvalue())
    small = ask(farm, "GET", f"/api/jobs/{JOB}/frames/1/small?px=300")
    with Image.open(io.BytesIO(small.content)) as image:
        assert image.size == (320, 178)
    whole = ask(farm, "GET", f"/api/jobs/{JOB}/frames/1/file.png")
    assert whole.content == made.getvalue()
    assert "room.0001.png" in whole.headers["content-disposition"]


def test_only_valid_places_of_parts_are_read(farm: FakeFarm) -> None:
    put_part(farm, JOB, block(), gradient(3))
    assert ask(farm, "GET", f"/api/jobs/{JOB}/parts/s0-4_x0-640_y0-360").content == gradient(3)
    for place in ("..%2f..%2fwish", "wish", "s0-4_x0-640_y0-360.jpg"):
        assert ask(farm, "GET", f"/api/jobs/{JOB}/parts/{place}").status_code == 404


def test_a_missing_part_is_no_error(farm: FakeFarm) -> None:
    answer = ask(farm, "GET", f"/api/jobs/{JOB}/parts/s0-4_x0-1_y0-1")
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
def test_actions_on_jobs(farm: FakeFarm, action: str, given: dict[str, Any], call: tuple[str, Any]) -> None:
    answer = ask(farm, "POST", f"/api/jobs/{JOB}/{action}", json=given, headers=OURS)
    assert answer.status_code == 200, answer.text
    assert answer.json()["said"]
    assert farm.calls == [call]


def test_the_priority_is_written_to_the_store(farm: FakeFarm) -> None:
    answer = ask(farm, "POST", f"/api/jobs/{JOB}/priority", json={"priority": 80}, headers=OURS)
    assert answer.json()["said"] == [f"{JOB} has priority 80 from now on."]
    assert priority_of(farm.store, JOB) == 80


@pytest.mark.parametrize(
    ("action", "given", "call", "what"),
    [
        ("drain", {}, "configure_node", {"draining"}),
        ("pause", {}, "configure_node", {"paused", "paused_for_s"}),
        ("resume", {}, "configure_node", {"paused", "draining"}),
        ("remove", {}, "remove", set()),
        ("group", {"groups": ["gpu", " big "]}, "configure_node", {"groups"}),
        ("hours", {"hours": "sat-sun"}, "configure_node", {"hours"}),
        ("exclude", {"job": JOB}, "exclude", {"job", "by"}),
        ("include", {"job": JOB}, "exclude", {"job", "by"}),
    ],
)
def test_actions_on_nodes(farm: FakeFarm, action: str, given: dict[str, Any], call: str, what: set[str]) -> None:
    answer = ask(farm, "POST", f"/api/nodes/n1/{action}", json=given, headers=OURS)
    assert answer.status_code == 200, answer.text
    ((called, told),) = farm.calls
    assert (called, set(told)) == (call, what | {"node"})
    assert told["node"] == "n1"


def test_licences_and_checks(farm: FakeFarm) -> None:
    limit = ask(farm, "POST", "/api/licences/vray", json={"most": 1}, headers=OURS)
    assert limit.json()["said"] == ["At most 1 node uses vray at once."]
    checked = ask(farm, "POST", "/api/nodes/n1/check", headers=OURS)
    assert checked.json()["checks"][0]["remedy"] == "Close something."


def test_refusals_have_a_reason(farm: FakeFarm) -> None:
    def refused(path: str, **more: Any) -> tuple[int, str]:
        answer = ask(farm, "POST", path, **{"headers": OURS, **more})
        return answer.status_code, answer.json()["reason"]

    assert refused("/api/jobs/nobody-1/cancel") == (404, "There is no job 'nobody-1' here.")
    assert refused(f"/api/jobs/{JOB}/explode")[0] == 400
    assert refused(f"/api/jobs/{JOB}/priority", json={"priority": 101})[0] == 400
    assert refused(f"/api/jobs/{JOB}/rerun", json={"surprise": 1})[0] == 400
    assert refused(f"/api/jobs/{JOB}/rerun", content=b"{")[0] == 400
    assert refused(f"/api/jobs/{JOB}/rerun", content=b"[" * 100_000)[0] == 400
    farm.refuses = "No node is called n9."
    assert refused("/api/nodes/n9/pause") == (409, "No node is called n9.")
    assert farm.calls == []


def test_requests_of_other_sites_are_refused(farm: FakeFarm) -> None:
    assert ask(farm, "POST", f"/api/jobs/{JOB}/cancel").status_code == 403
    assert ask(farm, "GET", f"/api/jobs/{JOB}/cancel", headers=OURS).status_code in (404, 405)
    assert ask(farm, "GET", "/api/jobs", headers={"host": "elsewhere.example"}).status_code == 400
    assert farm.calls == []


def test_permissions_are_enforced(farm: FakeFarm) -> None:
    def looks(_: Request, right: str) -> bool:
        return right == "look"

    def nobody(_: Request, __: str) -> bool:
        return False

    assert ask(farm, "GET", "/api/me", allowed=looks).json() == {
        "look": True, "submit": False, "operate": False, "invite": False,
    }  # fmt: skip
    assert ask(farm, "GET", "/api/jobs", allowed=looks).status_code == 200
    for path in (f"jobs/{JOB}/cancel", "nodes/n1/drain", "nodes/n1/check", "licences/vray"):
        assert ask(farm, "POST", f"/api/{path}", allowed=looks, headers=OURS).status_code == 403
    for path in ("jobs", "nodes", "stream", f"jobs/{JOB}/frames/1/small", f"jobs/{JOB}/chart.png"):
        assert ask(farm, "GET", f"/api/{path}", allowed=nobody).status_code == 403
    assert farm.calls == []


def test_an_unavailable_store_doesn_t_delay_other_jobs(farm: FakeFarm, tmp_path: Path) -> None:
    farm.jobs.append("gone-00000000")
    folder = tmp_path / "store" / "_frontburner" / "standing"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gone-00000000.json").mkdir()
    rows = {job["id"]: job for job in ask(farm, "GET", "/api/jobs").json()}
    assert rows[JOB]["state"] == "running"
    assert rows["gone-00000000"]["state"] == "unknown"
    assert rows["gone-00000000"]["sentence"]


def test_a_late_error_of_an_action_is_shown(farm: FakeFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def refuse(*_: object) -> None:
        answered.wait(TIMEOUT_S)
        raise FrontburnerError(reason=f"{JOB} couldn't go on: the scene is gone.", remedy="Its log: x")

    monkeypatch.setattr(actions, "RESPONSE_TIMEOUT_S", 0.01)
    monkeypatch.setattr(farm, "resume", refuse)

    async def go() -> tuple[list[str], str]:
        async with browsing(farm) as (client, hub):
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


def test_the_local_farm_uses_the_store_and_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    running, said = FakeFarm(tmp_path), list[str]()
    record = running.record_of(JOB)
    record.add(started(JOB))
    record.write()
    Snapshot(store=running.store, job_id=JOB).save(always=True)
    (place,) = running.list_jobs()
    farm = LocalFarm(out=running.store.url)
    farm.request_stop(place, DesiredState.SUSPEND, said.append)
    assert desired_state_of(running.store, JOB) is DesiredState.SUSPEND
    record.add(ev.RunEnded(at_s=1, state=ev.RunState.COMPLETED))
    record.write()
    farm.resume(place, None, said.append)
    assert said == [
        f"{JOB}: it is suspended once the units in flight have ended.",
        f"{JOB} goes on: its process starts on this machine.",
        f"{JOB} is completed. To render missing pictures again: frontburner job rerun",
    ]
    with pytest.raises(FrontburnerError, match="frames: '9-' is not a frame"):
        farm.resume(place, RerunRequest(frames="9-"), said.append)
