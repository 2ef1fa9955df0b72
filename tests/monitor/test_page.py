"""The page in a real browser: every state it is designed for, every control, by keyboard, in light and dark."""

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
from tests.monitor import scenes
from tests.monitor.browser import PHONE, WAIT_MS, Visit, note, visiting
from tests.monitor.stage import (
    Stage,
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
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_without_a_farm_it_says_how_to_start_one(stage: Stage, visit: Visit) -> None:
    scenes.no_farm(stage)
    with serving(stage) as address:
        visit.go(address)
        visit.sees("No jobs yet.")
        visit.sees("frontburner farm start")
        visit.turn("nodes")
        visit.sees("No farm runs here.")


def test_a_farm_without_a_job_waits_for_one(stage: Stage, visit: Visit) -> None:
    scenes.two_nodes(stage)
    stage.nodes[0]["state"] = "idle"
    with serving(stage) as address:
        visit.go(address)
        visit.sees("The farm is ready and has no jobs.")


def test_a_job_that_waits_for_a_node_says_for_which(stage: Stage, visit: Visit) -> None:
    scenes.two_nodes(stage)
    scenes.waiting(stage)
    with serving(stage) as address:
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


def test_a_still_appears_part_by_part(stage: Stage, visit: Visit) -> None:
    scenes.two_nodes(stage)
    telling = scenes.still(stage, parts=2)
    with serving(stage) as address:
        visit.go(address, f"job/{scenes.ROOM}")
        until(lambda: shown(visit) == [255, 255, 0, 0])
        assert visit.page.locator(".in-flight rect").count() == 2, "what nodes are at is outlined"
        third = scenes.quarters()[2]
        put_part(stage, scenes.ROOM, third, gradient(80, 320, 180))
        telling.tell(finished("n1", third, 20, done=9))
        telling.write()
        until(lambda: shown(visit) == [255, 255, 255, 0])
        visit.sees("3 parts so far")


def test_parts_that_go_between_being_listed_and_asked_for_are_no_error(stage: Stage, visit: Visit) -> None:
    telling, asked = scenes.still(stage, parts=3), list[str]()

    def answer(route: Route) -> None:
        delete_parts(parts_folder(scenes.ROOM), stage.store)
        asked.append(route.request.url)
        route.continue_()

    visit.page.route("**/parts/*", answer)
    with serving(stage) as address:
        visit.go(address, f"job/{scenes.ROOM}")
        until(lambda: shown(visit) and len(asked) >= 3)
        put_preview(stage, scenes.ROOM, 0, gradient(9, 320, 180))
        picture = encode_png(np.zeros((9, 16, 3), np.float32), bits=8, view=View.SRGB)
        stage.store.write("room.0000.png", picture)
        telling.tell(ev.FrameWritten(at_s=30, frame=0, outputs=outputs(stage, scenes.ROOM, 0)))
        telling.write()
        visit.sees("Completely rendered")
        until(lambda: shown(visit) == [255] * 4)
        before = len(asked)
        telling.tell(ev.RunEnded(at_s=32, state=ev.RunState.COMPLETED))
        telling.write()
        until(lambda: visit.page.evaluate("document.querySelector('.zoom img')?.naturalWidth > 0"))
        assert len(asked) == before, "parts of a picture that is in place aren't asked for"


def test_a_still_without_a_png_is_shown_small_and_offers_only_what_there_is(stage: Stage, visit: Visit) -> None:
    telling = stage.telling(scenes.ROOM, now() - timedelta(seconds=60))
    telling.tell(started(scenes.ROOM, formats=["exr"]), replace(planned(scenes.ROOM, "0", 1), frames=1))
    put_preview(stage, scenes.ROOM, 0, gradient(9, 320, 180))
    telling.tell(ev.FrameWritten(at_s=30, frame=0, outputs=outputs(stage, scenes.ROOM, 0)[:1]))
    telling.tell(ev.RunEnded(at_s=32, state=ev.RunState.COMPLETED))
    telling.write()
    with serving(stage) as address:
        visit.go(address, f"job/{scenes.ROOM}")
        until(lambda: visit.page.evaluate("document.querySelector('.zoom img')?.naturalWidth") == 320)
        assert visit.page.locator("figcaption a").all_inner_texts() == ["EXR"]


def test_a_sequence_is_a_contact_sheet_and_plays(stage: Stage, visit: Visit) -> None:
    scenes.two_nodes(stage)
    scenes.sequence(stage)
    with serving(stage) as address:
        visit.go(address, f"job/{scenes.WALK}")
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


def test_a_sequence_is_played_and_stepped_by_keys_and_never_begins_by_itself(stage: Stage, browser: Browser) -> None:
    scenes.two_nodes(stage)
    scenes.sequence(stage)
    with serving(stage) as address, visiting(browser, reduced_motion="reduce") as visit:
        page = visit.page
        visit.go(address, f"job/{scenes.WALK}")
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


def test_frames_are_played_as_fast_as_was_chosen(stage: Stage, visit: Visit) -> None:
    scenes.two_nodes(stage)
    scenes.sequence(stage, ends=ev.RunState.COMPLETED)
    with serving(stage) as address:
        visit.go(address, f"job/{scenes.WALK}")
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


def test_failed_frames_tell_why_and_what_to_do(stage: Stage, visit: Visit) -> None:
    scenes.two_nodes(stage)
    scenes.sequence(stage, failed=True, ends=ev.RunState.FAILED)
    with serving(stage) as address:
        visit.go(address, f"job/{scenes.WALK}")
        visit.sees("2 frames failed: 5–6")
        visit.sees("The texture wood.exr is missing.")
        visit.sees(f"Fix the cause, then: frontburner job rerun {scenes.WALK} --failed")
        visit.press("Run failed frames again")
        until(lambda: ("resume", {"job": scenes.WALK, "request": RerunRequest(failed=True)}) in stage.calls)


def test_a_finished_job_shows_its_pictures_report_and_chart(stage: Stage, visit: Visit) -> None:
    scenes.sequence(stage, ends=ev.RunState.COMPLETED)
    scenes.report(stage)
    with serving(stage) as address:
        visit.go(address, f"job/{scenes.WALK}")
        visit.sees("97.0% of the time nodes were available went into pixels of the picture")
        until(lambda: visit.page.evaluate("document.querySelector('.chart img')?.naturalWidth") == 300)
        assert visit.page.get_by_role("link", name="Run in Prefect").get_attribute("href")


def test_a_node_that_is_not_ready_tells_why_and_what_to_do(stage: Stage, visit: Visit) -> None:
    scenes.broken_node(stage)
    with serving(stage) as address:
        visit.go(address, "nodes")
        visit.page.get_by_role("cell", name="n3").click()
        visit.sees("mitsuba: libLLVM.so is missing.")
        visit.sees("apt-get install libllvm19")


def test_a_lost_monitor_is_said_and_found_again(stage: Stage, browser: Browser) -> None:
    scenes.two_nodes(stage)
    with visiting(browser) as visit:
        with serving(stage) as address:
            visit.go(address)
            visit.page.locator(".connection[data-connection='live']").wait_for()
        visit.sees("The monitor doesn't answer")
        port = int(address.rsplit(":", 1)[1].rstrip("/"))
        with serving(stage, port=port):
            visit.page.locator(".connection[data-connection='live']").wait_for(timeout=WAIT_MS)
            assert visit.page.get_by_role("alert").count() == 0


def _form(visit: Visit, name: str, **fields: str) -> None:
    """Fill the dialog that is open, and go."""
    for field, value in fields.items():
        visit.page.locator(f"dialog [name='{field}']").fill(value)
    visit.page.locator("dialog").get_by_role("button", name=name, exact=True).click()


def test_each_control_of_a_job_does_what_it_says(stage: Stage, visit: Visit) -> None:
    scenes.two_nodes(stage)
    telling = scenes.sequence(stage)
    job = {"job": scenes.WALK}
    with serving(stage) as address:
        visit.go(address, f"job/{scenes.WALK}")
        visit.press("Suspend")
        until(lambda: stage.calls == [("suspend", job)])
        visit.press("Cancel …")
        _form(visit, "Cancel the job")
        until(lambda: ("cancel", job) in stage.calls)
        visit.press("Cancel …")
        visit.page.get_by_label("Suspend now: the same").check()
        _form(visit, "Cancel the job")
        until(lambda: ("suspend now", job) in stage.calls)
        visit.press("Priority")
        _form(visit, "Set", priority="80")
        until(lambda: priority_of(stage.store, scenes.WALK) == 80)
        telling.tell(ev.RunEnded(at_s=119, state=ev.RunState.SUSPENDED))
        telling.write()
        visit.press("Resume")
        until(lambda: ("resume", {**job, "request": None}) in stage.calls)
        visit.press("Run again …")
        _form(visit, "Run again", frames="3-5")
        until(lambda: ("resume", {**job, "request": RerunRequest(frames="3-5")}) in stage.calls)


def test_each_control_of_a_node_does_what_it_says(stage: Stage, visit: Visit) -> None:
    scenes.two_nodes(stage)
    scenes.sequence(stage)

    def last() -> tuple[str, dict[str, Any]]:
        return stage.calls[-1] if stage.calls else ("", {})

    with serving(stage) as address:
        visit.go(address, "node/n1")
        visit.press("Pause")
        until(lambda: last()[0] == "configure_node" and last()[1]["paused"])
        stage.nodes[0] |= {"state": "paused", "why": "it is paused by anna on desk"}
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
        until(lambda: last()[0] == "exclude" and last()[1]["job"] == scenes.WALK)
        visit.press("Check")
        visit.sees("1 GiB is left.")
        visit.press("Remove …")
        _form(visit, "Remove the node")
        until(lambda: last()[0] == "remove")
        visit.turn("nodes")
        visit.press("Limit a renderer …")
        _form(visit, "Set", renderer="vray", most="2")
        until(lambda: last() == ("license", {"renderer": "vray", "most": 2}))


def test_what_is_refused_is_said_and_read_out(stage: Stage, browser: Browser) -> None:
    scenes.two_nodes(stage)
    stage.refuses = "No node is called n1. There are n2."
    with serving(stage) as address, visiting(browser) as visit:
        visit.go(address, "node/n1")
        visit.press("Pause")
        visit.page.get_by_role("status").get_by_text("No node is called n1. There are n2.").wait_for()


def test_who_may_only_look_is_shown_no_controls(stage: Stage, visit: Visit) -> None:
    scenes.two_nodes(stage)
    scenes.sequence(stage)
    with serving(stage, allowed=lambda _, right: right == "look") as address:
        visit.go(address, f"job/{scenes.WALK}")
        visit.page.locator(".frame-cell").first.wait_for()
        assert visit.page.locator(".controls").count() == 0


def test_it_is_walked_by_keyboard_alone(stage: Stage, visit: Visit) -> None:
    scenes.two_nodes(stage)
    scenes.sequence(stage)
    scenes.still(stage)
    page = visit.page

    def focused() -> str:
        text: str = page.evaluate("document.activeElement.textContent + '|' + document.activeElement.className")
        return text

    with serving(stage) as address:
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
        assert stage.calls == []


PAGES: dict[str, list[Callable[[Stage], object]]] = {
    "jobs": [scenes.sequence, scenes.still],
    f"job/{scenes.WALK}": [partial(scenes.sequence, failed=True, ends=ev.RunState.FAILED), scenes.report],
    f"job/{scenes.ROOM}": [scenes.still],
    "nodes": [scenes.broken_node, scenes.sequence],
    "node/n3": [scenes.broken_node],
    "node/n1": [scenes.two_nodes, scenes.sequence],
}


def staged(stage: Stage, where: str) -> Stage:
    """A stage of its own for a page of the monitor."""
    own = Stage(stage.folder / where.replace("/", "-"))
    scenes.broken_node(own)
    for set_up in PAGES[where]:
        set_up(own)
    return own


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_grave(stage: Stage, browser: Browser, theme: Theme) -> None:
    found = {}
    for where in PAGES:
        own = staged(stage, where)
        for size in ((1440, 900), PHONE):
            with serving(own) as address, visiting(browser, size, theme=theme) as visit:
                visit.go(address, where)
                visit.page.wait_for_load_state("load")
                visit.page.locator("main h1").first.wait_for(state="attached")
                if where.startswith("job/"):
                    visit.page.locator(".viewer").first.wait_for()
                found[f"{where} {size[0]}"] = visit.grave()
                assert visit.errors == []
    note(**{f"axe_{theme}_grave": sum(map(len, found.values())), f"axe_{theme}_pages": len(found)})
    assert not any(found.values()), "\n".join(line for lines in found.values() for line in lines)


def test_nothing_is_wider_than_a_phone(stage: Stage, browser: Browser) -> None:
    for where in PAGES:
        own = staged(stage, where)
        with serving(own) as address, visiting(browser, PHONE) as visit:
            visit.go(address, where)
            visit.page.locator("main h1").first.wait_for(state="attached")
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], where


def test_what_changes_is_shown_without_reloading(stage: Stage, visit: Visit) -> None:
    scenes.two_nodes(stage)
    telling = scenes.sequence(stage)
    with serving(stage) as address:
        visit.go(address)
        visit.sees("12 of 24 in place")
        visit.page.evaluate("window.same = true")
        telling.tell(finished("n1", block(13, stop=64), 119, done=13 * scenes.WHOLE))
        put_preview(stage, scenes.WALK, 13, gradient(13))
        telling.tell(ev.FrameWritten(at_s=119, frame=13, outputs=outputs(stage, scenes.WALK, 13)))
        telling.write()
        visit.sees("13 of 24 in place")
        telling.tell(ev.RunEnded(at_s=119.5, state=ev.RunState.SUSPENDED))
        telling.write()
        visit.sees("suspended")
        until(lambda: "walk: suspended" in visit.page.locator("p.visually-hidden").inner_text())
        assert visit.page.evaluate("window.same")
