"""The tray icon follows the node's status and leaves wishes, with a stand-in for the library that draws it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from frontburner.workstation import tray_icon
from frontburner.workstation.desk import Desk, NodeStatus, Wish
from frontburner.workstation.tray_icon import Tray, picture
from frontburner.workstation.tray_menu import Light
from system.idle import LastInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Icon:
    """An icon that nobody sees."""

    def __init__(self, _name: str, *, icon: Any, title: str, menu: Callable[[], list[Any]]) -> None:
        self.icon, self.title, self.menu, self.updates = icon, title, menu, 0

    def update_menu(self) -> None:
        self.updates += 1

    def choose(self, label: str) -> None:
        next(item for item in self.menu() if item.text == label).action()


def item(text: str, action: Callable[[], None], **more: Any) -> Any:
    return SimpleNamespace(text=text, action=action, **more)


LIBRARY = SimpleNamespace(Icon=Icon, Menu=lambda items: items, MenuItem=item)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(tray_icon, "last_input", lambda: LastInput(age_s=7.0))
    return Desk.of(tmp_path, "n7")


def test_it_shows_what_the_node_does_and_tells_the_node_of_keys(desk: Desk) -> None:
    tray = Tray(desk, LIBRARY)
    assert "no node runs here" in tray.icon.title
    desk.show(NodeStatus(node="n7", pid=1, state="rendering", job="room-1", frame=3))
    tray.update()
    assert tray.icon.title == "Frontburner: renders room-1, frame 3"
    assert tray.icon.updates == 1
    assert desk.watched
    assert desk.input_age_s == pytest.approx(7, abs=5)
    tray.update()
    assert tray.icon.updates == 1, "nothing has changed"


def test_what_is_chosen_is_left_as_a_wish(desk: Desk) -> None:
    desk.show(NodeStatus(node="n7", pid=1, state="idle"))
    tray = Tray(desk, LIBRARY)
    tray.icon.choose("Pause for an hour")
    tray.icon.choose("Leave the farm")
    assert desk.take_wishes() == [(Wish.PAUSE, 3600.0), (Wish.LEAVE, None)]


def test_a_click_does_what_the_first_entry_says(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    desk.show(NodeStatus(node="n7", pid=1, state="idle", page="https://manager:8700"))
    (default,) = (each for each in Tray(desk, LIBRARY).icon.menu() if each.default)
    default.action()
    assert opened == ["https://manager:8700"]


def test_each_light_has_its_own_picture() -> None:
    assert len({picture(light).tobytes() for light in Light}) == len(Light)
