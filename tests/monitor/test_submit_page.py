"""The page a scene is dropped on, in a real browser: dropped or picked, read, asked, refused at its field, rendered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.conftest import until
from tests.monitor import farm_states
from tests.monitor.browser import DESKTOP, PHONE, Visit, note, visiting
from tests.monitor.fake_farm import FakeDropHandler, FakeFarm, serving

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.monitor.browser import Theme

pytestmark = pytest.mark.slow

BALL = json.dumps({"size": "32x18", "samples": 4})


@pytest.fixture
def farm(tmp_path: Path) -> FakeFarm:
    made = FakeFarm(tmp_path)
    farm_states.two_nodes(made)
    return made


@pytest.fixture
def drops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDropHandler:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return FakeDropHandler()


def drop(visit: Visit, *files: tuple[str, str], on: str = ".drop") -> None:
    visit.drop({name: text.encode() for name, text in files}, on)


def test_a_scene_is_dropped_and_rendered(farm: FakeFarm, drops: FakeDropHandler, browser: Browser) -> None:
    with serving(farm, drops=drops) as address, visiting(browser) as visit:
        page = visit.page
        visit.go(address)
        page.get_by_role("link", name="Submit").click()
        drop(visit, ("ball.json", BALL), ("wood.png", "wood"), (".DS_Store", ""))
        visit.wait_for_form()
        visit.sees("null · 32x18 · 4 samples")
        visit.sees("Empty is the scene's own, 32x18.")
        assert page.get_by_label("Name").input_value() == "ball"
        assert page.get_by_label("Pictures go to").input_value().startswith(str(farm.folder / "renders" / "ball-"))

        page.get_by_label("Size").fill("12")
        page.get_by_label("Samples").fill("many")
        visit.press("Render")
        visit.sees("'12': is not a size. Write width x height in pixels, such as 1920x1080.")
        wrong = page.locator("[aria-invalid='true']")
        assert [each.get_attribute("name") for each in wrong.all()] == ["size", "samples"]
        until(lambda: page.evaluate("document.activeElement.name") == "size")
        told_by = str(wrong.first.get_attribute("aria-describedby")).split()
        assert "is not a size" in page.locator(f"#{told_by[-1]}").inner_text(), "it is read out with the field"
        assert drops.asked == []

        page.get_by_label("Size").fill("64x36")
        page.get_by_label("Samples").fill("8")
        page.get_by_label("an animation").check()
        visit.press("Render")
        visit.sees("Enter frames, such as 1-48")
        page.get_by_label("Frames").fill("1-3")
        page.get_by_label("Priority").fill("80")
        visit.press("Render")
        page.wait_for_url("**/#/job/ball-00000001")
        visit.sees("Its process starts.")
        (asked,) = drops.asked
        assert asked.pop("scene").endswith("/ball.json")
        assert asked.pop("out").startswith(str(farm.folder / "renders" / "ball-"))
        assert asked == {"frames": "1-3", "size": "64x36", "samples": 8, "priority": 80, "name": "ball"}
        visit.open("submit")
        page.locator(".drop").wait_for()
        refused = [error for error in visit.errors if "400" not in error]
        assert refused == [], "a browser writes each refusal to its console"


def test_a_folder_is_picked_by_keyboard(farm: FakeFarm, drops: FakeDropHandler, visit: Visit, tmp_path: Path) -> None:
    shot = tmp_path / "shot"
    (shot / "tex").mkdir(parents=True)
    (shot / "ball.json").write_text(BALL)
    (shot / "tex" / "wood.png").write_text("wood")
    with serving(farm, drops=drops) as address:
        page = visit.page
        visit.go(address)
        page.keyboard.press("g")
        page.keyboard.press("s")
        page.locator(".drop").wait_for()
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "Choose a folder …":
                break
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Enter")
        chooser.value.set_files(str(shot))
        visit.wait_for_form()
        until(lambda: page.evaluate("document.activeElement.tagName") == "H1")
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "Render":
                break
        page.keyboard.press("Enter")
        page.wait_for_url("**/#/job/ball-00000001")
        assert drops.uploads is not None
        place = drops.uploads.folder
        assert sorted(path.name for path in place.rglob("*") if path.is_file()) == ["ball.json", "wood.png"]


def test_choosing_another_of_several_scenes(farm: FakeFarm, drops: FakeDropHandler, visit: Visit) -> None:
    with serving(farm, drops=drops) as address:
        visit.go(address, "submit")
        drop(visit, *((f"shot.{frame:04d}.json", BALL) for frame in (1, 2)), ("other.json", BALL))
        visit.wait_for_form()
        visit.page.get_by_label("Scene", exact=True).select_option("shot.####.json")
        until(
            lambda: visit.page.get_by_label("Frames").count() and visit.page.get_by_label("an animation").is_checked()
        )
        visit.press("Render")
        visit.page.wait_for_url("**/#/job/ball-00000001")
        assert drops.asked[0]["scene"].endswith("/shot.####.json")
        assert drops.asked[0]["frames"] == "1,2"


def test_after_a_refused_drop_another_one_is_possible(farm: FakeFarm, drops: FakeDropHandler, browser: Browser) -> None:
    assert drops.uploads is not None
    drops.uploads.max_bytes = 1000
    with serving(farm, drops=drops) as address, visiting(browser) as visit:
        visit.go(address, "submit")
        drop(visit, ("ball.json", "x" * 1001))
        visit.page.get_by_role("alert").get_by_text("The files have 1 kB; at most 1 kB are accepted.").wait_for()
        drop(visit, ("wood.png", "wood"), on="main")
        visit.page.get_by_role("alert").get_by_text("There is no scene among the files.").wait_for()
        until(lambda: drops.uploads is not None and list(drops.uploads.folder.iterdir()) == [])
        drop(visit, ("ball.json", BALL))
        visit.wait_for_form()
        visit.press("Drop another")
        visit.page.locator(".drop").wait_for()
        until(lambda: drops.uploads is not None and list(drops.uploads.folder.iterdir()) == [])


def test_closing_the_page_discards_the_upload(farm: FakeFarm, drops: FakeDropHandler, visit: Visit) -> None:
    with serving(farm, drops=drops) as address:
        visit.go(address, "submit")
        drop(visit, ("ball.json", BALL))
        visit.wait_for_form()
        assert drops.uploads is not None
        place = drops.uploads.folder
        assert len(list(place.iterdir())) == 1
        visit.page.goto("about:blank")
        until(lambda: list(place.iterdir()) == [])


def test_without_permission_there_is_no_page(farm: FakeFarm, drops: FakeDropHandler, visit: Visit) -> None:
    with serving(farm, allowed=lambda _, right: right == "look", drops=drops) as address:
        visit.go(address, "submit")
        visit.sees("You may not submit.")
        assert visit.page.get_by_role("link", name="Submit").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_and_a_phone_is_wide_enough(
    farm: FakeFarm, drops: FakeDropHandler, browser: Browser, theme: Theme
) -> None:
    found: dict[str, list[str]] = {}
    for size in (DESKTOP, PHONE):
        with serving(farm, drops=drops) as address, visiting(browser, size, theme=theme) as visit:
            visit.go(address, "submit")
            visit.page.locator(".drop").wait_for()
            found[f"empty {size[0]}"] = visit.serious_violations()
            visit.page.locator("[data-pick='files']").set_input_files(
                {"name": "ball.json", "mimeType": "application/json", "buffer": BALL.encode()}
            )
            visit.wait_for_form()
            found[f"form {size[0]}"] = visit.serious_violations()
            visit.page.get_by_label("Size").fill("12")
            visit.press("Render")
            visit.sees("is not a size")
            found[f"wrong {size[0]}"] = visit.serious_violations()
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    note(**{f"axe_submit_{theme}_grave": sum(map(len, found.values()))})
    assert not any(found.values()), "\n".join(line for lines in found.values() for line in lines)
