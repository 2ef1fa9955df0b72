"""Pictures of a flow run's graph in Prefect's own UI: ``python -m tests.prefect_ui API_URL FLOW_RUN_ID OUT.png``."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from tests.monitor.browser import chromium, visiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Browser, Page, Route

Version = Literal["v1", "v2"]
LAYOUTS = {
    "Temporal dependency": "temporal_nearest-parent",
    "Temporal sequence": "temporal_waterfall",
    "Dependency grid": "dependency_nearest-parent",
    "Sequential grid": "dependency_waterfall",
}
"""How steps may be laid out, as the UI says and as it calls it; the first is its own choice."""
SIZE = 1600, 900
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
PATHS = {"v1": "runs/flow-run", "v2": "v2/runs/flow-run"}
SETTINGS = "[aria-label='Run Graph Options'], button:has(svg.lucide-cog)"
LOADED_MS = 60_000
LOOK_EVERY_MS, SAME_LOOKS, MOST_LOOKS = 300, 3, 20
GROWING = 0.01
"""Part of the picture that bars under way may add from look to look."""
HEAR_LAYOUTS = """window.asked = [];
    window.Worker = class extends Worker {
        constructor(...given) {
            super(...given);
            this.addEventListener('message', told => {
                if (told.data.type === 'layout') window.laidOut = window.asked.shift();
            });
        }
        postMessage(told, ...more) {
            if (told.type === 'layout')
                window.asked.push(`${told.horizontalSettings.mode}_${told.verticalSettings.mode}`);
            return super.postMessage(told, ...more);
        }
    };"""
"""The graph asks a worker where its steps are to be: once that has answered, there is something to draw."""


def picture(
    browser: Browser, api_url: str, flow_run: str, *, version: Version = "v1", layout: str = "",
    whole_page: bool = False,
) -> bytes:  # fmt: skip
    """Take a picture of a flow run's graph as it is now, or of the run's page; returns a PNG.

    Parameters
    ----------
    api_url
        Address of the server's interface; it serves its UI beside that.
    version
        Which of the two UIs.
    layout
        How steps are laid out, by the UI's own words; empty is as the UI has it.
    whole_page
        Whether all of the page is shown, with a small graph, instead of the graph alone.
    """
    address = f"{api_url.removesuffix('/').removesuffix('/api')}/{PATHS[version]}/{flow_run}"
    with visiting(browser, SIZE, service_workers="block") as visit:
        page = visit.page
        page.route("**/*", _stay_here)
        page.add_init_script(HEAR_LAYOUTS)
        with page.expect_response(lambda answer: answer.url.endswith("/graph-v2"), timeout=LOADED_MS):
            page.goto(address, timeout=LOADED_MS)
        _laid_out(page, next(iter(LAYOUTS)))
        if not whole_page:
            page.keyboard.press("f")
        if layout:
            _lay_out(page, layout)
        _settled(page)
        page.keyboard.press("c")
        return _settled(page)


def _lay_out(page: Page, layout: str) -> None:
    page.locator(SETTINGS).first.click()
    page.get_by_text(layout, exact=True).click()
    page.locator(SETTINGS).first.click()
    page.evaluate("document.activeElement.blur()")
    _laid_out(page, layout)


def _laid_out(page: Page, layout: str) -> None:
    page.wait_for_function("layout => window.laidOut === layout", arg=LAYOUTS[layout], timeout=LOADED_MS)


def _stay_here(route: Route) -> None:
    """Let nothing leave this machine."""
    address = urlsplit(route.request.url)
    if address.scheme == "blob" or address.hostname in LOOPBACK:
        route.continue_()
    else:
        route.abort()


def _settled(page: Page) -> bytes:
    """Look until nothing moves any more but the bars of what is under way, which grow; returns what is seen then."""
    seen, same = page.screenshot(), 1
    for _ in range(MOST_LOOKS):
        page.wait_for_timeout(LOOK_EVERY_MS)
        now = page.screenshot()
        same = same + 1 if _different(now, seen) < GROWING else 1
        seen = now
        if same == SAME_LOOKS:
            break
    return seen


def _different(one: bytes, other: bytes) -> float:
    """Return the part of two pictures that is different."""
    pixels = [np.asarray(Image.open(io.BytesIO(each))) for each in (one, other)]
    return float((pixels[0] != pixels[1]).any(axis=-1).mean())


def main(arguments: Sequence[str] | None = None) -> None:
    """Take one picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("api_url")
    parser.add_argument("flow_run")
    parser.add_argument("out", type=Path)
    parser.add_argument("--version", choices=["v1", "v2"], default="v1")
    parser.add_argument("--layout", choices=LAYOUTS, default="")
    parser.add_argument("--whole-page", action="store_true")
    given = parser.parse_args(arguments)
    with chromium() as browser:
        png = picture(browser, given.api_url, given.flow_run, version=given.version, layout=given.layout,
                      whole_page=given.whole_page)  # fmt: skip
    given.out.write_bytes(png)


if __name__ == "__main__":
    main()
