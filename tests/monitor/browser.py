"""The page in a real browser, with the errors of its console."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from axe_playwright_python.sync_playwright import Axe
from locket import lock_file
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser, Page

Theme = Literal["light", "dark"]
CHROMIUM = Path("/usr/bin/chromium")
DESKTOP, PHONE = (1440, 900), (390, 844)
WAIT_MS = 300_000
"""For what never comes."""
DROP = """([files, on]) => { const all = new DataTransfer();
    const bytes = data => Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
    for (const [name, data] of files) all.items.add(new File([bytes(data)], name));
    const how = {dataTransfer: all, bubbles: true, cancelable: true};
    for (const kind of ['dragenter', 'dragover', 'drop'])
        document.querySelector(on).dispatchEvent(new DragEvent(kind, how)); }"""
SERIOUS = ("serious", "critical")
FIGURES = Path(__file__).resolve().parents[2] / "build" / "monitor.json"


@dataclass(slots=True)
class Visit:
    """A page that is open, and the errors it has written to its console."""

    page: Page
    errors: list[str] = field(default_factory=list)

    def go(self, address: str, where: str = "") -> None:
        """Open a page of the monitor and wait until it knows the farm."""
        self.page.goto(f"{address}#/{where}")
        self.page.wait_for_selector("main[data-busy='false']")

    def open(self, where: str) -> None:
        """Go to another page of the monitor."""
        self.page.evaluate("where => { location.hash = where; }", f"#/{where}")

    def sees(self, text: str) -> None:
        """Wait until there is a text."""
        self.page.get_by_text(text).first.wait_for(timeout=WAIT_MS)

    def press(self, name: str) -> None:
        """Press a button by its name."""
        self.page.get_by_role("button", name=name).first.click()

    def drop(self, files: Mapping[str, bytes], on: str = ".drop") -> None:
        """Drop files on something, as from one of the system's folders."""
        self.page.locator(".drop").wait_for()
        self.page.evaluate(DROP, [[[name, b64encode(data).decode()] for name, data in files.items()], on])

    def wait_for_form(self) -> None:
        """Wait until what was dropped has been read, and its form is there."""
        self.page.locator("form.job-form").wait_for(timeout=WAIT_MS)

    def serious_violations(self) -> list[str]:
        """What axe finds that is serious or critical."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{each['id']} ({each['impact']}): {node['html'][:160]} {node.get('failureSummary', '')}"
            for each in found
            if each["impact"] in SERIOUS
            for node in each["nodes"][:3]
        ]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(
    browser: Browser, size: tuple[int, int] = DESKTOP, *, theme: Theme = "dark", dots: float = 1, **more: Any
) -> Iterator[Visit]:
    """A fresh window."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, device_scale_factor=dots, **more
    )
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    visit = Visit(page)
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    page.on("console", lambda message: visit.errors.append(message.text) if message.type == "error" else None)
    try:
        yield visit
    finally:
        context.close()


def note(**figures: Any) -> None:
    """Keep figures for whoever wants to know."""
    FIGURES.parent.mkdir(exist_ok=True)
    with lock_file(str(FIGURES.with_suffix(".lock"))):  # tests run side by side
        known = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
        FIGURES.write_text(json.dumps(known | figures, indent=1) + "\n")
