"""Whatever of a Windows node is killed, nothing of it runs on, no picture is wrong, and no file is half there."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.windows.kills import WAYS
from tests.windows.programs import MAX, put_max

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.windows.machine import WindowsMachine

pytestmark = pytest.mark.slow  # `make test-windows` runs it

KILLS = os.environ.get("FRONTBURNER_KILLS", "2")
"""Of each kind. Twenty take a quarter of an hour on an idle machine of two cores."""
TIMEOUT_S = 3600


@pytest.mark.timeout(TIMEOUT_S)
def test_nothing_is_left_of_what_is_killed(new_windows: Callable[[], WindowsMachine]) -> None:
    windows = new_windows()
    put_max(windows)
    ended = windows.run("-m", "tests.windows.kills", r"C:\kills", MAX, KILLS, timeout_s=TIMEOUT_S)
    assert ended.returncode == 0, ended.stdout
    found = json.loads(ended.stdout.strip().splitlines()[-1])
    for way in WAYS:
        result = found["results"][way]
        assert result["kills"] == int(KILLS)
        assert result["left"] == []
        assert result["wrong_pictures"] == 0
    assert found["half_files"] == []
