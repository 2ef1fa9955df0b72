"""A scene on its way to nodes: opened where it is visible, sent only where it has to be, and never a different one.

One file over 300 lines: all transfers have the same two ends, which are made here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self, cast

import pytest

from frontburner import events as ev
from frontburner.cluster import admission
from frontburner.cluster.dask_farm import DaskFarm
from frontburner.dispatch.messages import Fetched
from frontburner.run import scene_transfer
from frontburner.run.scene_transfer import REPORT_EVERY_S, SceneTransfer
from storage.errors import StoreError
from storage.objects import open_store
from storage.scene_view import SceneView
from tasks.errors import NodeNotReady, SceneError
from tasks.job_context import JobContext, TransferMode
from tasks.node.scene_tasks import open_scene, open_sent_frames, open_sent_scene
from tasks.scene.frame_scenes import FrameScene, OpenedScene, SceneQuery, inspect_frames, with_manifest
from tasks.scene.manifest import Manifest
from tests.end_to_end.conftest import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from frontburner.dispatch.messages import Message
    from tasks.renderers.base import SceneInfo

BUILD = "1 null"
VIEW = SceneView(program="blender 5.0.1", space="ACEScg", interop_id="lin_ap1_scene", display="sRGB", view="AgX")


class Stopped(Exception):
    """Raised by `check_stop` to end a wait."""


@dataclass
class Future:
    """A task on a node, as its client sees it."""

    status: str = "finished"
    value: Any = None
    cancelled: bool = False

    def done(self) -> bool:
        return self.status != "pending"

    def result(self) -> Any:
        return self.value

    def exception(self, timeout: float) -> Any:  # noqa: ARG002 - as Dask has it
        return self.value

    def cancel(self, *, force: bool) -> None:
        self.cancelled = force


@dataclass
class Admission:
    """Nodes that report, a moment after they are asked, whether they have the same files."""

    file_differences: dict[str, str]
    asked: list[tuple[str, ...]] = field(default_factory=list)
    files_compared: bool = False
    stopped: bool = False
    refused: str = ""

    @property
    def addresses(self) -> Mapping[str, str]:
        return {name: f"tcp://{name}" for name in self.file_differences}

    @property
    def unavailable(self) -> frozenset[str]:
        return frozenset()

    def compare_files(self, files: Iterable[Any], *, build: str) -> None:
        assert build == BUILD
        self.asked.append(tuple(file.path for file in files))
        self.files_compared = False

    def ignore_files(self) -> None:
        self.stopped = True

    def refuse_different_files(self, reason: str) -> None:
        self.refused = reason


class Farm:
    """Nodes on which functions of the scene are called at once; the test says what they return."""

    def __init__(self, folder: Path, travel: TransferMode, differing: dict[str, str]) -> None:
        self.travel, self.admission = travel, Admission(differing)
        self.context = JobContext(store_url=str(folder / "store"), topic="", travel=travel)
        self.on_node: dict[Any, Callable[..., Any]] = {
            open_scene: lambda query: with_manifest(query, inspect_frames(query)),
            open_sent_scene: lambda query, *_: inspect_frames(query)[query.frames[0].frame],
        }
        self.calls: list[tuple[Any, list[str]]] = []
        self.futures: list[Future] = []
        self.news: list[Message] = []

    def submit(self, work: Any, *args: Any, workers: Iterable[str] = (), allow_other_workers: bool = False) -> Future:
        assert allow_other_workers or not workers
        self.calls.append((work, list(workers)))
        answer = self.on_node[work](*args)
        self.futures.append(answer if isinstance(answer, Future) else Future(value=answer))
        return self.futures[-1]

    def messages(self, timeout_s: float) -> list[Message]:  # noqa: ARG002 - nothing takes time here
        self.admission.files_compared = True
        news, self.news = self.news, []
        return news


class RendererHere:
    """The renderer's process of this machine, as calls in this one."""

    def __init__(self, **_: Any) -> None:
        """As the real one, whose threads and logs don't matter here."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was started."""

    def call(self, function: Callable[..., Any], *args: Any, on_progress: Callable[..., None]) -> Any:
        on_progress()
        return function(*args)


