"""Someone to tell, for as long as a test runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.notify.hearing import hearing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.notify.hearing import Heard


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    with hearing(tmp_path / "home") as found:
        yield found
