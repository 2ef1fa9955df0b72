"""A machine is given back when somebody uses it, and its owner's wishes are granted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from frontburner.cluster import owner_watch
from frontburner.cluster.owner_watch import LAST_WORDS_S, OwnerWatch, with_icon
from frontburner.workstation.desk import Desk, Wish
from system.idle import LastInput

if TYPE_CHECKING:
    from pathlib import Path

KEY = "a key or the mouse"


class Watched:
    """A watch, and what it tells the node's process (``worker``) and the arbiter (``farm``)."""

    def __init__(self, folder: Path) -> None:
        self.address, self.away, self.refused, self.left = "worker-1", "", False, False
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.watch = OwnerWatch(
            scheduler="farm", node="n7", worker=lambda: self.address, leave=self.leave, desk=Desk.of(folder, "n7"),
            yields=True,
        )  # fmt: skip

    def leave(self) -> None:
        self.left = True

    async def call(self, address: str, name: str, **arguments: Any) -> dict[str, Any]:
        if address == self.away:
            raise TimeoutError
        self.told.append((name, arguments))
        return {"refused": "no such node"} if self.refused else {}

    def tell(self) -> list[tuple[str, dict[str, Any]]]:
        """Tell both; returns what they were told."""
        self.told.clear()
        asyncio.run(self.watch.tell_worker())
        asyncio.run(self.watch.tell_arbiter())
        return list(self.told)

    def recalls(self) -> list[str]:
        return [arguments["reason"] for name, arguments in self.tell() if name == "recall"]


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    watched = Watched(tmp_path)
    monkeypatch.setattr(owner_watch, "call_async", watched.call)
    watched.tell()  # that all is seen
    return watched


def test_the_nodes_process_is_told_first_and_each_change_once(watched: Watched) -> None:
    watched.watch.update(KEY, [], 0.0)
    assert watched.tell() == [
        ("recall", {"reason": KEY}), ("configure_node", {"node": "n7", "in_use": KEY, "unseen": ""})
    ]  # fmt: skip
    watched.watch.update("other programs use 80% of its cores", [], 1.0)
    assert watched.tell() == [], "what gave it back stays"
    watched.watch.update("", [], 2.0)
    assert [name for name, _ in watched.tell()] == ["recall", "configure_node"]


def test_it_is_given_back_though_the_farm_does_not_answer(watched: Watched) -> None:
    watched.away = "farm"
    watched.watch.update(KEY, [], 0.0)
    assert watched.tell() == [("recall", {"reason": KEY})]
    watched.away = ""
    assert [name for name, _ in watched.tell()] == ["configure_node"]


def test_a_process_that_was_started_anew_is_told_again(watched: Watched) -> None:
    watched.watch.update(KEY, [], 0.0)
    watched.tell()
    watched.address = ""
    assert watched.tell() == []
    watched.address, watched.refused = "worker-2", True
    assert [name for name, _ in watched.tell()] == ["recall", "configure_node"]
    watched.refused = False
    assert [name for name, _ in watched.tell()] == ["configure_node"], "it had not joined"


def test_a_new_process_of_a_free_machine_needs_no_recall(watched: Watched) -> None:
    watched.address = "worker-2"
    assert watched.recalls() == []


def test_a_pause_ends_what_is_rendered_and_then_leaves_the_rest_to_the_farm(watched: Watched) -> None:
    watched.watch.update("", [(Wish.PAUSE, 3600.0)], 0.0)
    told = watched.tell()
    assert told[0] == ("recall", {"reason": "its owner paused it"})
    assert told[1][1]["paused_for_s"] == 3600
    assert told[1][1]["paused"].endswith("at the machine")
    watched.watch.update("", [], watched.watch._ends_until_s - 0.1)
    assert watched.tell() == []
    watched.watch.update("", [], watched.watch._ends_until_s + 0.1)
    assert watched.tell() == [("recall", {"reason": ""})], "the farm may resume it"


def test_a_pause_lasts_here_until_the_farm_knows_of_it(watched: Watched) -> None:
    watched.away = "farm"
    watched.watch.update("", [(Wish.PAUSE, None)], 0.0)
    watched.tell()
    watched.watch.update("", [], 1e6)
    assert watched.recalls() == []
    watched.away = ""
    assert [name for name, _ in watched.tell()] == ["configure_node"]


def test_it_renders_although_it_is_in_use_until_nobody_has_used_it_for_a_while(watched: Watched) -> None:
    for use, wishes, in_use in (
        (KEY, [], KEY), (KEY, [(Wish.ANYWAY, None)], ""), (KEY, [], ""), ("", [], ""), (KEY, [], KEY),
        (KEY, [(Wish.ANYWAY, None)], ""), (KEY, [(Wish.YIELD, None)], KEY),
    ):  # fmt: skip
        watched.watch.update(use, wishes, 0.0)
        assert watched.watch.use == in_use


def test_a_node_that_is_to_leave_ends_its_unit_first(watched: Watched) -> None:
    watched.watch.update("", [(Wish.LEAVE, None)], 0.0)
    assert watched.recalls() == ["its owner had it leave the farm"]
    watched.watch.update("", [], LAST_WORDS_S + 1)
    assert watched.recalls() == [], "it takes nothing more"


def test_a_service_learns_of_keys_from_the_tray_icon() -> None:
    blind = LastInput(blind="It runs as a service.")
    assert with_icon(blind, None) == blind
    assert with_icon(blind, 3.0) == LastInput(age_s=3.0, seen_by=("the tray icon",))
    assert with_icon(LastInput(age_s=1.0, seen_by=("Windows",)), 3.0).age_s == 1.0
