"""Generated pages are up to date."""

from __future__ import annotations

from frontburner.cli.reference import BUILDS, JOBS_PAGE, RENDERERS_PAGE, jobs_page, renderers_page
from tasks.renderers import RENDERERS


def test_the_page_on_jobs_is_up_to_date() -> None:
    assert JOBS_PAGE.read_text(encoding="utf-8") == jobs_page(), "run: make reference"


def test_the_page_on_renderers_is_up_to_date() -> None:
    text = RENDERERS_PAGE.read_text(encoding="utf-8")
    assert set(BUILDS) == set(RENDERERS)
    assert text == renderers_page(text), "run: make reference"
    assert "| povray | `3.7 povray` | `.pov`, `.ini` | yes |" in text
