"""From the add-on's button to the picture in Blender, with the bpy module and with the installed program."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from storage.images import decode_exr
from tests.end_to_end.conftest import COMMAND, TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
ROOM = ROOT / "tests" / "renderers" / "scenes" / "room.blend"
PRESS = Path(__file__).with_name("press_button.py")
BLENDERS = {
    "bpy": [sys.executable],
    "blender": ["blender", "--background", "--factory-startup", "--python-exit-code", "1", "--python"],
}


@pytest.fixture
def addon(tmp_path: Path) -> Path:
    """The add-on as `make addon` packs it."""
    target = tmp_path / "frontburner.zip"
    subprocess.run([sys.executable, ROOT / "addons" / "pack.py", target], check=True, timeout=TIMEOUT_S)
    return target


@pytest.fixture(params=BLENDERS)
def press(request: pytest.FixtureRequest, workdir: Path, addon: Path) -> Callable[..., dict[str, Any]]:
    """Press the button in a Blender of this kind, and return what came of it."""
    kind: str = request.param
    if kind == "bpy" and importlib.util.find_spec("bpy") is None:
        pytest.skip("the bpy module isn't there: make env-renderers")
    if kind == "blender" and shutil.which("blender") is None:
        pytest.skip("there is no Blender program")

    def act(blend: Path | None, *, command: str = str(COMMAND), resolution: int = 100, **told: Any) -> dict[str, Any]:
        answer = workdir / "answer.json"
        document = {
            "addon": str(addon), "blend": str(blend or ""), "command": command, "answer": str(answer),
            "pixels": str(workdir / "pixels"), "resolution": {"resolution_percentage": resolution}, "panel": {},
            **told,
        }  # fmt: skip
        own = {"BLENDER_USER_SCRIPTS": str(workdir / "scripts"), "BLENDER_USER_RESOURCES": str(workdir / "blender")}
        words = [*BLENDERS[kind], str(PRESS), *(["--"] if kind == "blender" else []), json.dumps(document)]
        done = subprocess.run(
            words,
            cwd=workdir,
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        assert answer.exists(), done.stdout + done.stderr
        found: dict[str, Any] = json.loads(answer.read_text())
        return found

    return act


@pytest.mark.slow
def test_the_image_in_blender_is_the_rendered_picture(press: Callable[..., dict[str, Any]], workdir: Path) -> None:
    blend = Path(shutil.copy(ROOM, workdir))
    before = blend.read_bytes()
    answer = press(blend, moved="Cube", panel={"samples": 4, "nodes": 1})
    assert (answer["error"], answer["result"]) == ("", ["FINISHED"])
    assert blend.read_bytes() != before, "what was edited was saved first"
    file = workdir / "renders" / "room.0001.exr"
    assert Path(answer["image"]["file"]).resolve() == file.resolve()
    picture = decode_exr(file.read_bytes())[0]
    pixels = np.frombuffer((workdir / "pixels").read_bytes(), np.float32).reshape(answer["image"]["shape"])
    np.testing.assert_array_equal(pixels[::-1, :, :3], picture[..., :3])
    assert picture[..., :3].std() > 0.05, "there is something to see"

    sequence = press(blend, resolution=50, panel={"samples": 1, "what": "ANIMATION", "out": "//walk/"})
    assert sequence["error"] == ""
    assert sequence["image"]["source"] == "SEQUENCE"
    assert [frame for frame, _ in sorted(sequence["pictures"])] == [1, 2, 3, 4]
    assert {path.name for path in (workdir / "walk").glob("*.exr")} == {f"room.000{frame}.exr" for frame in range(1, 5)}


@pytest.mark.slow
def test_errors_are_shown_with_reason_and_remedy(press: Callable[..., dict[str, Any]], workdir: Path) -> None:
    blend = Path(shutil.copy(ROOM, workdir))
    answer = press(blend, command="/nowhere/frontburner")
    assert "There is no command '/nowhere/frontburner' on this machine. Set its path in" in answer["error"]
    answer = press(blend, panel={"out": "/proc/nowhere"})
    assert answer["ended"]["exit_code"] in (2, 3)
    assert "/proc/nowhere" in answer["error"]


@pytest.mark.slow
def test_an_unsaved_file_is_rendered_from_a_copy(press: Callable[..., dict[str, Any]], workdir: Path) -> None:
    answer = press(None, resolution=2, panel={"samples": 1})
    assert answer["error"] == ""
    assert answer["image"]["packed"] is True
    assert answer["named"] is False, "it has no name still"


def test_the_zip_file_is_reproducible_and_complete(addon: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    subprocess.run([sys.executable, ROOT / "addons" / "pack.py", again], check=True, timeout=TIMEOUT_S)
    assert addon.read_bytes() == again.read_bytes()
    names = set(zipfile.ZipFile(addon).namelist())
    assert {f"frontburner_addon/{name}" for name in ("__init__.py", "blender_manifest.toml", "run.py")} <= names
    assert not any("__pycache__" in name for name in names)


def test_the_zip_file_is_a_valid_extension(addon: Path) -> None:
    found = importlib.util.find_spec("bpy")
    if found is None or found.origin is None:
        pytest.skip("the bpy module isn't there: make env-renderers")
    tools = next(Path(found.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    done = subprocess.run(
        [sys.executable, tools, "validate", addon], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert (done.returncode, "Success" in done.stdout) == (0, True), done.stdout + done.stderr
