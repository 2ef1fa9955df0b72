"""What the tray icon shows and offers, by the node's status alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from frontburner.workstation.desk import NodeStatus, Wish
from frontburner.workstation.tray_menu import Light, TrayMenu, menu_of

ONE = datetime(2026, 11, 30, 13, 0, tzinfo=UTC).timestamp()


def shown(**fields: Any) -> TrayMenu:
    return menu_of(NodeStatus(node="n7", pid=1, **fields), UTC)


def wishes(menu: TrayMenu) -> dict[Wish, str]:
    return {item.wish: item.label for item in menu.items if item.wish}


@pytest.mark.parametrize(
    ("fields", "title", "light"),
    [
        ({"state": "rendering", "job": "room-1a2b", "frame": 12, "done": 0.43},
         "renders room-1a2b, frame 12 (43% of the job done)", Light.RENDERS),
        ({"state": "rendering", "job": "room-1a2b"}, "renders room-1a2b", Light.RENDERS),
        ({"state": "idle"}, "ready to render", Light.READY),
        ({"state": "in use"}, "in use", Light.RESTS),
        ({"state": "paused", "paused_until": ONE}, "paused until 13:00", Light.RESTS),
        ({"state": "paused"}, "paused", Light.RESTS),
        ({}, "the farm doesn't answer", Light.RESTS),
    ],
)  # fmt: skip
def test_the_title_says_what_the_node_does(fields: dict[str, Any], title: str, light: Light) -> None:
    menu = shown(**fields)
    assert menu.title == f"Frontburner: {title}"
    assert menu.items[0].label.lower() == title.lower()
    assert not menu.items[0].active, "it is a heading"
    assert menu.light is light


def test_a_node_that_works_can_be_paused_for_an_hour_or_longer_and_can_leave() -> None:
    menu = shown(state="rendering")
    assert set(wishes(menu)) == {Wish.PAUSE, Wish.LEAVE}
    assert [item.for_s for item in menu.items if item.wish is Wish.PAUSE] == [3600, None]


@pytest.mark.parametrize("state", ["paused", "draining"])
def test_a_node_that_rests_can_be_resumed(state: str) -> None:
    assert set(wishes(shown(state=state))) == {Wish.RESUME, Wish.LEAVE}


def test_a_machine_in_use_may_render_all_the_same_and_stops_when_asked() -> None:
    (offered,) = (item for item in shown(state="in use").items if item.wish is Wish.ANYWAY)
    assert offered.checked is False
    (on,) = (item for item in shown(state="rendering", anyway=True).items if item.wish is Wish.YIELD)
    assert on.checked is True
    assert Wish.ANYWAY not in wishes(shown(state="idle"))


def test_a_click_opens_the_farms_page_where_there_is_one() -> None:
    first = next(item for item in shown(state="idle", page="https://manager:8700").items if item.active)
    assert first.opens == "https://manager:8700"
    assert not any(item.opens for item in shown(state="idle").items)


def test_without_a_node_there_is_nothing_to_choose() -> None:
    assert menu_of(None).items == ()
