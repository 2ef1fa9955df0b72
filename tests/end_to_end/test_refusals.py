"""Bad input and trouble: one clear sentence, the right exit code, nothing started and nothing half-written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.conftest import ROOT, until
from tests.storage.seaweed import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.conftest import Studio

INTERIOR = str(ROOT / "scenes" / "interior.xml")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.xml"], ["scene:", "nowhere.xml does not exist"]),
        (["/tmp"], ["no renderer reads"]),
        ([INTERIOR, "--renderer", "mentalray"], ["renderer:", "mentalray", "mitsuba"]),
        ([INTERIOR, "--frames", "48-1"], ["frames:", "48-1", "1-48"]),
        ([INTERIOR, "--frames", "one"], ["frames:", "one", "1-48"]),
        ([INTERIOR, "--size", "big"], ["size:", "big", "1920x1080"]),
        ([INTERIOR, "--size", "100x100", "--region", "0,0,200,50"], ["region", "100x100", "x1 is at most 100"]),
        ([INTERIOR, "--samples", "0"], ["samples:", "0", "greater than or equal to 1"]),
        ([INTERIOR, "--aovs", "beauty"], ["aovs", "beauty", "'depth'"]),
        ([INTERIOR, "--out", "ftp://host/x"], ["ftp://host/x", "s3://"]),
        ([INTERIOR, "--nodes", "-1"], ["nodes", "-1"]),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_its_field_and_the_remedy(
    studio: Studio, arguments: list[str], words: list[str]
) -> None:
    done = studio.run("render", *arguments, "--json")
    assert done.returncode in (2, 3)
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(studio.folder.iterdir())
    until(lambda: not studio.processes())


def test_a_folder_that_cannot_be_written_is_named(studio: Studio) -> None:
    (studio.folder / "taken").write_text("a file, not a folder")
    done = studio.run("render", INTERIOR, "--out", studio.folder / "taken")
    assert done.returncode == 3
    assert "taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_s3_credentials_are_said_to_be_wrong(studio: Studio, s3_server: dict[str, str]) -> None:
    done = studio.run(
        "render", INTERIOR, "--out", f"s3://{BUCKET}/pictures",
        AWS_ENDPOINT_URL=s3_server["AWS_ENDPOINT_URL"], AWS_ACCESS_KEY_ID="stranger", AWS_SECRET_ACCESS_KEY="guess",
    )  # fmt: skip
    assert done.returncode == 3
    assert "AWS_ACCESS_KEY_ID" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_s3_server_that_is_down_is_said_to_be_down(studio: Studio) -> None:
    done = studio.run(
        "render", INTERIOR, "--out", f"s3://{BUCKET}/pictures",
        AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_ACCESS_KEY_ID="k", AWS_SECRET_ACCESS_KEY="s",
    )  # fmt: skip
    assert done.returncode == 3
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreadable_scene_is_named_with_the_place(studio: Studio) -> None:
    scene = studio.folder / "broken.xml"
    scene.write_text("<scene version='3.0.0'><shape type='sphere'></scene>")
    done = studio.run("render", scene, "--out", studio.folder / "out")
    assert done.returncode == 2
    assert "broken.xml" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((studio.folder / "out").glob("*.*"))
    until(lambda: not studio.processes())


def test_a_frame_that_fails_everywhere_says_why_and_the_others_are_finished(
    served: Studio, null_scene: Callable[..., Path]
) -> None:
    scene = null_scene(size="64x36", samples=4, faults=[{"do": "crash", "frame": 2}])
    done = served.run("render", scene, "--frames", "1-4", "--out", served.folder / "out", "--json")
    assert done.returncode == 1
    assert "frame 2" in done.stderr.lower()
    assert "exit code" in done.stderr or "ended by" in done.stderr
    written = {path.name for path in (served.folder / "out").glob("*.png")}
    assert written == {f"null.{frame:04d}.png" for frame in (1, 3, 4)}
    assert '"failed_frames": {"2"' in done.stdout
