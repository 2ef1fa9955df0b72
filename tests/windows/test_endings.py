"""How a renderer's program ended is told in words, with what Windows calls it, wherever somebody reads it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.windows.programs import MAX, put_max

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.windows.machine import WindowsMachine

pytestmark = pytest.mark.slow  # `make test-windows` runs it

RENDER = r"""
import json, os, sys
from pathlib import Path
from tasks.errors import ProgramFailed
from tasks.process.user_command import CommandFailed, UserCommand, run
from tasks.renderers import RENDERERS
from tasks.renderers.trial import Trial
from tasks.spec import FrameSpec, SampleRange, Size, UnitSpec
program, adapter = os.environ["FRONTBURNER_3DSMAX"], RENDERERS["max3ds"]
scene = Path("room.max"); scene.write_bytes(b"a scene")
told = {}
for ends, path in (("access violation", program), ("stack overflow", program), ("no memory", program), ("-8", program),
                   ("7", program), ("DLL not found", str(Path(program).with_name("lacking.exe")))):
    os.environ.update(STAND_IN_ENDS=ends, FRONTBURNER_3DSMAX=path)
    (build,) = adapter.builds()
    info = adapter.inspect(scene, build=build, frame=1, parameters=())
    size = Size(width=8, height=8)
    frame = FrameSpec(renderer="max3ds", build=build, scene=str(scene), scene_digest=info.digest, frame=1, size=size,
                      samples=1)
    try:
        unit = UnitSpec(frame=frame, region=size.whole, samples=SampleRange(start=0, stop=1))
        adapter.open(frame, threads=1).render(unit)
    except ProgramFailed as error:
        unit = error.reason
    try:
        run(UserCommand(arguments=(path,), folder=".", log="log"))
    except CommandFailed as error:
        command = error.reason
    verdict = Trial(what="Max", command=(path,), remedy="Do.").run()
    told[ends] = [unit, command, verdict.reason, verdict.remedy]
print(json.dumps(told))
"""


def test_each_ending_has_its_words(new_windows: Callable[[], WindowsMachine]) -> None:
    windows = new_windows()
    put_max(windows)
    told = json.loads(windows.run("-c", RENDER, env={"FRONTBURNER_3DSMAX": MAX}).stdout.strip().splitlines()[-1])
    for name, status in (
        ("access violation", "0xc0000005"), ("stack overflow", "0xc00000fd"), ("no memory", "0xc0000017"),
        ("DLL not found", "0xc0000135"),
    ):  # fmt: skip
        unit, command, check, remedy = told[name]
        assert f"was ended by status {status} ({name})" in unit
        assert f"was ended by status {status} ({name})" in command
        assert "memory ran out" in check if name == "no memory" else name in check
        assert remedy
    assert "Visual C++ Redistributable" in told["DLL not found"][3]
    assert "has no licence on this node" in told["-8"][0]
    assert "ended with exit code -8" in told["-8"][1]
    assert "ended with exit code 7" in told["7"][0]
