"""Uploads of scenes: complete or not at all, below their own folder, only with permission.

One file over 300 lines: all uploads go to one monitor, by the same requests.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import sys
import time
import tracemalloc
import zipfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from frontburner.jobs.job import JobRefused, make_job
from frontburner.monitor.app import make_app
from frontburner.monitor.requests import allow_all, problems_by_field
from frontburner.retention.dropped_scenes import ABANDONED_AFTER_S
from tests.end_to_end.conftest import TIMEOUT_S
from tests.monitor.fake_farm import FakeDropHandler, FakeFarm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

    from starlette.requests import Request

OURS = {"x-frontburner": "1"}
AT = "/api/submissions"
BALL = json.dumps({"size": "32x18", "samples": 4}).encode()


@pytest.fixture
def drops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDropHandler:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return FakeDropHandler()


@pytest.fixture
def farm(tmp_path: Path) -> FakeFarm:
    return FakeFarm(tmp_path)


@asynccontextmanager
async def browsing(
    farm: FakeFarm, drops: FakeDropHandler, allowed: Any = allow_all
) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(farm, allowed=allowed, drops=drops, user_of=lambda _: "berta")
    await app.state.hub.update()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8701", headers=OURS, timeout=TIMEOUT_S
    ) as client:
        yield client


async def announce(client: httpx.AsyncClient, files: Mapping[str, int]) -> httpx.Response:
    return await client.post(AT, json={"files": [{"name": name, "size": size} for name, size in files.items()]})


async def bring(client: httpx.AsyncClient, files: Mapping[str, bytes]) -> str:
    """Send files; returns what the submission is called."""
    begun = await announce(client, {name: len(data) for name, data in files.items()})
    assert begun.status_code == 201, begun.text
    key = str(begun.json()["submission"])
    for nth, data in enumerate(files.values()):
        assert (await client.put(f"{AT}/{key}/{nth}", content=data)).status_code == 204
    return key


def kept(drops: FakeDropHandler) -> list[str]:
    """All that lies in the place for scenes."""
    assert drops.uploads is not None
    place = drops.uploads.folder
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())


def render(farm: FakeFarm, drops: FakeDropHandler, files: Mapping[str, bytes], **choice: Any) -> httpx.Response:
    async def go() -> httpx.Response:
        async with browsing(farm, drops) as client:
            return await client.post(f"{AT}/{await bring(client, files)}/render", json=choice)

    return asyncio.run(go())


def read(farm: FakeFarm, drops: FakeDropHandler, files: Mapping[str, bytes]) -> httpx.Response:
    async def go() -> httpx.Response:
        async with browsing(farm, drops) as client:
            return await client.post(f"{AT}/{await bring(client, files)}/read")

    return asyncio.run(go())


def test_a_scene_is_read_and_its_job_submitted(farm: FakeFarm, drops: FakeDropHandler) -> None:
    async def go() -> tuple[dict[str, Any], httpx.Response]:
        async with browsing(farm, drops) as client:
            key = await bring(client, {"shot/ball.json": BALL, "shot/tex/wood.png": b"wood"})
            told = (await client.post(f"{AT}/{key}/read")).json()
            job = {"samples": 8, "size": "64x36", "frames": "1-3", "out": told["out"]}
            return told, await client.post(f"{AT}/{key}/render", json={"scene": told["scene"], "job": job})

    told, begun = asyncio.run(go())
    assert (told["scene"], told["title"], told["size"], told["samples"]) == ("ball.json", "ball", "32x18", 4)
    assert begun.status_code == 201, begun.text
    (asked,) = drops.asked
    scene = asked.pop("scene")
    assert asked == {"samples": 8, "size": "64x36", "frames": "1-3", "out": told["out"]}
    assert drops.by == ["berta"]
    assert [scene.endswith(f"/submitted/{name}") for name in kept(drops)] == [True, False]
    assert kept(drops)[1].endswith("/tex/wood.png"), "what a scene refers to lies beside it as before"
    assert "/.half" not in scene


def test_scenes_are_identified_by_their_content(farm: FakeFarm, drops: FakeDropHandler) -> None:
    for scene in (BALL, BALL, BALL + b"\n"):
        assert render(farm, drops, {"ball.json": scene}).status_code == 201
    first, second, third = (asked["scene"] for asked in drops.asked)
    assert first == second != third
    assert len(kept(drops)) == 2


@pytest.mark.parametrize(
    "name",
    ["../ball.json", "/etc/ball.json", "a/../../ball.json", "a/./ball.json", ".ball.json", "a/.ssh/keys", "a\\b",
     "C:/ball.json", "a\nball.json", "a\0.json", "a//ball.json", "a/", " ", "x" * 300, "é" * 150, "/".join("a" * 40),
     "\ud800.json"],
)  # fmt: skip
def test_unsafe_names_are_refused(farm: FakeFarm, drops: FakeDropHandler, name: str) -> None:
    async def go() -> int:
        async with browsing(farm, drops) as client:
            body = json.dumps({"files": [{"name": "ok.json", "size": 2}, {"name": name, "size": 2}]})
            return (await client.post(AT, content=body)).status_code

    assert asyncio.run(go()) == 400
    assert kept(drops) == []


@pytest.mark.parametrize("names", [[], ["a.json", "a.json"], ["a", "a/b.json"], ["a/b/c.json", "a/b"]])
def test_clashing_names_are_refused(farm: FakeFarm, drops: FakeDropHandler, names: list[str]) -> None:
    async def go() -> int:
        async with browsing(farm, drops) as client:
            return (await client.post(AT, json={"files": [{"name": name, "size": 1} for name in names]})).status_code

    assert asyncio.run(go()) == 400


def test_a_scene_that_is_too_large_is_refused_before_the_upload(farm: FakeFarm, drops: FakeDropHandler) -> None:
    assert drops.uploads is not None
    drops.uploads.max_bytes = 5_000_000

    async def go() -> httpx.Response:
        async with browsing(farm, drops) as client:
            assert (await client.get(AT)).json() == {"most_bytes": 5_000_000}
            return await announce(client, {"a.json": 3_000_000, "b.png": 2_000_001})

    answer = asyncio.run(go())
    assert answer.status_code == 413
    assert answer.json()["reason"] == "The files have 5.0 MB; at most 5.0 MB are accepted."
    assert kept(drops) == []


@pytest.mark.parametrize(("announced", "sent"), [(4, b"12345"), (4, b"123"), (0, b"1")])
def test_a_file_that_isn_t_as_announced_discards_the_upload(
    farm: FakeFarm, drops: FakeDropHandler, announced: int, sent: bytes
) -> None:
    async def go() -> tuple[int, int, int]:
        async with browsing(farm, drops) as client:
            begun = await announce(client, {"ball.json": len(BALL), "wood.png": announced})
            at = f"{AT}/{begun.json()['submission']}"
            first = await client.put(f"{at}/0", content=BALL)
            wrong = await client.put(f"{at}/1", content=sent)
            return first.status_code, wrong.status_code, (await client.post(f"{at}/read")).status_code

    assert asyncio.run(go()) == (204, 400, 404)
    assert kept(drops) == []


def test_partial_uploads_are_deleted_when_the_browser_disconnects(farm: FakeFarm, drops: FakeDropHandler) -> None:
    async def go() -> int:
        app = make_app(farm, drops=drops)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=OURS) as client:
            key = (await announce(client, {"ball.json": 100})).json()["submission"]
            coming: list[dict[str, Any]] = [
                {"type": "http.request", "body": b"half", "more_body": True},
                {"type": "http.disconnect"},
            ]

            async def receive() -> dict[str, Any]:
                return coming.pop(0) if len(coming) > 1 else coming[0]

            async def send(_: Any) -> None:
                return None

            scope = {
                "type": "http", "method": "PUT", "path": f"{AT}/{key}/0", "raw_path": f"{AT}/{key}/0".encode(),
                "query_string": b"", "root_path": "", "scheme": "http", "server": ("127.0.0.1", 80),
                "http_version": "1.1", "headers": [(b"host", b"127.0.0.1"), (b"x-frontburner", b"1")],
                "client": ("127.0.0.1", 9),
            }  # fmt: skip
            await app(scope, receive, send)
            return (await client.put(f"{AT}/{key}/0", content=b"x" * 100)).status_code

    assert asyncio.run(go()) == 404
    assert drops.uploads is not None
    assert list(drops.uploads.folder.iterdir()) == []


def test_uploads_of_an_earlier_process_are_deleted(farm: FakeFarm, drops: FakeDropHandler) -> None:
    uploads = drops.uploads
    assert uploads is not None
    for name in (".half-old", ".half-new", "ball-0123456789abcdef"):
        (uploads.folder / name).mkdir(parents=True)
        (uploads.folder / name / "ball.json").write_bytes(BALL)
    long_ago = uploads.folder.stat().st_mtime - ABANDONED_AFTER_S - 10
    for name in (".half-old", "ball-0123456789abcdef"):
        os.utime(uploads.folder / name, (long_ago, long_ago))
    uploads.clean_up()
    assert sorted(path.name for path in uploads.folder.iterdir()) == [".half-new", "ball-0123456789abcdef"]


def test_a_stalled_upload_is_deleted(farm: FakeFarm, drops: FakeDropHandler) -> None:
    now_s, uploads = [0.0], drops.uploads
    assert uploads is not None
    uploads.clock = lambda: now_s[0]
    key = uploads.begin(["ball.json"], [len(BALL)])
    now_s[0] = 3601.0
    uploads.clean_up()
    with pytest.raises(Exception, match="isn't here any more"):
        uploads.get(key)
    assert list(uploads.folder.iterdir()) == []


def test_the_monitor_deletes_stalled_uploads(
    farm: FakeFarm, drops: FakeDropHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("frontburner.monitor.submit_page.CLEANUP_INTERVAL_S", 0.01)
    now_s, uploads = [0.0], drops.uploads
    assert uploads is not None
    uploads.clock = lambda: now_s[0]

    async def go() -> None:
        async with browsing(farm, drops) as client:
            assert (await announce(client, {"ball.json": len(BALL), "wood.png": 4})).status_code == 201
            assert len(list(uploads.folder.iterdir())) == 1
            now_s[0] = 3601.0
            async with asyncio.timeout(TIMEOUT_S):
                while list(uploads.folder.iterdir()):
                    await asyncio.sleep(0.01)

    asyncio.run(go())


def test_a_scene_that_is_dropped_again_is_not_pruned(farm: FakeFarm, drops: FakeDropHandler) -> None:
    assert render(farm, drops, {"ball.json": BALL}).status_code == 201
    assert drops.uploads is not None
    (home,) = drops.uploads.folder.iterdir()
    os.utime(home, (0, 0))
    assert render(farm, drops, {"ball.json": BALL}).status_code == 201
    assert home.stat().st_mtime > time.time() - 3600


def test_a_scene_that_was_pruned_meanwhile_is_gone(farm: FakeFarm, drops: FakeDropHandler) -> None:
    async def go() -> httpx.Response:
        async with browsing(farm, drops) as client:
            key = await bring(client, {"ball.json": BALL})
            assert drops.uploads is not None
            shutil.rmtree(drops.uploads.get(key).folder)
            return await client.post(f"{AT}/{key}/render", json={})

    answer = asyncio.run(go())
    assert (answer.status_code, answer.json()["remedy"]) == (404, "Drop it again.")


def test_a_large_file_goes_to_the_disk_and_not_through_memory(farm: FakeFarm, drops: FakeDropHandler) -> None:
    chunk, count = b"x" * 65_536, 1000

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield chunk

    async def go() -> int:
        async with browsing(farm, drops) as client:
            begun = await announce(client, {"a.blend": len(chunk) * count})
            tracemalloc.start()
            put = await client.put(f"{AT}/{begun.json()['submission']}/0", content=chunks())
            assert put.status_code == 204
            return tracemalloc.get_traced_memory()[1]

    try:
        assert asyncio.run(go()) < len(chunk) * count / 8
    finally:
        tracemalloc.stop()


def test_problems_are_returned_by_field(farm: FakeFarm, drops: FakeDropHandler) -> None:
    wrong = {"samples": "many", "size": "12", "frames": "9-1", "priority": 101, "name": "../x", "surprise": 1}
    answer = render(farm, drops, {"ball.json": BALL}, job=wrong)
    assert answer.status_code == 400
    with pytest.raises(JobRefused) as refused:
        make_job({"scene": "ball.json", **wrong})
    assert answer.json()["fields"] == problems_by_field(refused.value.problems)
    assert answer.json()["fields"]["size"].startswith("'12': is not a size. Write width x height")
    assert set(answer.json()["fields"]) == {"samples", "size", "frames", "priority", "name", ""}
    assert drops.asked == []
    assert ".half-" not in answer.text, "where it lies meanwhile means nothing to anybody"


def test_an_unwritable_store_is_a_problem_of_its_field(farm: FakeFarm, drops: FakeDropHandler) -> None:
    answer = render(farm, drops, {"ball.json": BALL}, job={"out": "/proc/nothing/here"})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["out"])


def test_after_a_wrong_field_the_upload_is_kept(farm: FakeFarm, drops: FakeDropHandler) -> None:
    async def go() -> list[int]:
        async with browsing(farm, drops) as client:
            at = f"{AT}/{await bring(client, {'ball.json': BALL})}/render"
            return [(await client.post(at, json={"job": {"samples": many}})).status_code for many in (0, 4)]

    assert asyncio.run(go()) == [400, 201]


def test_files_without_a_scene_are_refused(farm: FakeFarm, drops: FakeDropHandler) -> None:
    answer = read(farm, drops, {"wood.png": b"wood", "job.yaml": b"scene: x.xml"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "There is no scene among the files.")
    assert ".blend" in answer.json()["remedy"]


def test_a_scene_that_can_t_be_opened_has_a_problem(farm: FakeFarm, drops: FakeDropHandler) -> None:
    told = read(farm, drops, {"ball.json": b'{"size": "32x18", "files": ["wood.png"]}'}).json()
    assert "wood.png" in told["problem"]
    assert ".half-" not in told["problem"]


def test_several_scenes_and_numbered_files(farm: FakeFarm, drops: FakeDropHandler) -> None:
    files = {"shot.0001.json": BALL, "shot.0002.json": BALL, "other.json": BALL, "sub/third.json": BALL}
    told = read(farm, drops, files).json()
    assert told["scenes"] == ["other.json", "shot.####.json", "sub/third.json"]
    assert (told["scene"], told["frames"], told["sequence"]) == ("other.json", "", False)
    assert render(farm, drops, files, scene="../other.json").status_code == 400
    assert render(farm, drops, files, scene="shot.####.json").status_code == 201
    assert drops.asked[0]["scene"].endswith("/shot.####.json")


def test_a_numbered_scene_has_frames(farm: FakeFarm, drops: FakeDropHandler) -> None:
    told = read(farm, drops, {f"shot.{frame:04d}.json": BALL for frame in (1, 2, 3)}).json()
    assert (told["scene"], told["frames"], told["sequence"], told["title"]) == ("shot.####.json", "1-3", True, "shot")


def packed(files: Iterable[tuple[str, bytes]]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return made.getvalue()


def test_a_zip_is_unpacked(farm: FakeFarm, drops: FakeDropHandler) -> None:
    files = [("shot/ball.json", BALL), ("shot/tex/wood.png", b"wood"), ("__MACOSX/x", b""), ("shot/.DS_Store", b"")]

    async def go() -> tuple[dict[str, Any], int]:
        async with browsing(farm, drops) as client:
            key = await bring(client, {"shot.zip": packed(files)})
            told = (await client.post(f"{AT}/{key}/read")).json()
            return told, (await client.post(f"{AT}/{key}/render", json={})).status_code

    told, status = asyncio.run(go())
    assert (told["scene"], status) == ("ball.json", 201)
    assert [name.partition("/")[2] for name in kept(drops)] == ["ball.json", "tex/wood.png"]


@pytest.mark.parametrize(
    "archive",
    [b"no zip", packed([("../ball.json", BALL)]), packed([("/ball.json", BALL)]), packed([]),
     packed([("a.json", b"0" * 9_000_000)])],
    ids=["none", "steps up", "absolute", "empty", "bomb"],
)  # fmt: skip
def test_a_harmful_zip_is_refused_and_deleted(farm: FakeFarm, drops: FakeDropHandler, archive: bytes) -> None:
    assert drops.uploads is not None
    drops.uploads.max_bytes = 1_000_000
    assert read(farm, drops, {"shot.zip": archive}).status_code in (400, 413)
    assert list(drops.uploads.folder.iterdir()) == []


def test_a_full_disk_is_not_reported_as_a_damaged_zip(farm: FakeFarm, drops: FakeDropHandler) -> None:
    archive = packed([("ball.json", BALL), ("wood.png", b"0" * 2_000_000)])
    if sys.platform == "win32":
        pytest.skip("it has no limit for files")
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))  # a disk that takes no more
    try:
        refused = read(farm, drops, {"shot.zip": archive})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert refused.status_code == 503
    assert refused.json()["reason"] == "shot.zip can't be unpacked: File too large."
    assert "Make room" in refused.json()["remedy"]
    assert drops.uploads is not None
    assert list(drops.uploads.folder.iterdir()) == []


@pytest.mark.parametrize("headers", [{"x-frontburner": "0"}, {}])
def test_uploads_need_permission(farm: FakeFarm, drops: FakeDropHandler, headers: dict[str, str]) -> None:
    def looks(_: Request, right: str) -> bool:
        return right == "look"

    async def go() -> list[int]:
        async with browsing(farm, drops, allow_all if headers else looks) as client:
            at = f"{AT}/{'0' * 32}"
            asked = [
                ("POST", AT),
                ("PUT", f"{at}/0"),
                *(("POST", f"{at}/{act}") for act in ("read", "render", "discard")),
            ]
            return [(await client.request(how, where, headers=headers)).status_code for how, where in asked]

    assert asyncio.run(go()) == [403] * 5
    assert kept(drops) == []


def test_without_a_handler_no_scenes_are_accepted(farm: FakeFarm) -> None:
    async def go() -> tuple[str, int]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(make_app(farm)), base_url="http://127.0.0.1", headers=OURS
        ) as client:
            return (await client.get(AT)).json()["why_not"], (await announce(client, {"a.json": 1})).status_code

    assert asyncio.run(go()) == ("This monitor accepts no scenes.", 409)


def test_a_job_that_couldn_t_start_says_why(farm: FakeFarm, drops: FakeDropHandler) -> None:
    drops.fails = "It couldn't start: there is no disk."

    async def go() -> dict[str, Any]:
        app = make_app(farm, drops=drops)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=OURS) as client:
            key = await bring(client, {"ball.json": BALL})
            job = (await client.post(f"{AT}/{key}/render", json={})).json()["job"]
            while "no disk" not in app.state.hub.document("farm")["expected"].get(job, ""):
                await app.state.hub.update()
                await asyncio.sleep(0.01)
            return dict(app.state.hub.document("farm"))

    assert asyncio.run(asyncio.wait_for(go(), TIMEOUT_S))["expected"] == {"ball-00000001": drops.fails}
