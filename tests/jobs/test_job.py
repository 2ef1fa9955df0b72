"""A job document is checked as a whole before anything starts: what is wrong is named, and what would be right.

One file over 300 lines: it is the document's table of refusals, field by field.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from frontburner.jobs.durations import format_span, parse_span
from frontburner.jobs.field_values import parse_region, parse_size
from frontburner.jobs.frames import parse_frames
from frontburner.jobs.job import Format, JobRefused, RenderJob, make_job
from frontburner.jobs.job_files import read_document
from frontburner.plan.fair_share import ShareTerms
from tasks.job_context import TransferMode
from tasks.limits import Limits
from tasks.spec import Aov, Region, Size

SCENE = {"scene": "shots/room.xml"}


def refusal(**fields: Any) -> JobRefused:
    with pytest.raises(JobRefused) as refused:
        make_job({**SCENE, **fields})
    return refused.value


BAD: list[tuple[str, Any, str]] = [
    ("scene", "", "names no file. Give the path of a scene"),
    ("scene", "  ", "names no file"),
    ("renderer", "arnold", "is not a renderer. Known are auto, blender, max3ds, mitsuba, null, povray, specimen, vray"),
    ("frames", "48-1", "did you mean 1-48?"),
    ("frames", "abc", "Write frames as numbers and ranges"),
    ("frames", "1-9x0", "a step is 1 or more"),
    ("frames", "1-2000000", "more than 1,000,000 frames"),
    ("frames", 1.5, "valid string"),
    ("size", "big", "Write width x height in pixels, such as 1920x1080"),
    ("size", "1920", "Write width x height"),
    ("size", "0x1080", "each edge is 1 to 65536 pixels"),
    ("size", "65537x8", "each edge is 1 to 65536 pixels"),
    ("region", "1,2,3", "Write x0,y0,x1,y1 in pixels from the top left"),
    ("region", "-1,0,8,8", "can't be read"),
    ("region", "8,0,8,8", "is empty: x1 must be more than x0"),
    ("region", "0,9,8,8", "is empty: x1 must be more than x0, and y1 more than y0"),
    ("samples", 0, "greater than or equal to 1"),
    ("samples", 1_048_577, "less than or equal to 1048576"),
    ("samples", "many", "valid integer"),
    ("noise", 0, "greater than 0"),
    ("noise", 1, "less than 1"),
    ("time_limit", "soon", "Write hours, minutes and seconds, such as 90s, 30m or 1h30m"),
    ("time_limit", "0m", "is not a span of time"),
    ("time_limit", 30, "is not a span of time"),
    ("time_limit", "30m10h", "is not a span of time"),
    ("finish_by", "25:00", "Write a time such as 08:00"),
    ("finish_by", "tomorrow", "Write a time such as 08:00"),
    ("parameters", "eye", "name=value"),
    ("travel", "perhaps", "'auto', 'yes' or 'no'"),
    ("bake", "perhaps", "'auto' or 'no'"),
    ("allow_scripts", "perhaps", "valid boolean"),
    ("aovs", "depth,speed", "'depth', 'normal' or 'albedo'"),
    ("seed", -1, "greater than or equal to 0"),
    ("seed", 2**32, "less than 4294967296"),
    ("mode", "fast", "'auto', 'frames' or 'tiles'"),
    ("name", "a/b", "Use letters, digits, spaces"),
    ("name", ".hidden", "a letter or digit first"),
    ("name", "../up", "can't name files, since it has '/'"),
    ("name", "a:b", "can't name files, since it has ':'"),
    ("name", "aux", "the name of a device of Windows, aux"),
    ("scene", "con.xml", "the name of a device of Windows, con"),
    ("name", "x" * 101, "100 at most"),
    ("formats", "exr,tiff", "'exr' or 'png'"),
    ("formats", [], "at least 1 item"),
    ("exr", "double", "'half' or 'float'"),
    ("png_bits", 12, "8 or 16"),
    ("view", "filmic", "'srgb', 'aces' or 'raw'"),
    ("exposure", 21, "less than or equal to 20"),
    ("exposure", "bright", "valid number"),
    ("priority", 101, "less than or equal to 100"),
    ("priority", -1, "greater than or equal to 0"),
    ("min_nodes", -1, "greater than or equal to 0"),
    ("max_nodes", 0, "greater than or equal to 1"),
    ("groups", 5, "valid list"),
    ("local", "perhaps", "valid boolean"),
    ("attempts", 0, "greater than or equal to 1"),
    ("attempts", 21, "less than or equal to 20"),
    ("unit_timeout_s", -3, "greater than 0"),
    ("keep_units", "perhaps", "valid boolean"),
    ("denoise", "perhaps", "valid boolean"),
    ("out", None, "valid string"),
    ("movie", "h264,mpeg1", "'h264', 'hevc', 'av1' or 'prores'"),
    ("fps", "0", "Write frames a second such as"),
    ("contact_sheet", "perhaps", "valid boolean"),
    ("overwrite", "perhaps", "valid boolean"),
    ("checks", "maybe", "'warn', 'rerender' or 'no'"),
    ("notify", 5, "valid list"),
]


@pytest.mark.parametrize(("name", "given", "right"), BAD, ids=[f"{name}={given!r:.20}" for name, given, _ in BAD])
def test_a_bad_field_is_named_with_what_was_given_and_what_is_right(name: str, given: Any, right: str) -> None:
    (problem,) = refusal(**{name: given}).problems
    assert name in problem
    assert right in problem
    assert str(given).rpartition(",")[2] in problem  # of a list, the word that is wrong


def test_every_field_is_covered_by_the_table_of_refusals() -> None:
    free = {"camera", "renderer_build"}  # any text may be their names: the scene and the nodes decide
    assert {name for name, _, _ in BAD} | free == set(RenderJob.model_fields)


def test_all_problems_are_told_at_once() -> None:
    refused = refusal(samples=0, priority=101, sizes="1x1")
    assert [problem.partition(":")[0] for problem in refused.problems] == ["samples", "priority", "sizes"]
    assert all(problem in str(refused) for problem in refused.problems)
    assert str(refused).startswith("The job was refused before anything started:")


def test_an_unknown_field_is_answered_with_those_there_are() -> None:
    (problem,) = refusal(resolution="1920x1080").problems
    assert problem.startswith("resolution: is not a field of a job.")
    assert all(name in problem for name in RenderJob.model_fields)


def test_a_job_without_a_scene_is_told_what_a_scene_is() -> None:
    with pytest.raises(JobRefused, match=r"scene: is missing\. It is The scene file"):
        make_job({"samples": 4})


@pytest.mark.parametrize(
    ("scene", "says"),
    [
        ("room.skp", "'.skp' files. Known are: mitsuba reads .xml; blender reads .blend, "),
        ("room", "room, which has no ending: if it is a folder, name the scene file in it."),
        ("room.xml.gz", "archives: unpack room.xml.gz, and name the scene file in it."),
        ("room.blend1", "'.blend1' files: this is a backup of Blender's. Copy it to a name that ends in .blend."),
        (str(Path(__file__).parent), "jobs, which has no ending: if it is a folder, name the scene file in it."),
    ],
)
def test_a_scene_no_renderer_reads_is_answered_with_what_can_be_done(scene: str, says: str) -> None:
    (problem,) = refusal(scene=scene).problems
    assert problem.startswith(f"scene: no renderer reads {says}")


def test_naming_the_renderer_takes_any_file() -> None:
    assert make_job({"scene": "room.skp", "renderer": "mitsuba"}).renderer_name == "mitsuba"


def test_the_renderer_is_found_by_the_scene_file() -> None:
    assert make_job(SCENE).renderer_name == "mitsuba"
    assert make_job({"scene": "A.JSON"}).renderer_name == "null"


def test_a_region_outside_the_frame_is_told_the_frames_edges() -> None:
    (problem,) = refusal(region="0,0,641,360", size="640x360").problems
    assert "region '0,0,641,360' reaches outside the frame of 640x360. x1 is at most 640 and y1 at most 360" in problem
    assert make_job({**SCENE, "region": "0,0,640,360", "size": "640x360"}).region


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2h", 7200), ("1h 2m 3s", 3723), ("1.5h", 5400), ("0.5s", 0.5)],
)
def test_spans_of_time_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_span(text) == seconds
    assert make_job({**SCENE, "time_limit": text}).limits == Limits(time_s=seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (40.4, "40 s"),
        (89, "89 s"),
        (90, "2 min"),
        (1500, "25 min"),
        (3600, "1 h"),
        (11_100, "3 h 5 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_durations_are_formatted_as_people_write_them(seconds: float, text: str) -> None:
    assert format_span(seconds) == text


def test_a_time_ends_no_sequence() -> None:
    (problem,) = refusal(time_limit="30m", frames="1-9").problems
    assert "time_limit '30m': a time can end a still, not a sequence" in problem
    assert make_job({**SCENE, "time_limit": "30m", "frames": "9"}).time_limit


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("08:00", "08:00"),
        ("18:30", "18:30"),  # 1110, to YAML
        ("2026-03-01T08:00", "2026-03-01T08:00"),
        ("2026-03-01 08:00:00", "2026-03-01T08:00:00"),  # a date and time, to YAML
    ],
)
def test_a_deadline_survives_yaml(text: str, read: str) -> None:
    assert make_job({**SCENE, **yaml.safe_load(f"finish_by: {text}")}).finish_by == read


@pytest.mark.parametrize("text", ["1920x1080", " 1920 x 1080 ", "1920×1080", "1920,1080"])
def test_sizes_are_read_as_people_write_them(text: str) -> None:
    assert parse_size(text) == Size(width=1920, height=1080)


def test_regions_are_read_from_the_top_left() -> None:
    assert parse_region(" 1, 2,30 ,40") == Region(x0=1, y0=2, x1=30, y1=40)


def test_lists_may_be_typed_with_commas() -> None:
    job = make_job({**SCENE, "aovs": "depth, normal,", "formats": "png"})
    assert job.aovs == [Aov.DEPTH, Aov.NORMAL]
    assert job.formats == [Format.PNG]
    assert job == make_job({**SCENE, "aovs": ["depth", "normal"], "formats": ["png"]})


def test_numbers_stand_for_their_text() -> None:
    job = make_job({**SCENE, **json.loads('{"frames": 12, "camera": 0, "name": 7}')})
    assert (job.frames, job.camera, job.name) == ("12", "0", "7")


@pytest.mark.parametrize(
    ("given", "meant"), [(True, TransferMode.YES), (False, TransferMode.NO), ("yes", TransferMode.YES)]
)
def test_yes_and_no_may_be_json_s_own(given: object, meant: TransferMode) -> None:
    assert make_job({**SCENE, "travel": given}).travel is meant


def test_the_same_document_is_the_same_job() -> None:
    assert make_job(SCENE).job_id == make_job(dict(SCENE)).job_id == make_job({**SCENE, "samples": None}).job_id
    assert make_job(SCENE).job_id == "room-" + make_job(SCENE).job_id[-8:]


OTHER: dict[str, Any] = {
    "scene": "shots/hall.xml", "renderer": "mitsuba", "frames": "1-2", "size": "8x8", "region": "0,0,4,4",
    "samples": 3, "camera": "1", "parameters": "eye=2", "denoise": True, "aovs": "depth", "seed": 1, "mode": "tiles",
    "out": "elsewhere", "name": "x", "formats": "png", "exr": "float", "png_bits": 16, "view": "aces",
    "exposure": 0.5, "noise": 0.02, "time_limit": "30m", "finish_by": "08:00", "keep_units": True,
    "allow_scripts": True, "renderer_build": "windows",
}  # fmt: skip
OTHER_WAY: dict[str, Any] = {
    "travel": "no", "bake": "no",
    "priority": 51, "min_nodes": 1, "max_nodes": 3, "groups": "gpu,night", "local": False, "attempts": 4,
    "unit_timeout_s": 9, "movie": "h264,prores", "fps": "25", "contact_sheet": True, "checks": "no", "notify": "studio",
    "overwrite": True,
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in RenderJob.model_fields if name not in OTHER_WAY])
def test_another_document_is_another_job(name: str) -> None:
    assert make_job({**SCENE, name: OTHER[name]}).job_id != make_job(SCENE).job_id


def test_a_job_stays_the_same_however_it_gets_its_nodes() -> None:
    assert make_job({**SCENE, **OTHER_WAY}).job_id == make_job(SCENE).job_id
    assert make_job({**SCENE, **OTHER_WAY}).terms == ShareTerms(
        min_nodes=1, max_nodes=3, groups=("gpu", "night"), local=False
    )


def test_more_nodes_at_least_than_at_most_are_refused() -> None:
    (problem,) = refusal(min_nodes=3, max_nodes=2).problems
    assert problem == "min_nodes 3: is more than max_nodes, which is 2."


@pytest.mark.parametrize(
    ("scene", "title"),
    [
        ("shots/room.xml", "room"),
        ("shot.####.xml", "shot"),
        ("shot_##.xml", "shot_"),
        ("####.xml", "render"),
        ("my fine room!.xml", "my-fine-room"),
        (".odd.xml", "odd"),
        ("küche.json", "küche"),
    ],
)
def test_a_job_is_called_after_its_scene(scene: str, title: str) -> None:
    assert make_job({"scene": scene}).title == title


def test_a_job_is_called_what_its_user_says() -> None:
    assert make_job({**SCENE, "name": "Hall v2.1 + fog"}).title == "Hall v2.1 + fog"


documents = st.fixed_dictionaries(
    {"scene": st.sampled_from([str(Path(f"/a/{name}").absolute()) for name in ("room.xml", "shot.####.xml")])},
    optional={
        "frames": st.sampled_from(["12", "1-48", "1-48,60,70-90x2"]),
        "size": st.sampled_from(["640x360", "8x8"]),
        "samples": st.integers(1, 4096),
        "aovs": st.lists(st.sampled_from([aov.value for aov in Aov]), unique=True),
        "seed": st.integers(0, 2**32 - 1),
        "name": st.from_regex(r"[A-Za-z]\w{0,20}", fullmatch=True).filter(lambda s: s.isascii()),
        "exposure": st.floats(-20, 20),
        "priority": st.integers(0, 100),
        "keep_units": st.booleans(),
    },
)


@settings(max_examples=40)
@given(document=documents)
def test_a_job_survives_being_written_and_read(
    document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("jobs", numbered=True)
    job = make_job(document)
    written = job.model_dump(mode="json")
    (folder / "job.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    (folder / "job.json").write_text(json.dumps(written), encoding="utf-8")
    for name in ("job.yaml", "job.json"):
        again = make_job(read_document(folder / name))
        assert again == job
        assert again.job_id == job.job_id


def test_a_scene_is_found_beside_its_job_file(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("scene: shots/room.xml\nframes: 7\n")
    document = read_document(tmp_path / "job.yaml")
    assert document["scene"] == str(tmp_path / "shots" / "room.xml")
    assert make_job(document).frames == "7"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("frames: 0010", "0010"),
        ("frames: 0010-0012", "0010-0012"),
        ("frames: 1-48", "1-48"),
        ("frames: 1,2,3", "1,2,3"),
        ("camera: 007", "007"),
        ("camera: no", "no"),
        ("camera: 1.50", "1.50"),
        ("name: 2026-11-24", "2026-11-24"),
        ("name: 12_000", "12_000"),
        ("size: 1920x1080", "1920x1080"),
        ("region: 0,0,12,8", "0,0,12,8"),
        ("samples: 0064", 64),
        ("samples: null", None),
        ("samples:", None),
        ("seed: 017", 17),
        ("png_bits: 16", 16),
        ("exposure: -1.5", -1.5),
        ("exposure: 1e-3", 0.001),
        ("unit_timeout_s: 30", 30.0),
        ("keep_units: yes", True),
        ("keep_units: false", False),
        ("formats: [png]", [Format.PNG]),
        ("aovs: depth, normal", [Aov.DEPTH, Aov.NORMAL]),
    ],
)
def test_a_job_file_means_what_is_written(line: str, value: object, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(f"scene: room.xml\n{line}\n")
    job = make_job(read_document(tmp_path / "job.yaml"))
    assert getattr(job, line.partition(":")[0]) == value


def test_frames_with_leading_zeros_are_decimal(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("scene: room.xml\nframes: 0010\n")
    assert parse_frames(make_job(read_document(tmp_path / "job.yaml")).frames) == (10,)


@pytest.mark.parametrize("line", ["frames: 12:30", "frames: 0x10", "samples: 1:30", "seed: 0o17"])
def test_a_job_file_is_refused_in_the_words_it_was_written(line: str, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(f"scene: room.xml\n{line}\n")
    with pytest.raises(JobRefused) as refused:
        make_job(read_document(tmp_path / "job.yaml"))
    name, _, value = line.partition(": ")
    (problem,) = refused.value.problems
    assert problem.startswith(f"{name}: '{value}'")


def test_an_absolute_scene_stays_where_it_is(tmp_path: Path) -> None:
    scene = str(Path("/shots/room.xml").absolute())
    (tmp_path / "job.yaml").write_text(f"scene: '{scene}'\n")
    assert read_document(tmp_path / "job.yaml")["scene"] == scene


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "12"])
def test_a_file_that_holds_no_job_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    with pytest.raises(JobRefused, match="holds no job") as refused:
        read_document(path)
    assert str(path) in str(refused.value)
    assert "scene: room.xml" in str(refused.value)


@pytest.mark.parametrize("data", [b"scene: [", b"\xff\xfe\x00scene", None])
def test_a_file_that_cannot_be_read_is_named_with_the_cause(data: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(JobRefused, match="can't be read") as refused:
        read_document(path)
    assert str(path) in str(refused.value)
    assert "\n" not in refused.value.problems[0]


def test_the_form_in_prefect_says_what_each_field_is() -> None:
    from flows.render import render

    form = render.parameters
    assert set(form.properties) == {"job", "again", "only", "conditions"}
    assert all(form.properties[name]["description"] for name in ("again", "only", "conditions"))
    assert form.required == ["job"]
    for model in ("RenderJob", "Conditions"):
        assert all(field["description"] for field in form.definitions[model]["properties"].values())
