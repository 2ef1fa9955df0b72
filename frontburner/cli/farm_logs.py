"""``frontburner farm logs``: what the parts of a farm say."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from frontburner.cluster.log_files import RotatingLog, logs_folder
from frontburner.manager.farm_setup import SetupRefused, farm_folder
from frontburner.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

OK = 0
LOOK_S = 0.3


def show(part: str, *, last: int, follow: bool) -> int:
    """Print the last lines of one part's log, or of all."""
    logs = _logs(part)
    width = max(len(log.path.stem) for log in logs)

    def line(log: RotatingLog, text: str) -> None:
        print(text if part else f"{log.path.stem:<{width}} │ {text}", flush=True)

    news = [(log, log.follow()) for log in logs]
    begins = [next(said) for _, said in news] if follow else []
    assert not any(begins)
    for log in logs:
        for text in log.tail()[-last:] if last > 0 else ():
            line(log, text)
    while follow:
        for log, said in news:
            while text := next(said):
                line(log, text)
        time.sleep(LOOK_S)
    return OK


def _logs(part: str) -> Sequence[RotatingLog]:
    folders = farm_folder(Settings().home) / "logs", logs_folder()
    found = sorted(path for folder in folders for path in folder.glob("*.log"))
    named = [path for path in found if not part or path.stem == part]
    if not named:
        known = ", ".join(path.stem for path in found)
        raise SetupRefused(
            reason=f"No part called {part} has a log." if part else "No farm was ever up here.",
            remedy=f"There are {known}." if known else "Bring one up: frontburner farm up",
        )
    return [RotatingLog(path) for path in named]
