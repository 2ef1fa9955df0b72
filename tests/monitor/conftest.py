"""A browser for all tests of a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.monitor.browser import CHROMIUM, Visit, chromium, visiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """While it is there, this thread has an event loop that runs: other modules want theirs."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium isn't installed: apt-get install chromium")
    with chromium() as found:
        yield found


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    with visiting(browser) as found:
        yield found
        assert found.errors == [], "nothing may be written to the console as an error"
