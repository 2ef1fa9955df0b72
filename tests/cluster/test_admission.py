"""Which workers become nodes of a job, on a real scheduler: workers may join before or after the arbiter decides."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

import pytest
from distributed import Client, Future, LocalCluster

from frontburner.cluster.admission import Admission
from frontburner.cluster.arbiter_state import Hold
from frontburner.dispatch.messages import Joined, Message, Refused, Withheld
from system.machine import cores
from tasks.errors import NodeNotReady, UnitFailed
from tasks.node.node_state import RendererOffer
from tasks.scene.manifest import manifest_of
from tests.end_to_end.conftest import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.scene.manifest import SceneFile

NO_HOLDS: dict[Hold, str] = {}
JOINED = Joined(node="a", cores=cores())


@pytest.fixture
def client() -> Iterator[Client]:
    one_node = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0")
    with one_node as cluster, Client(cluster) as client:
        yield client


class Reader:
    """An admission, and the messages a dispatcher would read from it."""

    def __init__(self, client: Client) -> None:
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.admission = Admission(
            client=client, renderer="null", post=self._inbox.put, error_of=self._unexpected_error
        )
        (self._address,) = client.scheduler_info()["workers"]

    def join(self) -> None:
        """Have the worker join, and its renderer checked."""
        self.admission.node_joined("a", self._address)
        while not self.admission.complete:
            self._inbox.get(timeout=TIMEOUT_S)()

    def open(self) -> list[Message]:
        (report,) = self.admission.reports
        self.admission.open(report.builds[0])
        return self.messages()

    def messages(self) -> list[Message]:
        found = []
        while not self._inbox.empty():
            found.append(self._inbox.get()())
        return [message for message in found if message is not None]

    @staticmethod
    def _unexpected_error(*_: object) -> Any:
        pytest.fail("the check failed")


@pytest.fixture
def reader(client: Client) -> Reader:
    return Reader(client)


def test_a_node_without_holds_is_admitted_when_it_joins(reader: Reader) -> None:
    reader.admission.set_holds({"a": NO_HOLDS})
    reader.join()
    assert reader.open() == [JOINED]


def test_the_nodes_that_have_the_jobs_build_are_known(reader: Reader) -> None:
    reader.join()
    assert reader.admission.addresses_with_build == []
    reader.admission.open("2 null")
    assert reader.admission.addresses_with_build == []
    reader.open()
    assert reader.admission.addresses_with_build == [reader.admission.addresses["a"]]


def test_nodes_with_another_build_are_refused_with_the_reason(reader: Reader) -> None:
    reader.join()
    reader.admission.open("1 null windows-x86_64")
    reason = "It has 1 null linux-x86_64; the job needs 1 null windows-x86_64, as pixels of builds differ."
    assert reader.messages() == [Refused(node="a", reason=reason, other_build=True)]
    assert (dict(reader.admission.renders), dict(reader.admission.refused)) == ({"a": True}, {"a": reason})


def test_a_job_for_any_platform_takes_nodes_with_any(reader: Reader) -> None:
    reader.admission.set_holds({"a": NO_HOLDS})
    reader.join()
    reader.admission.open("1 null any")
    assert reader.messages() == [JOINED]
    assert reader.admission.addresses_with_build == [reader.admission.addresses["a"]]


def test_a_node_that_takes_no_work_is_reported_as_such(reader: Reader) -> None:
    reader.admission.set_holds({"a": {Hold.UNAVAILABLE: "it is paused by eva"}})
    reader.join()
    assert [report.takes_work for report in reader.admission.reports] == [False]


def test_a_node_is_withheld_until_the_arbiter_has_decided(reader: Reader) -> None:
    reader.join()
    (message,) = reader.open()
    assert isinstance(message, Withheld)
    reader.admission.set_holds({"a": NO_HOLDS})
    assert reader.messages() == [JOINED]


def test_a_node_that_was_held_before_it_joined_is_withheld_with_the_reason(reader: Reader) -> None:
    reader.admission.set_holds({"a": {Hold.UNAVAILABLE: "it is paused by eva"}})
    reader.join()
    assert reader.open() == [Withheld(node="a", why="it is paused by eva")]
    reader.admission.set_holds({"a": NO_HOLDS})
    assert reader.messages() == [JOINED]


def test_a_renderer_that_is_killed_while_it_is_tried_is_tried_again(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried(*_: object) -> RendererOffer:
        marker = tmp_path / "killed"
        if not marker.exists():
            marker.touch()
            raise UnitFailed(reason="The renderer was ended by SIGKILL.", remedy="", retryable=True, unit="", node="a")
        return RendererOffer(builds=("1 null",), cores=JOINED.cores)

    monkeypatch.setattr("frontburner.cluster.admission.offer", tried)
    reader.admission.error_of = lambda future, _: future.exception()
    reader.admission.set_holds({"a": NO_HOLDS})
    reader.join()
    assert reader.open() == [JOINED]


def test_a_node_whose_renderer_is_broken_is_refused_with_the_cause(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> RendererOffer:
        raise NodeNotReady(reason="A library is missing.", remedy="Install it.", node="a", renderer="null")

    monkeypatch.setattr("frontburner.cluster.admission.offer", broken)
    reader.admission.error_of = lambda future, _: future.exception()
    reader.admission.set_holds({"a": NO_HOLDS})
    reader.join()
    reader.admission.open("1 null")
    assert reader.messages() == [Refused(node="a", reason="A library is missing. Install it.")]


@pytest.fixture
def texture(tmp_path: Path) -> tuple[Path, SceneFile]:
    path = tmp_path / "wood.png"
    path.write_bytes(b"wood")
    return path, manifest_of({1: [str(path)]}, "room.xml").files[0]


def compare(reader: Reader, file: SceneFile) -> list[Message]:
    """Have the node compare a file; returns the messages about it."""
    messages: list[Message] = []
    (report,) = reader.admission.reports
    reader.admission.compare_files([file], build=report.builds[0])
    while not reader.admission.files_compared:
        message = reader._inbox.get(timeout=TIMEOUT_S)()
        messages += [message] if message else []
    return messages + reader.messages()


def test_a_node_with_the_same_files_is_admitted(reader: Reader, texture: tuple[Path, SceneFile]) -> None:
    reader.admission.set_holds({"a": NO_HOLDS})
    reader.join()
    assert compare(reader, texture[1]) == []
    assert reader.admission.file_differences == {"a": ""}
    assert reader.open() == [JOINED]


def test_a_node_with_different_files_waits_until_the_scene_was_sent(
    reader: Reader, texture: tuple[Path, SceneFile]
) -> None:
    texture[0].unlink()
    reader.admission.set_holds({"a": NO_HOLDS})
    reader.join()
    compare(reader, texture[1])
    (message,) = reader.open()
    assert isinstance(message, Withheld)
    assert f"{texture[0]} isn't there" in message.why
    assert reader.admission.refused == {}
    reader.admission.ignore_files()
    assert reader.messages() == [JOINED]


def test_a_node_with_different_files_is_refused_where_the_scene_is_not_sent(
    reader: Reader, texture: tuple[Path, SceneFile]
) -> None:
    texture[0].write_bytes(b"iron bars")
    reader.admission.strict, reader.admission.scene = True, "/s/room.xml"
    reader.admission.set_holds({"a": NO_HOLDS})
    reader.join()
    compare(reader, texture[1])
    (message,) = reader.open()
    assert isinstance(message, Refused)
    assert f"room.xml isn't the same on a as where the job comes from: {texture[0]} has 9 bytes here" in message.reason
    assert reader.admission.refused == {"a": f"Its files differ: {texture[0]} has 9 bytes here, not 4."}


def test_a_check_whose_result_was_lost_is_repeated(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = [TimeoutError("timed out after 10 s.")]
    result = Future.result

    def once_lost(future: Future, timeout: float | None = None) -> Any:
        if lost:
            raise lost.pop()
        return result(future, timeout)

    monkeypatch.setattr(Future, "result", once_lost)
    reader.admission.error_of = lambda *_: UnitFailed(reason="", remedy="", retryable=True, unit="", node="a")
    reader.join()
    assert not lost
    (report,) = reader.admission.reports
    assert report.builds
