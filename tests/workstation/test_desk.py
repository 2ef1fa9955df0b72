"""The files by which a node and the person at its machine talk."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from frontburner.workstation.desk import FRESH_S, Desk, NodeStatus, Wish

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk.of(tmp_path, "n7")


def age(path: Path, seconds: float) -> None:
    then_s = time.time() - seconds
    os.utime(path, (then_s, then_s))


def test_a_status_is_read_as_it_was_written_until_it_is_old(desk: Desk) -> None:
    assert desk.status() is None
    status = NodeStatus(node="n7", pid=3, state="rendering", job="room ü", frame=12, done=0.5)
    desk.show(status)
    assert desk.status() == status
    age(desk.folder / "status", FRESH_S + 5)
    assert desk.status() is None, "its node has ended"


def test_wishes_come_once_and_in_order(desk: Desk) -> None:
    desk.wish(Wish.PAUSE, 3600.0)
    desk.wish(Wish.RESUME)
    assert desk.take_wishes() == [(Wish.PAUSE, 3600.0), (Wish.RESUME, None)]
    assert desk.take_wishes() == []


@pytest.mark.parametrize(
    "text",
    ['{"wish": "format the disk"}', "[]", "{", "", '{"wish": "pause", "for_s": ' + "1" * 20_000 + "}", "\x00\xff"],
)
def test_what_makes_no_sense_is_no_wish(desk: Desk, text: str) -> None:
    desk.folder.mkdir(parents=True)
    (desk.folder / "wish-1").write_text(text, encoding="utf-8")
    assert desk.take_wishes() == []
    assert not list(desk.folder.iterdir())


@pytest.mark.parametrize("seconds", [-1, 0, 1e12, "3600", None, True])
def test_a_pause_without_a_sensible_end_has_none(desk: Desk, seconds: object) -> None:
    desk.folder.mkdir(parents=True)
    (desk.folder / "wish-1").write_text(json.dumps({"wish": "pause", "for_s": seconds}))
    ((wish, for_s),) = desk.take_wishes()
    assert wish is Wish.PAUSE
    assert for_s is None or for_s == 1.0


def test_an_icon_tells_that_it_looks_and_when_a_key_was_pressed(desk: Desk) -> None:
    assert not desk.watched
    assert desk.input_age_s is None
    desk.watch(120.0)
    assert desk.watched
    age(desk.folder / "watched", 5)
    assert desk.input_age_s == pytest.approx(125, abs=1)
    age(desk.folder / "watched", FRESH_S + 5)
    assert desk.input_age_s is None, "the icon is gone"
    desk.watch(None)
    assert desk.input_age_s is None


def test_what_an_earlier_run_left_is_cleared(desk: Desk) -> None:
    desk.show(NodeStatus(node="n7", pid=3))
    desk.wish(Wish.LEAVE)
    desk.clear()
    assert desk.status() is None
    assert desk.take_wishes() == []
