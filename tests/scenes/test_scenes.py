"""A few scenes of each renderer, as ``make test-scenes`` judges all: pictures, and the files they depend on."""

from __future__ import annotations

import importlib.util
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.scenes.judge import CRASHED, WRONG
from tests.scenes.opened_files import MARK, opened
from tests.scenes.run import run_group

if TYPE_CHECKING:
    from pathlib import Path

INSTALLED = {
    "blender": importlib.util.find_spec("bpy"),
    "imports": importlib.util.find_spec("bpy"),
    "mitsuba": importlib.util.find_spec("mitsuba"),
    "povray": shutil.which("povray"),
}


@pytest.mark.parametrize("group", [group for group, installed in INSTALLED.items() if installed])
def test_pictures_are_the_renderers_own(group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTBURNER_CACHE", str(tmp_path / "cache"))
    verdicts = run_group(group, tmp_path / group, [], quick=True)
    assert verdicts
    assert [(each.name, each.sentence) for each in verdicts if each.verdict in (WRONG, CRASHED)] == []


def test_a_trace_is_read_by_marks_and_names_are_decoded(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_text(
        f'7 openat(AT_FDCWD</>, "{MARK}a/1", O_RDONLY) = -1 ENOENT (No such file or directory)\n'
        '7 openat(AT_FDCWD</>, "/t/\\303\\274 \\"x\\".png", O_RDONLY|O_CLOEXEC) = 4</t/\\303\\274 "x".png>\n'
        '8 openat(AT_FDCWD</>, "/t", O_RDONLY|O_DIRECTORY) = 5</t>\n'
        '7 openat(AT_FDCWD</>, "out", O_WRONLY|O_CREAT, 0666) = 6</t/out>\n'
        '8 openat(AT_FDCWD</>, "/t/b", O_RDONLY <unfinished ...>\n'
        f'7 openat(AT_FDCWD</>, "{MARK}a/2", O_RDONLY) = -1 ENOENT (No such file or directory)\n'
        "8 <... openat resumed>) = 7</t/b>\n"
    )
    assert opened(trace) == {"a/1": {'/t/ü "x".png'}, "a/2": {"/t/b"}}
