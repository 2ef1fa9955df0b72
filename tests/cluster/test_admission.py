"""Which workers become nodes of a job, on a real scheduler: in whatever order its workers and the arbiter speak."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

import pytest
from distributed import Client, Future, LocalCluster

from frontburner.cluster.admission import Admission
from frontburner.cluster.arbiter_state import Hold
from frontburner.dispatch.messages import Joined, Message, Refused, Withheld
from tasks.errors import NodeNotReady, UnitFailed
from tasks.scene.manifest import manifest_of
from tests.end_to_end.conftest import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.scene.manifest import SceneFile

NOBODYS: dict[Hold, str] = {}


@pytest.fixture
def client() -> Iterator[Client]:
    one_node = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0")
    with one_node as cluster, Client(cluster) as client:
        yield client


class Desk:
    """An admission whose messages are read as a dispatcher would."""

    def __init__(self, client: Client) -> None:
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.admission = Admission(client=client, renderer="null", post=self._inbox.put, error_of=self._unheard_of)
        (self._address,) = client.scheduler_info()["workers"]

    def arrive(self) -> None:
        """Have the worker come, and its renderer checked."""
        self.admission.node_joined("a", self._address)
        while not self.admission.complete:
            self._inbox.get(timeout=TIMEOUT_S)()

    def open(self) -> list[Message]:
        (report,) = self.admission.reports
        self.admission.open(report.builds[0])
        return self.news()

    def news(self) -> list[Message]:
        found = []
        while not self._inbox.empty():
            found.append(self._inbox.get()())
        return [message for message in found if message is not None]

    @staticmethod
    def _unheard_of(*_: object) -> Any:
        pytest.fail("the check failed")


@pytest.fixture
def desk(client: Client) -> Desk:
    return Desk(client)


def test_a_node_that_was_given_to_the_job_before_it_was_seen_takes_part(desk: Desk) -> None:
    desk.admission.set_holds({"a": NOBODYS})
    desk.arrive()
    assert desk.open() == [Joined(node="a")]


def test_a_node_of_which_nobody_has_spoken_yet_is_waited_for(desk: Desk) -> None:
    desk.arrive()
    (message,) = desk.open()
    assert isinstance(message, Withheld)
    desk.admission.set_holds({"a": NOBODYS})
    assert desk.news() == [Joined(node="a")]


def test_a_node_kept_from_the_job_before_it_was_seen_is_told_with_its_reason(desk: Desk) -> None:
    desk.admission.set_holds({"a": {Hold.UNAVAILABLE: "it is paused by eva"}})
    desk.arrive()
    assert desk.open() == [Withheld(node="a", why="it is paused by eva")]
    desk.admission.set_holds({"a": NOBODYS})
    assert desk.news() == [Joined(node="a")]


def test_a_renderer_that_is_killed_while_it_is_tried_is_tried_again(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried(_: str) -> tuple[str, ...]:
        marker = tmp_path / "killed"
        if not marker.exists():
            marker.touch()
            raise UnitFailed(reason="The renderer was ended by SIGKILL.", remedy="", retryable=True, unit="", node="a")
        return ("1 null",)

    monkeypatch.setattr("frontburner.cluster.admission.local_builds", tried)
    desk.admission.error_of = lambda future, _: future.exception()
    desk.admission.set_holds({"a": NOBODYS})
    desk.arrive()
    assert desk.open() == [Joined(node="a")]


def test_a_node_whose_renderer_is_broken_is_refused_with_the_cause(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> tuple[str, ...]:
        raise NodeNotReady(reason="A library is missing.", remedy="Install it.", node="a", renderer="null")

    monkeypatch.setattr("frontburner.cluster.admission.local_builds", broken)
    desk.admission.error_of = lambda future, _: future.exception()
    desk.admission.set_holds({"a": NOBODYS})
    desk.arrive()
    desk.admission.open("1 null")
    assert desk.news() == [Refused(node="a", reason="A library is missing. Install it.")]


@pytest.fixture
def texture(tmp_path: Path) -> tuple[Path, SceneFile]:
    path = tmp_path / "wood.png"
    path.write_bytes(b"wood")
    return path, manifest_of({1: [str(path)]}, "room.xml").files[0]


def look(desk: Desk, file: SceneFile) -> list[Message]:
    """Have the node look for a file; what is said of it then."""
    said: list[Message] = []
    (report,) = desk.admission.reports
    desk.admission.compare_files([file], build=report.builds[0])
    while not desk.admission.files_compared:
        message = desk._inbox.get(timeout=TIMEOUT_S)()
        said += [message] if message else []
    return said + desk.news()


def test_a_node_with_the_same_files_takes_part(desk: Desk, texture: tuple[Path, SceneFile]) -> None:
    desk.admission.set_holds({"a": NOBODYS})
    desk.arrive()
    assert look(desk, texture[1]) == []
    assert desk.admission.file_differences == {"a": ""}
    assert desk.open() == [Joined(node="a")]


def test_a_node_with_other_files_waits_until_they_were_sent(desk: Desk, texture: tuple[Path, SceneFile]) -> None:
    texture[0].unlink()
    desk.admission.set_holds({"a": NOBODYS})
    desk.arrive()
    look(desk, texture[1])
    (message,) = desk.open()
    assert isinstance(message, Withheld)
    assert f"{texture[0]} isn't there" in message.why
    assert desk.admission.refused == ()
    desk.admission.ignore_files()
    assert desk.news() == [Joined(node="a")]


def test_a_node_with_other_files_is_refused_where_none_are_sent(desk: Desk, texture: tuple[Path, SceneFile]) -> None:
    texture[0].write_bytes(b"iron bars")
    desk.admission.strict, desk.admission.scene = True, "/s/room.xml"
    desk.admission.set_holds({"a": NOBODYS})
    desk.arrive()
    look(desk, texture[1])
    (message,) = desk.open()
    assert isinstance(message, Refused)
    assert f"room.xml isn't the same on a as where the job comes from: {texture[0]} has 9 bytes here" in message.reason
    assert desk.admission.refused == ("a",)


def test_an_answer_whose_node_is_gone_since_is_asked_for_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = [TimeoutError("timed out after 10 s.")]
    result = Future.result

    def once_lost(future: Future, timeout: float | None = None) -> Any:
        if lost:
            raise lost.pop()
        return result(future, timeout)

    monkeypatch.setattr(Future, "result", once_lost)
    desk.admission.error_of = lambda *_: UnitFailed(reason="", remedy="", retryable=True, unit="", node="a")
    desk.arrive()
    assert not lost
    (report,) = desk.admission.reports
    assert report.builds
