"""The page in a real browser: every state it is designed for, every control, by keyboard, in light and dark.

One file over 300 lines: all tests use one browser and one farm of all states.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from frontburner import events as ev
from frontburner.control.desired_state import priority_of
from frontburner.control.resume import RerunRequest
from frontburner.run.previews import parts_folder
from storage.images import encode_png
from storage.view import View
from tasks.picture.still_parts import delete_parts
from tests.end_to_end.conftest import until
from tests.monitor import farm_states
from tests.monitor.browser import PHONE, WAIT_MS, Visit, note, visiting
from tests.monitor.fake_farm import (
    FakeFarm,
    block,
    finished,
    gradient,
    now,
    outputs,
    planned,
    put_part,
    put_preview,
    serving,
    started,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Browser, Route

    from tests.monitor.browser import Theme

pytestmark = pytest.mark.slow


@pytest.fixture
def farm(tmp_path: Path) -> FakeFarm:
    return FakeFarm(tmp_path)


def test_without_a_farm_the_page_says_how_to_start_one(farm: FakeFarm, visit: Visit) -> None:
    farm_states.no_farm(farm)
    with serving(farm) as address:
        visit.go(address)
        visit.sees("No jobs yet.")
        visit.sees("frontburner farm start")
        visit.open("nodes")
        visit.sees("No farm runs here.")


def test_a_farm_without_jobs(farm: FakeFarm, visit: Visit) -> None:
    farm_states.two_nodes(farm)
    farm.nodes[0]["state"] = "idle"
    with serving(farm) as address:
        visit.go(address)
        visit.sees("The farm is ready and has no jobs.")


def test_a_waiting_job_says_why(farm: FakeFarm, visit: Visit) -> None:
    farm_states.two_nodes(farm)
    farm_states.waiting(farm)
    with serving(farm) as address:
        visit.go(address)
        visit.sees("Waits for a node; its only node: walk-0a1b2c3d has it, priority 80")


def shown(visit: Visit) -> list[int]:
    """How opaque the still is in the middle of each of its quarters, 0 where nothing was drawn."""
    opaque: list[int] = visit.page.evaluate(
        """() => { const c = document.querySelector('.viewer canvas'), p = c?.getContext('2d'); if (!p) return [];
        return [[.25, .25], [.75, .25], [.25, .75], [.75, .75]].map(([x, y]) =>
            p.getImageData(x * c.width, y * c.height, 1, 1).data[3]); }"""
    )
    return opaque


def test_a_still_appears_part_by_part(farm: FakeFarm, visit: Visit) -> None:
    farm_states.two_nodes(farm)
    record = farm_states.still(farm, parts=2)
    with serving(farm) as address:
        visit.go(address, f"job/{farm_states.ROOM}")
        until(lambda: shown(visit) == [255, 255, 0, 0])
        assert visit.page.locator(".in-flight rect").count() == 2, "what nodes are at is outlined"
        third = farm_states.quarters()[2]
        put_part(farm, farm_states.ROOM, third, gradient(80, 320, 180))
        record.add(finished("n1", third, 20, done=9))
        record.write()
        until(lambda: shown(visit) == [255, 255, 255, 0])
        visit.sees("3 parts so far")


def test_parts_deleted_before_they_are_requested_are_no_error(farm: FakeFarm, visit: Visit) -> None:
    record, asked = farm_states.still(farm, parts=3), list[str]()

    def answer(route: Route) -> None:
        delete_parts(parts_folder(farm_states.ROOM), farm.store)
        asked.append(route.request.url)
        route.continue_()

    visit.page.route("**/parts/*", answer)
    with serving(farm) as address:
        visit.go(address, f"job/{farm_states.ROOM}")
        until(lambda: shown(visit) and len(asked) >= 3)
        put_preview(farm, farm_states.ROOM, 0, gradient(9, 320, 180))
        picture = encode_png(np.zeros((9, 16, 3), np.float32), bits=8, view=View.SRGB)
        farm.store.write("room.0000.png", picture)
        record.add(ev.FrameWritten(at_s=30, frame=0, outputs=outputs(farm, farm_states.ROOM, 0)))
        record.write()
        visit.sees("Completely rendered")
        until(lambda: shown(visit) == [255] * 4)
        before = len(asked)
        record.add(ev.RunEnded(at_s=32, state=ev.RunState.COMPLETED))
        record.write()
        until(lambda: visit.page.evaluate("document.querySelector('.zoom img')?.naturalWidth > 0"))
        assert len(asked) == before, "parts of a picture that is in place aren't asked for"


def test_a_still_without_a_png_is_shown_as_a_thumbnail(farm: FakeFarm, visit: Visit) -> None:
    record = farm.record_of(farm_states.ROOM, now() - timedelta(seconds=60))
    record.add(started(farm_states.ROOM, formats=["exr"]), replace(planned(farm_states.ROOM, "0", 1), frames=1))
    put_preview(farm, farm_states.ROOM, 0, gradient(9, 320, 180))
    record.add(ev.FrameWritten(at_s=30, frame=0, outputs=outputs(farm, farm_states.ROOM, 0)[:1]))
    record.add(ev.RunEnded(at_s=32, state=ev.RunState.COMPLETED))
    record.write()
    with serving(farm) as address:
        visit.go(address, f"job/{farm_states.ROOM}")
        until(lambda: visit.page.evaluate("document.querySelector('.zoom img')?.naturalWidth") == 320)
        assert visit.page.locator("figcaption a").all_inner_texts() == ["EXR"]


def test_a_sequence_is_a_contact_sheet_and_plays(farm: FakeFarm, visit: Visit) -> None:
    farm_states.two_nodes(farm)
    farm_states.sequence(farm)
    with serving(farm) as address:
        visit.go(address, f"job/{farm_states.WALK}")
        visit.page.locator(".frame-cell").nth(23).wait_for()
        assert visit.page.locator(".frame-cell[data-frame='p'] img").count() == 12
        until(
            lambda: visit.page.evaluate(
                "[...document.querySelectorAll('.frame-cell img')].every(i => i.naturalWidth > 0)"
            )
        )
        visit.press("Play the frames in place")
        seen: set[str] = set()

        def moving() -> bool:
            seen.add(visit.page.locator(".at-frame").inner_text())
            return len(seen) > 4

        until(moving)
        visit.press("Pause")
        visit.page.get_by_role("button", name="Frame 3, in place").click()
        until(lambda: visit.page.locator(".at-frame").inner_text() == "3")
        visit.page.get_by_role("button", name="in place 12", exact=False).last.click()
        until(lambda: visit.page.locator(".frame-cell").count() == 12)


def test_a_sequence_is_played_and_stepped_by_keys(farm: FakeFarm, browser: Browser) -> None:
    farm_states.two_nodes(farm)
    farm_states.sequence(farm)
    with serving(farm) as address, visiting(browser, reduced_motion="reduce") as visit:
        page = visit.page
        visit.go(address, f"job/{farm_states.WALK}")
        page.locator(".frame-cell[data-frame='p'] img").nth(11).wait_for()

        def frame() -> str:
            return page.locator(".at-frame").inner_text()

        assert frame() == "12"
        page.wait_for_function("() => document.querySelector('.player-screen img')?.naturalWidth > 0")
        assert page.get_by_role("button", name="Play the frames in place").is_enabled(), "and not pressed by itself"
        assert frame() == "12"
        page.evaluate("document.querySelector('main').focus({preventScroll: true})")
        page.keyboard.press("ArrowLeft")
        until(lambda: frame() == "11")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        until(lambda: frame() == "13")
        held = """key => { for (let nth = 0; nth < 5; nth++)
            document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })); }"""
        page.evaluate(held, "ArrowLeft")
        until(lambda: frame() == "8")
        page.evaluate(held, "ArrowRight")
        until(lambda: frame() == "13")
        visit.sees("Frame 13 is rendering")
        page.keyboard.press("Space")
        page.get_by_role("button", name="Pause").wait_for()
        until(lambda: frame() == "3")
        page.keyboard.press("Space")
        page.get_by_role("button", name="Play the frames in place").wait_for()
        stopped = frame()
        page.keyboard.press("ArrowLeft")
        until(lambda: frame() == str(max(1, int(stopped) - 1)))
        assert page.evaluate("scrollY") == 0, "space plays, it doesn't scroll"
        page.get_by_label("Frames a second").select_option("6")
        page.locator("main").focus()
        page.keyboard.press("Space")
        page.get_by_role("button", name="Frame 9, in place").click()
        page.get_by_role("button", name="Play the frames in place").wait_for()
        until(lambda: frame() == "9")
        assert visit.errors == []


def test_frames_are_played_at_the_chosen_rate(farm: FakeFarm, visit: Visit) -> None:
    farm_states.two_nodes(farm)
    farm_states.sequence(farm, ends=ev.RunState.COMPLETED)
    with serving(farm) as address:
        visit.go(address, f"job/{farm_states.WALK}")
        visit.page.locator(".frame-cell").nth(23).wait_for()
        visit.press("Play the frames in place")
        told = visit.page.evaluate(
            """() => new Promise(done => { const at = document.querySelector('.at-frame'), seen = [];
            new MutationObserver(() => { seen.push(performance.now()); if (seen.length === 73) done(seen); })
                .observe(at, {characterData: true, childList: true, subtree: true}); })"""
        )
    each_ms = (told[-1] - told[24]) / (len(told) - 25)
    note(playing_fps=round(1000 / each_ms, 1))
    assert 38 < each_ms < 60, "24 frames a second, as far as a busy machine has them"


def test_failed_frames_show_reason_and_remedy(farm: FakeFarm, visit: Visit) -> None:
    farm_states.two_nodes(farm)
    farm_states.sequence(farm, failed=True, ends=ev.RunState.FAILED)
    with serving(farm) as address:
        visit.go(address, f"job/{farm_states.WALK}")
        visit.sees("2 frames failed: 5–6")
        visit.sees("The texture wood.exr is missing.")
        visit.sees(f"Fix the cause, then: frontburner job rerun {farm_states.WALK} --failed")
        visit.press("Run failed frames again")
        until(lambda: ("resume", {"job": farm_states.WALK, "request": RerunRequest(failed=True)}) in farm.calls)


def test_a_finished_job_shows_its_pictures_report_and_chart(farm: FakeFarm, visit: Visit) -> None:
    farm_states.sequence(farm, ends=ev.RunState.COMPLETED)
    farm_states.report(farm)
    with serving(farm) as address:
        visit.go(address, f"job/{farm_states.WALK}")
        visit.sees("97.0% of the time nodes were available went into pixels of the picture")
        until(lambda: visit.page.evaluate("document.querySelector('.chart img')?.naturalWidth") == 300)
        assert visit.page.get_by_role("link", name="Run in Prefect").get_attribute("href")


def test_a_node_that_is_not_ready_shows_reason_and_remedy(farm: FakeFarm, visit: Visit) -> None:
    farm_states.broken_node(farm)
    with serving(farm) as address:
        visit.go(address, "nodes")
        visit.page.get_by_role("cell", name="n3").click()
        visit.sees("mitsuba: libLLVM.so is missing.")
        visit.sees("apt-get install libllvm19")


def test_a_lost_connection_is_shown_and_restored(farm: FakeFarm, browser: Browser) -> None:
    farm_states.two_nodes(farm)
    with visiting(browser) as visit:
        with serving(farm) as address:
            visit.go(address)
            visit.page.locator(".connection[data-connection='live']").wait_for()
        visit.sees("The monitor doesn't answer")
        port = int(address.rsplit(":", 1)[1].rstrip("/"))
        with serving(farm, port=port):
            visit.page.locator(".connection[data-connection='live']").wait_for(timeout=WAIT_MS)
            assert visit.page.get_by_role("alert").count() == 0


def _form(visit: Visit, name: str, **fields: str) -> None:
    """Fill the dialog that is open, and go."""
    for field, value in fields.items():
        visit.page.locator(f"dialog [name='{field}']").fill(value)
    visit.page.locator("dialog").get_by_role("button", name=name, exact=True).click()


def test_controls_of_a_job(farm: FakeFarm, visit: Visit) -> None:
    farm_states.two_nodes(farm)
    record = farm_states.sequence(farm)
    job = {"job": farm_states.WALK}
    with serving(farm) as address:
        visit.go(address, f"job/{farm_states.WALK}")
        visit.press("Suspend")
        until(lambda: farm.calls == [("suspend", job)])
        visit.press("Cancel …")
        _form(visit, "Cancel the job")
        until(lambda: ("cancel", job) in farm.calls)
        visit.press("Cancel …")
        visit.page.get_by_label("Suspend now: the same").check()
        _form(visit, "Cancel the job")
        until(lambda: ("suspend now", job) in farm.calls)
        visit.press("Priority")
        _form(visit, "Set", priority="80")
        until(lambda: priority_of(farm.store, farm_states.WALK) == 80)
        record.add(ev.RunEnded(at_s=119, state=ev.RunState.SUSPENDED))
        record.write()
        visit.press("Resume")
        until(lambda: ("resume", {**job, "request": None}) in farm.calls)
        visit.press("Run again …")
        _form(visit, "Run again", frames="3-5")
        until(lambda: ("resume", {**job, "request": RerunRequest(frames="3-5")}) in farm.calls)


def test_controls_of_a_node(farm: FakeFarm, visit: Visit) -> None:
    farm_states.two_nodes(farm)
    farm_states.sequence(farm)

    def last() -> tuple[str, dict[str, Any]]:
        return farm.calls[-1] if farm.calls else ("", {})

    with serving(farm) as address:
        visit.go(address, "node/n1")
        visit.press("Pause")
        until(lambda: last()[0] == "configure_node" and last()[1]["paused"])
        farm.nodes[0] |= {"state": "paused", "why": "it is paused by anna on desk"}
        visit.press("Resume")
        until(lambda: last()[1].get("paused") == "")
        visit.press("Drain")
        until(lambda: last()[1].get("draining"))
        visit.press("Groups …")
        _form(visit, "Set", groups="gpu, big")
        until(lambda: last()[1].get("groups") == ["gpu", "big"])
        visit.press("Hours …")
        _form(visit, "Set", hours="sat-sun")
        until(lambda: last()[1].get("hours") == "sat-sun")
        visit.press("Jobs …")
        _form(visit, "Change")
        until(lambda: last()[0] == "exclude" and last()[1]["job"] == farm_states.WALK)
        visit.press("Check")
        visit.sees("1 GiB is left.")
        visit.press("Remove …")
        _form(visit, "Remove the node")
        until(lambda: last()[0] == "remove")
        visit.open("nodes")
        visit.press("Limit a renderer …")
        _form(visit, "Set", renderer="vray", most="2")
        until(lambda: last() == ("license", {"renderer": "vray", "most": 2}))


def test_refusals_are_shown_and_announced(farm: FakeFarm, browser: Browser) -> None:
    farm_states.two_nodes(farm)
    farm.refuses = "No node is called n1. There are n2."
    with serving(farm) as address, visiting(browser) as visit:
        visit.go(address, "node/n1")
        visit.press("Pause")
        visit.page.get_by_role("status").get_by_text("No node is called n1. There are n2.").wait_for()


def test_without_permission_there_are_no_controls(farm: FakeFarm, visit: Visit) -> None:
    farm_states.two_nodes(farm)
    farm_states.sequence(farm)
    with serving(farm, allowed=lambda _, right: right == "look") as address:
        visit.go(address, f"job/{farm_states.WALK}")
        visit.page.locator(".frame-cell").first.wait_for()
        assert visit.page.locator(".controls").count() == 0


def test_the_page_is_usable_by_keyboard(farm: FakeFarm, visit: Visit) -> None:
    farm_states.two_nodes(farm)
    farm_states.sequence(farm)
    farm_states.still(farm)
    page = visit.page

    def focused() -> str:
        text: str = page.evaluate("document.activeElement.textContent + '|' + document.activeElement.className")
        return text

    with serving(farm) as address:
        visit.go(address)
        page.keyboard.press("Tab")
        assert "To the content" in focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert "walk" in focused()
        page.keyboard.press("ArrowDown")
        until(lambda: "The room" in focused())
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="The room", level=1).wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("heading", name="Running").wait_for()
        page.keyboard.press("g")
        page.keyboard.press("n")
        page.get_by_role("table", name="Nodes").wait_for()
        page.keyboard.press("/")
        page.keyboard.type("n2")
        until(lambda: page.locator(".cell .node").count() == 1)
        page.keyboard.press("Tab")
        assert "n2" in focused()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="n2", level=1).wait_for()
        for _ in range(40):
            page.keyboard.press("Tab")
            if "Remove" in focused():
                break
        page.keyboard.press("Enter")
        page.locator("dialog[open]").wait_for()
        page.keyboard.press("Escape")
        page.locator("dialog").wait_for(state="detached")
        until(lambda: "Remove" in focused())
        assert farm.calls == []


PAGES: dict[str, list[Callable[[FakeFarm], object]]] = {
    "jobs": [farm_states.sequence, farm_states.still],
    f"job/{farm_states.WALK}": [
        partial(farm_states.sequence, failed=True, ends=ev.RunState.FAILED),
        farm_states.report,
    ],
    f"job/{farm_states.ROOM}": [farm_states.still],
    "nodes": [farm_states.broken_node, farm_states.sequence],
    "node/n3": [farm_states.broken_node],
    "node/n1": [farm_states.two_nodes, farm_states.sequence],
}


def farm_in(farm: FakeFarm, where: str) -> FakeFarm:
    """A farm of its own for a page of the monitor."""
    own = FakeFarm(farm.folder / where.replace("/", "-"))
    farm_states.broken_node(own)
    for set_up in PAGES[where]:
        set_up(own)
    return own


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(farm: FakeFarm, browser: Browser, theme: Theme) -> None:
    found = {}
    for where in PAGES:
        own = farm_in(farm, where)
        for size in ((1440, 900), PHONE):
            with serving(own) as address, visiting(browser, size, theme=theme) as visit:
                visit.go(address, where)
                visit.page.wait_for_load_state("load")
                visit.page.locator("main h1").first.wait_for(state="attached")
                if where.startswith("job/"):
                    visit.page.locator(".viewer").first.wait_for()
                found[f"{where} {size[0]}"] = visit.serious_violations()
                assert visit.errors == []
    note(**{f"axe_{theme}_grave": sum(map(len, found.values())), f"axe_{theme}_pages": len(found)})
    assert not any(found.values()), "\n".join(line for lines in found.values() for line in lines)


def test_nothing_is_wider_than_a_phone(farm: FakeFarm, browser: Browser) -> None:
    for where in PAGES:
        own = farm_in(farm, where)
        with serving(own) as address, visiting(browser, PHONE) as visit:
            visit.go(address, where)
            visit.page.locator("main h1").first.wait_for(state="attached")
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], where


def test_changes_are_shown_without_reloading(farm: FakeFarm, visit: Visit) -> None:
    farm_states.two_nodes(farm)
    record = farm_states.sequence(farm)
    with serving(farm) as address:
        visit.go(address)
        visit.sees("12 of 24 in place")
        visit.page.evaluate("window.same = true")
        record.add(finished("n1", block(13, stop=64), 119, done=13 * farm_states.WHOLE))
        put_preview(farm, farm_states.WALK, 13, gradient(13))
        record.add(ev.FrameWritten(at_s=119, frame=13, outputs=outputs(farm, farm_states.WALK, 13)))
        record.write()
        visit.sees("13 of 24 in place")
        record.add(ev.RunEnded(at_s=119.5, state=ev.RunState.SUSPENDED))
        record.write()
        visit.sees("suspended")
        until(lambda: "walk: suspended" in visit.page.locator("p.visually-hidden").inner_text())
        assert visit.page.evaluate("window.same")