class Job:
    """A job with a scene of two files, its farm and its transfer."""

    def __init__(self, folder: Path, travel: TransferMode = TransferMode.AUTO, **differing: str) -> None:
        self.scene, self.texture = folder / "room.json", folder / "wood.png"
        self.texture.write_bytes(b"wood")
        self.scene.write_text(json.dumps({"files": ["wood.png"]}))
        self.farm, self.log, self.events = Farm(folder, travel, differing), list[str](), list[ev.Event]()
        self.store, self.now_s, self.stopped = open_store(self.farm.context.files), 0.0, False
        self.transfer = SceneTransfer(
            scene=str(self.scene),
            query=SceneQuery(renderer="null", build=BUILD, frames=(FrameScene(frame=1, path=str(self.scene)),)),
            farm=cast("Any", self.farm),
            clock=lambda: self.now_s,
            check_stop=self.check_stop,
            log=self.log.append,
        )

    def check_stop(self) -> None:
        if self.stopped:
            raise Stopped

    @property
    def opened_on(self) -> list[list[str]]:
        """Nodes that were to open the scene."""
        return [workers for work, workers in self.farm.calls if work is open_scene]

    @property
    def sizes(self) -> int:
        return self.scene.stat().st_size + self.texture.stat().st_size

    def of(self, kind: type[ev.Event]) -> list[Any]:
        return [event for event in self.events if type(event) is kind]

    def poll(self) -> Admission:
        """Poll the transfer, as each turn of a run does."""
        self.transfer.poll()
        return self.farm.admission

    def in_store(self) -> list[bytes]:
        """Contents of all objects of the store."""
        return [self.store.read(key) for key in self.store.list()]


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Job]]:
    monkeypatch.setattr(scene_transfer, "RendererProcess", RendererHere)
    made: list[Job] = []

    def make(travel: TransferMode = TransferMode.AUTO, **differing: str) -> Job:
        made.append(Job(tmp_path, travel, **differing))
        ending.append(ev.observe(made[-1].events.append))
        return made[-1]

    ending: list[Callable[[], None]] = []
    yield make
    for end in (*ending, *(each.transfer.close for each in made)):
        end()


def test_the_farm_and_its_admission_have_what_their_fakes_have() -> None:
    assert {"travel", "admission", "context", "submit", "messages"} <= set(dir(DaskFarm))
    own = {"asked", "stopped", "refused"}
    assert {name for name in dir(Admission({})) if not name.startswith("_")} - own <= set(dir(admission.Admission))


def test_a_scene_that_all_nodes_see_is_opened_on_one_and_used_in_place(job: Callable[..., Job]) -> None:
    it = job(a="", b="")
    it.transfer.open()
    assert it.opened_on == [["tcp://a", "tcp://b"]]
    assert not it.transfer.must_be_sent
    assert it.log[-1] == "The scene is used in place: all nodes have the same 2 files."
    assert it.log[0].startswith("room.json opened by null 1 null (files: 2)")
    assert it.farm.admission.asked == [(str(it.scene),), (str(it.scene), str(it.texture))]
    assert {file.path for file in it.transfer.manifest.files} == {str(it.scene), str(it.texture)}
    assert Manifest.load(it.store, it.transfer.manifest.digest) == it.transfer.manifest
    it.transfer.poll()
    assert not it.of(ev.SceneSent)


def test_a_scene_that_some_nodes_see_is_opened_there_and_sent_to_the_others(job: Callable[..., Job]) -> None:
    it = job(a="", b="it isn't there.")
    it.transfer.open()
    assert it.opened_on == [["tcp://a"]]
    assert it.transfer.must_be_sent
    it.transfer.send()
    assert it.farm.calls[-1] == (open_sent_scene, ["tcp://b"]), "a node that didn't see it proves it"
    assert "since it isn't the same on b: it isn't there." in it.log[-2]
    assert it.log[-1].startswith("The scene was sent: 2 files")
    assert {b"wood", it.scene.read_bytes()} <= set(it.in_store())
    sent = it.of(ev.SceneSent)[-1]
    assert (sent.there_bytes, sent.size_bytes, sent.sent_bytes) == (it.sizes,) * 3
    assert it.farm.admission.stopped


