"""A job has the same name in every later version, as long as its user says the same of it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from frontburner.control.conditions import record_scene
from frontburner.jobs.identity import FIRST, HOW_FIELDS
from frontburner.jobs.job import RenderJob, make_job
from storage.objects import open_store
from storage.view import View
from tasks.scene.manifest import manifest_of

if TYPE_CHECKING:
    from pathlib import Path

KNOWN: list[tuple[str, dict[str, Any]]] = [
    ("room-97ce7266", {"scene": "shots/room.xml"}),
    (
        "Küche-55b0bf9c",
        {
            "scene": "/s/Küche 1.blend",
            "camera": "Kamera 2",
            "parameters": {"view_layer": "Möbel", "Wärme": "hoch"},
            "name": "Küche",
        },
    ),
    ("shot-b95df440", {"scene": "s3/shot.####.xml", "frames": "1-48,60,70-90x2", "size": "1920x1080", "samples": 256}),
    ("room-94f16fb0", {"scene": "room.xml", "region": "0,0,64,32", "size": "640x360"}),
    ("room-f8133559", {"scene": "room.xml", "noise": 0.02, "samples": 4096}),
    ("room-c50c3c01", {"scene": "room.xml", "noise": 1e-7, "time_limit": "1h30m", "finish_by": "2026-03-01 08:00"}),
    (
        "walk-a0c201e7",
        {
            "scene": "walk.xml",
            "frames": "1-9",
            "movie": "h264,prores",
            "fps": "23.976",
            "contact_sheet": True,
            "checks": "rerender",
        },
    ),
    ("room-fd2eb677", {"scene": "room.xml", "aovs": "depth,normal", "denoise": True, "seed": 4294967295}),
    ("room-2255d5d6", {"scene": "room.xml", "formats": "exr", "exr": "float"}),
    ("room-dd6b62b3", {"scene": "room.xml", "formats": "png,exr", "png_bits": 16, "view": "aces", "exposure": -1.5}),
    ("room-8c0d91c2", {"scene": "room.xml", "view": "raw", "exposure": -0.0}),
    ("room-ae8ebe05", {"scene": "room.xml", "mode": "tiles", "keep_units": True, "out": "s3://pictures/walk"}),
    ("A-1df562d1", {"scene": "A.JSON", "renderer": "null", "mode": "frames", "seed": 3}),
    (
        "room-2e09e21d",
        {
            "scene": "room.xml",
            "travel": "no",
            "priority": 99,
            "min_nodes": 1,
            "max_nodes": 3,
            "groups": "gpu",
            "local": False,
            "attempts": 4,
            "unit_timeout_s": 9,
            "notify": "studio",
        },
    ),
]


class Lens(BaseModel):
    kind: str = "ideal"
    coating: str = ""


class Wider(RenderJob):
    """A job of a version to come, with fields of every kind."""

    lens: Lens = Lens()
    layers: tuple[str, ...] = ()
    bloom: float = 0.0


class Changed(RenderJob):
    """A job of a version to come, with other defaults."""

    view: View = Field(default=View.ACES)
    samples: int | None = Field(default=64)
    parameters: dict[str, str] = Field(default={"eye": "2"})
    mode: Any = "tiles"


class Narrower(RenderJob):
    """A job of a version to come, where a field means nothing any more."""

    finish_by: str = Field(default="", exclude=True)


@pytest.mark.parametrize(("job_id", "document"), KNOWN, ids=[job_id for job_id, _ in KNOWN])
def test_a_job_of_an_earlier_version_has_its_name(job_id: str, document: dict[str, Any]) -> None:
    assert make_job(document).job_id == job_id


@pytest.mark.parametrize("kind", [Wider, Changed, Narrower])
def test_fields_that_come_or_go_and_other_defaults_rename_no_job(kind: type[RenderJob]) -> None:
    plain = make_job({"scene": "room.xml"})
    assert kind(scene="room.xml").job_id == plain.job_id
    full: dict[str, Any] = {"scene": "room.xml", "seed": 4, "exr": "float", "aovs": ["depth"], "noise": 0.02}
    assert kind(**full).job_id == make_job(full).job_id


@pytest.mark.parametrize("chosen", [{"lens": {"kind": "thin"}}, {"layers": ("sky",)}, {"bloom": 0.5}])
def test_what_is_chosen_of_a_field_that_came_later_makes_another_job(chosen: dict[str, Any]) -> None:
    assert Wider(scene="room.xml", **chosen).job_id != make_job({"scene": "room.xml"}).job_id


def test_a_model_within_may_have_more_fields_later_too() -> None:
    class WiderLens(Lens):
        iris: int = 0

    class Widest(Wider):
        lens: WiderLens = WiderLens()

    thin = Wider(scene="room.xml", lens=Lens(kind="thin"))
    assert Widest(scene="room.xml", lens=WiderLens(kind="thin")).job_id == thin.job_id
    assert Widest(scene="room.xml", lens=WiderLens(kind="thin", iris=7)).job_id != thin.job_id


def test_a_record_from_before_another_default_names_the_same_job() -> None:
    kept = make_job({"scene": "room.xml"}).model_dump(mode="json")
    assert Changed(**kept).view is View.SCENE
    assert Changed(**kept).job_id == make_job(kept).job_id
    assert Changed(scene="room.xml", view=View.RAW).job_id == make_job({"scene": "room.xml", "view": "raw"}).job_id


def test_every_field_says_what_is_rendered_or_how() -> None:
    assert not set(HOW_FIELDS) & set(FIRST)
    assert set(HOW_FIELDS) | set(FIRST) <= set(RenderJob.model_fields)


documents = st.fixed_dictionaries(
    {"scene": st.sampled_from(["/a/room.xml", "/a/Küche.blend", "shot.####.json"])},
    optional={
        "frames": st.sampled_from(["12", "1-48", "1-48,60,70-90x2"]),
        "size": st.sampled_from(["640x360", "8x8"]),
        "region": st.sampled_from(["", "0,0,4,4"]),
        "samples": st.none() | st.integers(1, 1_048_576),
        "noise": st.none() | st.floats(0, 1, exclude_min=True, exclude_max=True),
        "finish_by": st.sampled_from(["", "08:00"]),
        "camera": st.text(st.characters(exclude_categories=["C", "Z"]), max_size=5),
        "parameters": st.dictionaries(st.sampled_from(["eye", "Wärme", "sun"]), st.sampled_from(["1", "hoch", '"'])),
        "aovs": st.lists(st.sampled_from(["depth", "normal", "albedo"]), unique=True),
        "denoise": st.booleans(),
        "seed": st.integers(0, 2**32 - 1),
        "mode": st.sampled_from(["auto", "frames", "tiles"]),
        "out": st.sampled_from(["renders", "s3://pictures/walk"]),
        "formats": st.lists(st.sampled_from(["exr", "png"]), min_size=1),
        "exr": st.sampled_from(["half", "float"]),
        "png_bits": st.sampled_from([8, 16]),
        "view": st.sampled_from(View),
        "exposure": st.floats(-20, 20),
        "priority": st.integers(0, 100),
        "keep_units": st.booleans(),
    },
)


@settings(max_examples=200)
@given(document=documents)
def test_jobs_are_named_as_the_first_version_named_them(document: dict[str, Any]) -> None:
    job = make_job(document)
    text = job.model_dump_json(include=set(FIRST)).replace(
        '"view":"scene"', '"view":"srgb"'
    )  # what the first was made of
    assert job.job_id == f"{job.title}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def test_what_a_scene_was_when_a_job_was_completed_is_known_as_before(tmp_path: Path) -> None:
    scene = tmp_path / "room.xml"
    scene.write_text("<scene/>")
    job = make_job({"scene": str(scene), "frames": "1-2", "parameters": {"eye": "2"}})
    store = open_store(str(tmp_path / "out"))
    record_scene(job, store, manifest_of({1: [str(scene)]}, str(scene)))
    (noted,) = (tmp_path / "out").rglob("scene.json")
    frames = [{"frame": frame, "path": str(scene), "parameters": [["eye", "2"]]} for frame in (1, 2)]
    digest = hashlib.sha256(json.dumps(frames, sort_keys=True).encode()).hexdigest()
    assert json.loads(noted.read_text())["frames"] == digest
