"""What is made of a job's frames later has their colours, and its frames as far as they are known."""

from __future__ import annotations

import json
from dataclasses import asdict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from frontburner.jobs.job import make_job
from frontburner.record.recorded_frames import footage_from_status
from storage.objects import open_store
from storage.scene_view import SceneView
from storage.view import View
from tasks.picture.output_records import record_key

if TYPE_CHECKING:
    from pathlib import Path

VIEW = SceneView(program="blender 5.0.1", space="ACEScg", interop_id="lin_ap1_scene", display="sRGB", view="AgX")


def status(*frames: int) -> Any:
    return SimpleNamespace(written={frame: (f"shot.{frame:04d}.exr",) for frame in frames}, failed=[])


def test_frames_have_the_colours_they_were_written_with(tmp_path: Path) -> None:
    (tmp_path / "shot.blend").touch()
    store = open_store(str(tmp_path / "out"))
    for frame in (7, 8):
        document = {"order": "", "sha256": str(frame), "reached": {}, "view": asdict(VIEW)}
        store.write(record_key(f"shot.{frame:04d}.exr"), json.dumps(document).encode())
    job = make_job({"scene": str(tmp_path / "shot.blend"), "frames": "scene"})
    footage = footage_from_status(store, cast("Any", status(7, 8)), job)
    assert [each.files for each in footage.frames] == [(("shot.0007.exr", "7"),), (("shot.0008.exr", "8"),)]
    assert (footage.encoding.view, footage.encoding.scene) == (View.SCENE, VIEW)


def test_without_a_record_they_are_shown_in_srgb_and_their_digests_are_unknown(tmp_path: Path) -> None:
    (tmp_path / "shot.blend").touch()
    job = make_job({"scene": str(tmp_path / "shot.blend")})
    footage = footage_from_status(open_store(str(tmp_path / "out")), cast("Any", status(37)), job)
    assert [each.files for each in footage.frames] == [(("shot.0037.exr", ""),)]
    assert (footage.encoding.view, footage.encoding.scene) == (View.SRGB, None)