def test_what_was_sent_before_is_not_sent_again(job: Callable[..., Job]) -> None:
    first = job(b="it isn't there.")
    first.transfer.open()
    first.transfer.send()
    second = job(b="it isn't there.")
    second.transfer.open()
    second.transfer.send()
    assert second.of(ev.SceneSent)[-1].sent_bytes == 0
    assert second.log[-1].endswith("were in the store.")


def test_each_frame_has_the_colours_that_the_nodes_renderer_gives_it(job: Callable[..., Job]) -> None:
    def read_on_node(query: SceneQuery, *_: Any) -> dict[int, SceneInfo]:
        return {frame: replace(info, view=VIEW) for frame, info in inspect_frames(query).items()}

    it = job(b="it isn't there.")
    it.transfer.query = replace(
        it.transfer.query, frames=tuple(FrameScene(frame=number, path=str(it.scene)) for number in (1, 2))
    )
    it.farm.on_node[open_sent_scene] = lambda query, *_: read_on_node(query)[1]
    it.farm.on_node[open_sent_frames] = read_on_node
    it.transfer.open()
    it.transfer.send()
    assert [info.view for info in it.transfer.infos.values()] == [VIEW, VIEW]


def test_a_scene_that_no_node_sees_is_opened_on_this_machine(job: Callable[..., Job]) -> None:
    it = job(a="it isn't there.")
    it.transfer.open()
    assert it.opened_on == []
    assert it.transfer.must_be_sent
    assert it.transfer.infos[1].samples == inspect_frames(it.transfer.query)[1].samples


def test_a_job_that_wants_its_scene_sent_asks_no_node_whether_it_has_it(job: Callable[..., Job]) -> None:
    it = job(TransferMode.YES, a="")
    it.transfer.open()
    assert it.transfer.must_be_sent
    assert it.farm.admission.asked == []
    it.transfer.send()
    assert "as the job wants it." in it.log[0]
    it.transfer.poll()
    assert len(it.of(ev.SceneSent)) == 1, "nothing is sent later"


def test_a_scene_that_must_not_be_sent_fails_the_job_only_if_no_node_sees_it(job: Callable[..., Job]) -> None:
    none = job(TransferMode.NO, a="wood.png is missing.")
    with pytest.raises(SceneError, match=r"isn't the same on a .*wood\.png is missing"):
        none.transfer.open()
    some = job(TransferMode.NO, a="wood.png is missing.", b="")
    some.transfer.open()
    assert not some.transfer.must_be_sent
    some.transfer.poll()
    assert not some.of(ev.SceneSent)


def test_nodes_that_see_the_scene_file_and_no_other_fail_a_job_that_must_not_send_it(job: Callable[..., Job]) -> None:
    it = job(TransferMode.NO, a="")
    compare = it.farm.admission.compare_files

    def look(files: Iterable[Any], *, build: str) -> None:
        compare(files, build=build)
        it.farm.admission.file_differences = {
            "a": "wood.png is missing." if len(it.farm.admission.asked[-1]) > 1 else ""
        }

    it.farm.admission.compare_files = look  # type: ignore[method-assign]
    with pytest.raises(SceneError, match=r"wood\.png is missing"):
        it.transfer.open()


def test_where_a_node_has_another_file_than_this_machine_the_one_here_is_rendered(job: Callable[..., Job]) -> None:
    it = job(a="")

    def elsewhere(query: SceneQuery) -> OpenedScene:
        opened = with_manifest(query, inspect_frames(query))
        scene, texture = opened.manifest.common
        return replace(opened, manifest=Manifest(common=(scene, replace(texture, sha256="0" * 64))))

    it.farm.on_node[open_scene] = elsewhere
    it.transfer.open()
    assert it.transfer.manifest == with_manifest(it.transfer.query, inspect_frames(it.transfer.query)).manifest


