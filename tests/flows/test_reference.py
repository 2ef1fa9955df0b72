"""The page on jobs is what the job document says."""

from __future__ import annotations

from flows.cli.reference import PAGE, page


def test_the_page_on_jobs_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make reference"
