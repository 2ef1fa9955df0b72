"""Receivers of notifications, for as long as a test runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.notify.receivers import run_receivers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.notify.receivers import Receivers


@pytest.fixture
def receivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receivers]:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    with run_receivers(tmp_path / "home") as found:
        yield found