def test_a_scene_that_arrives_as_another_is_refused(job: Callable[..., Job]) -> None:
    it = job(a="it isn't there.")
    it.farm.on_node[open_sent_scene] = lambda query, *_: replace(inspect_frames(query)[1], digest="another")
    it.transfer.open()
    with pytest.raises(SceneError, match="isn't the same once it has been sent") as refused:
        it.transfer.send()
    assert "relative to the scene" in refused.value.remedy


def test_a_node_that_joins_later_and_lacks_the_scene_has_it_sent_and_is_admitted(job: Callable[..., Job]) -> None:
    it = job(a="")
    it.transfer.open()
    it.transfer.poll()
    assert not it.farm.admission.stopped
    it.farm.admission.file_differences["late"] = "it isn't there."
    until(lambda: it.poll().stopped)
    assert "since it isn't the same on late" in it.log[-2]
    assert it.of(ev.SceneSent)[-1].there_bytes == it.sizes
    count = len(it.log)
    it.transfer.poll()
    assert len(it.log) == count, "once is enough"


def test_if_it_has_changed_by_then_such_a_node_is_refused_and_the_others_go_on(job: Callable[..., Job]) -> None:
    it = job(a="")
    it.transfer.open()
    it.texture.write_bytes(b"iron")
    it.farm.admission.file_differences["late"] = "it isn't there."
    until(lambda: it.poll().refused)
    assert "wood.png" in it.farm.admission.refused
    assert not it.farm.admission.stopped


def test_a_run_that_ends_waits_for_no_node(job: Callable[..., Job]) -> None:
    it = job(a="")

    def stop(_query: SceneQuery) -> Future:
        it.stopped = True
        return Future(status="pending")

    it.farm.on_node[open_scene] = stop
    with pytest.raises(Stopped):
        it.transfer.open()
    assert it.farm.futures[-1].cancelled


def test_the_error_of_a_node_that_opens_the_scene_is_the_job_s(job: Callable[..., Job]) -> None:
    it = job(a="")
    broken = SceneError(reason="It is no JSON.", remedy="", scene="")
    it.farm.on_node[open_scene] = lambda _: Future(status="error", value=broken)
    with pytest.raises(SceneError, match="It is no JSON"):
        it.transfer.open()


def test_without_the_renderer_here_the_error_says_why_this_machine_has_to_open_it(
    job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str, *_: object) -> tuple[str, ...]:
        raise NodeNotReady(reason="It isn't installed.", remedy="Install it.", node="", renderer=name)

    monkeypatch.setattr(scene_transfer, "builds", missing)
    with pytest.raises(SceneError, match=r"since a doesn't see it \(gone\), where null doesn't work: It isn't inst"):
        job(a="gone.").transfer.open()
    with pytest.raises(SceneError, match="on this machine, where null doesn't work"):
        job(TransferMode.YES, a="").transfer.open()


def test_what_nodes_fetch_meanwhile_is_announced(job: Callable[..., Job]) -> None:
    it = job(a="")
    it.farm.news.append(Fetched(ticket=1, node="a", fetched_bytes=3, size_bytes=4, seconds=1.0))
    it.transfer.open()
    (fetched,) = it.of(ev.SceneFetched)
    assert (fetched.node, fetched.fetched_bytes) == ("a", 3)


def test_progress_is_announced_now_and_then_and_each_error_of_the_store_once(job: Callable[..., Job]) -> None:
    it = job(a="")
    it.transfer.open()
    away = StoreError(reason="It is away.", remedy="Wait.", url="", retryable=True)
    upload: Any = SimpleNamespace(
        there_bytes=1, size_bytes=4, sent_bytes=1, seconds=1.0, store_error=away, done=lambda: False, stop=lambda: None
    )
    it.transfer._upload = upload
    it.now_s = REPORT_EVERY_S
    it.poll()
    it.poll()
    assert [event.reason for event in it.of(ev.StoreUnavailable)] == ["It is away."]
    assert len(it.of(ev.SceneSent)) == 1
    it.now_s += REPORT_EVERY_S
    it.poll()
    assert len(it.of(ev.SceneSent)) == 2
    upload.there_bytes, it.now_s = 4, it.now_s + REPORT_EVERY_S
    it.poll()
    assert len(it.of(ev.SceneSent)) == 2, "all is there: its end is announced once, when it has ended"
