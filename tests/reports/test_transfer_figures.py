"""Transfers of scenes in the report, in its summary, and on a terminal without a progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontburner import events as ev
from frontburner.cli.progress import ProgressDisplay
from frontburner.cluster.node_messages import message_of
from frontburner.dispatch.messages import Fetched
from frontburner.reports.figures import TransferFigures
from frontburner.reports.summary import _scene

if TYPE_CHECKING:
    import pytest

MB = 10**6


def sent(there: int, of: int, sent: int, seconds: float = 2.0) -> ev.SceneSent:
    return ev.SceneSent(at_s=1, there_bytes=there * MB, size_bytes=of * MB, sent_bytes=sent * MB, seconds=seconds)


def fetched(node: str, done: int, of: int, seconds: float) -> ev.SceneFetched:
    return ev.SceneFetched(at_s=1, node=node, fetched_bytes=done * MB, size_bytes=of * MB, seconds=seconds)


def test_what_was_sent_and_fetched_is_added_up_by_node() -> None:
    figures = TransferFigures()
    assert figures.document() is None
    for event in (
        sent(3, 40, 0), sent(40, 40, 30, 2.5), fetched("a", 0, 40, 0), fetched("a", 10, 40, 1), fetched("a", 40, 40, 4),
        fetched("b", 12, 40, 3), fetched("a", 5, 5, 0.5),
    ):  # fmt: skip
        figures.take(event)
    document = figures.document()
    assert document == {
        "size_bytes": 40 * MB, "sent_bytes": 30 * MB, "send_s": 2.5,
        "fetched": {"a": {"bytes": 45 * MB, "seconds": 4.5}},
    }  # fmt: skip
    ((name, sentence),) = _scene({"scene": document})
    assert name == "scene"
    assert (
        sentence
        == "30.0 MB sent in 2.5 s, 10.0 MB already in the store; 1 node fetched up to 45.0 MB, in 4.5 s at most"
    )


def test_start_and_end_of_transfers_are_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    display = ProgressDisplay(animated=False)
    for event in (
        sent(1, 40, 1), sent(9, 40, 9), sent(40, 40, 40), fetched("a", 0, 40, 0), fetched("b", 0, 40, 0),
        fetched("a", 20, 40, 1), fetched("a", 40, 40, 3.25),
    ):  # fmt: skip
        display.on_event(event)
    assert capsys.readouterr().err.splitlines() == [
        "Sending the scene: 40.0 MB …", "Sending the scene: 40.0 MB in 2.0 s", "a fetches the scene: 40.0 MB …",
        "b fetches the scene: 40.0 MB …", "a fetches the scene: 40.0 MB in 3.2 s",
    ]  # fmt: skip


def test_a_node_reports_a_fetch_as_a_message() -> None:
    told = {"fetched_bytes": 5, "size_bytes": 9, "seconds": 0.5}
    message = message_of({"ticket": 3, "node": "a", "fetched": told})
    assert message == Fetched(ticket=3, node="a", fetched_bytes=5, size_bytes=9, seconds=0.5)
