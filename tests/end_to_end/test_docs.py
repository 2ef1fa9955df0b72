"""What the pages for users show is run, line by line, on a farm: smaller pictures, other names, the same commands."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_docs import commands
from tests.end_to_end.conftest import ROOT, TIMEOUT_S, until
from tests.end_to_end.test_sharing import nodes, running_farm
from tests.notify.receivers import run_receivers

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Studio

SMALL = {
    r"--noise \S+": "--noise 0.5",
    r"--size \S+": "--size 48x27",
    r"--samples \S+": "--samples 4",
    r"--frames \S+": "--frames 1-2",
}
PLACES = {r"s3://\S+": "bucket", "/srv/pictures": "pictures", r"\brender-3\b": "node-2"}
LATER = ("node drain", "node remove")
"""Run last: the node is gone then."""
ELSEWHERE = ("farm start", "node start", "job suspend", "job cancel", "job resume", "--help", "frontburner watch",
             "--template")  # fmt: skip
"""Run by tests of their own, which see what comes of them."""
SCENES = ROOT / "tests" / "renderers" / "scenes"


@pytest.fixture
def desk(studio: Studio) -> Studio:
    """A folder with what the pages take for granted."""
    (studio.folder / "scenes").symlink_to(ROOT / "scenes")
    (studio.folder / "my").mkdir()
    shutil.copy(SCENES / "room.blend", studio.folder / "my" / "scene.blend")
    for name in ("room.pov", "room.inc", "tiles.png"):
        shutil.copy(SCENES / name, studio.folder)
    (studio.folder / "teapot.pov").write_text((SCENES / "room.pov").read_text())
    (studio.folder / "job.yaml").write_text("scene: scenes/interior.xml\nsize: 48x27\n")
    return studio


def small(line: str, job: str) -> str:
    """The same command for a small picture, this farm's nodes and a job that is there."""
    for pattern, other in (SMALL | PLACES | {r"room-1a2b\w*": job}).items():
        line = re.sub(pattern, other, line)
    words = shlex.split(line, comments=True)
    if words[1] == "render" and not line.count("--size"):
        words += ["--size", "48x27"]
    if words[1] == "render" and "--samples" not in words and "--noise" not in words:
        words += ["--samples", "4"]
    return shlex.join(words)


def shown() -> list[str]:
    """Return all commands of the pages for users, those that end a node last."""
    pages = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("start", "control", "nodes", "readiness"))]
    lines = [line for page in pages for line in commands(page) if not any(what in line for what in ELSEWHERE)]
    return sorted(dict.fromkeys(lines), key=lambda line: any(what in line for what in LATER))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_command_that_is_shown_does_what_it_says(desk: Studio, prefect: dict[str, str]) -> None:
    pytest.importorskip("bpy", reason="make env-renderers")
    job = desk.render("scenes/interior.xml", "--size", "48x27", "--samples", 4, "--out", "pictures")["job_id"]
    failed = {}
    with run_receivers(desk.home) as receivers, running_farm(desk, 2) as address:
        receivers.describe()
        guest = desk.start("node", "start", "--scheduler", address, "--name", "n7", "--threads", 1)
        until(lambda: "n7" in nodes(desk))
        for line in shown():
            told = small(line, job).replace(" n7", " node-1") if "remove" in line else small(line, job)
            server = prefect if " schedule " in told else {}  # of all commands, these alone can't do without
            done = desk.run(*shlex.split(told)[1:], FRONTBURNER_SCHEDULER=address, **server)
            if done.returncode:
                failed[told] = done.stdout + done.stderr
        guest.send_signal(signal.SIGTERM)
        guest.communicate(timeout=TIMEOUT_S)
        assert not failed
        assert receivers.mails
