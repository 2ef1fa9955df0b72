"""A watched folder: entries are rendered and moved, errors are reported, and a killed watch goes on."""

from __future__ import annotations

import shutil
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.conftest import COMMAND, TIMEOUT_S, until
from tests.submission.conftest import command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def watching(folder: Path, *options: object) -> Iterator[subprocess.Popen[bytes]]:
    with (folder.parent / "said").open("ab") as said:
        process = subprocess.Popen(
            [COMMAND, "watch", folder, "--settle", "0.5s", *map(str, options)], stdout=said, stderr=said
        )
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_entries_are_rendered_and_moved_and_a_killed_watch_goes_on(workdir: Path, scene: Callable[..., Path]) -> None:
    inbox, said = workdir / "in", workdir / "said"
    inbox.mkdir()
    (inbox / "wrong.yaml").write_text("scene: /nowhere/room.xml\nsamples: many")
    with watching(inbox) as watch:
        until((inbox / "failed" / "wrong.yaml.txt").exists)
        assert command("watch", inbox, "--once").returncode == 2, "one watch a folder"
        slow = scene("in/slow.json", cost_s=3)
        until(lambda: "slow.json: rendering" in said.read_text())
        watch.kill()
        watch.wait()
    assert "samples: 'many'" in (inbox / "failed" / "wrong.yaml.txt").read_text()
    assert slow.exists(), "it isn't rendered yet"

    scene("half/shop.json")
    (workdir / "half" / "job.yaml").write_text("scene: shop.json\nframes: 1-2\nout: here")
    with watching(inbox, "--seed", 3) as watch:
        shutil.move(workdir / "half", inbox / "shop")
        until((inbox / "done" / "shop.txt").exists)
        until((inbox / "done" / "slow.json").exists)
        watch.send_signal(signal.SIGINT)
        assert watch.wait(TIMEOUT_S) == 0
    assert (inbox / "pictures" / "slow.png").is_file()
    told = (inbox / "done" / "shop.txt").read_text().splitlines()
    assert told == [str(inbox / "here" / f"shop.000{frame}.{kind}") for frame in (1, 2) for kind in ("exr", "png")]
    assert (inbox / "done" / "shop" / "shop.json").is_file()
    left = {path.name for path in inbox.iterdir() if not path.name.startswith(".")}
    assert left == {"done", "failed", "pictures", "here", "slow.journal"}
