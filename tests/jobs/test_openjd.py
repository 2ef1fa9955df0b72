"""Jobs as Open Job Description, judged by its own model, and back to the same job."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from openjd.model import (
    StepParameterSpaceIterator,
    SymbolTable,
    create_job,
    decode_job_template,
    preprocess_job_parameters,
)

from frontburner.cli import app
from frontburner.jobs.frames import parse_frames
from frontburner.jobs.job import JobRefused, RenderJob, make_job
from frontburner.jobs.openjd import export, from_range, load, to_range

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from frontburner.control.intake import JobInput

BASE = Path("/shows/one").absolute()
WALK: dict[str, Any] = {
    "scene": str(BASE / "scenes" / "walk.xml"), "frames": "1-5,8,20-26x2", "size": "320x180", "samples": 16,
    "aovs": ["depth", "normal"], "denoise": True, "parameters": {"height": "1.8", "look": "night"}, "exposure": 0.5,
    "out": str(BASE / "renders"), "formats": ["exr"], "name": "walk", "png_bits": 16, "unit_timeout_s": 60,
}  # fmt: skip


def template(job: Mapping[str, Any], frames: Sequence[int] | None = None) -> dict[str, Any]:
    made = make_job(dict(job))
    return export(made, frames or parse_frames(made.frames), BASE).template


def commands(made: dict[str, Any], given: dict[str, str] | None = None) -> list[list[str]]:
    """The command lines of all tasks, as Open Job Description's own rules make them."""
    decoded = decode_job_template(template=made)
    values = preprocess_job_parameters(
        job_template=decoded, job_parameter_values=given or {}, job_template_dir=BASE, current_working_dir=BASE
    )
    job = create_job(job_template=decoded, job_parameter_values=values)
    (step,) = job.steps
    action, lines = step.script.actions.onRun, []
    for task in StepParameterSpaceIterator(space=step.parameterSpace):
        table = SymbolTable()
        for name, value in values.items():
            table[f"Param.{name}"] = value.value
        for name, value in task.items():
            table[f"Task.Param.{name}"] = value.value
        lines.append([word.resolve(symtab=table) for word in (action.command, *(action.args or ()))])
    return lines


def job_of(line: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> RenderJob:
    """The job that the command makes of a command line."""
    heard: dict[str, Any] = {}

    def run(scene: str, given: dict[str, Any], form: JobInput, **_: Any) -> int:
        heard.update({"scene": scene, **given})
        return 0

    monkeypatch.setattr(import_module("frontburner.cli.render"), "run", run)
    assert app(line[1:], result_action="return_value") == 0
    return make_job(heard)


def test_each_frame_is_a_task_whose_command_renders_just_that_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = commands(template(WALK))
    assert [line[line.index("--frames") + 1] for line in lines] == [
        "1",
        "2",
        "3",
        "4",
        "5",
        "8",
        "20",
        "22",
        "24",
        "26",
    ]
    assert lines[0][:3] == ["frontburner", "render", str(BASE / "scenes" / "walk.xml")]
    assert job_of(lines[5], monkeypatch) == make_job(WALK | {"frames": "8"})


def test_parameters_go_before_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, out = str(Path("/else/run.xml").absolute()), str(Path("/far").absolute())
    given = {"Scene": scene, "Frames": "3-4", "Out": out, "Frontburner": "/opt/frontburner", "Nodes": "2"}
    lines = commands(template(WALK), given)
    assert [line[0] for line in lines] == ["/opt/frontburner"] * 2
    assert lines[0][-2:] == ["--nodes", "2"]
    job = job_of(lines[1], monkeypatch)
    assert (job.scene, job.frames, job.out) == (scene, "4", out)


def test_a_still_is_one_task_and_its_files_have_no_number() -> None:
    (line,) = commands(template({"scene": str(BASE / "room.xml"), "out": "s3://pictures/room"}, [1]))
    assert "--frames" not in line
    assert line[line.index("--out") + 1] == "s3://pictures/room"
    # A scene of one file a frame is numbered, also where the job names no frames.
    assert len(commands(template({"scene": str(BASE / "shot.####.xml"), "out": str(BASE)}, [4, 5]))) == 2


@pytest.mark.parametrize("job", [WALK, {"scene": str(BASE / "room.xml"), "out": "s3://pictures/room", "name": "room"}])
def test_what_was_exported_is_imported_as_the_same_job(job: dict[str, Any]) -> None:
    made = template(job, None if job is WALK else [1])
    assert make_job(load(made, BASE)) == make_job(job)
    assert (
        make_job(load(json.loads(json.dumps(made)), BASE, {"Frames": "7"} if job is WALK else {})).title == job["name"]
    )


def test_what_a_task_can_t_have_is_left_out_and_said() -> None:
    job = make_job(WALK | {"priority": 80, "finish_by": "08:00", "scene": "/elsewhere/walk.xml"})
    exported = export(job, [1], BASE)
    assert "--priority" not in json.dumps(exported.template)
    notes = "\n".join(exported.notes)
    assert "priority is left out: a task renders one frame." in notes
    assert "finish_by is left out" in notes
    assert f"Scene has no default: it is outside {BASE}." in notes
    decode_job_template(template=exported.template)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"parameters": {"a": "1,2"}}, "parameters: '1,2' has a comma"), ({"camera": "{{x}}"}, "camera: '{{x}}' has {{")],
)
def test_what_no_command_line_can_hold_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(JobRefused) as refused:
        template(WALK | changes)
    assert words in refused.value.problems[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"specificationVersion": "jobtemplate-2099-01"}, "specificationVersion: it must be jobtemplate-2023-09."),
        ({"steps": []}, "steps: there must be one, which runs `frontburner render`"),
        ({"parameterDefinitions": []}, "Scene: has no value. Give it one: --set Scene=…"),
    ],
)
def test_another_template_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(JobRefused) as refused:
        load(template(WALK) | change, BASE)
    assert words in refused.value.problems[0]


def test_ranges_are_written_as_open_job_description_does() -> None:
    assert to_range(parse_frames("1-48,60,70-90x2")) == "1-48,60,70-90:2"
    assert from_range("1-48,60,70-90:2") == "1-48,60,70-90x2"


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "room.json").write_text("{}")
    (tmp_path / "job.yaml").write_text("scene: room.json\nframes: 1-3\nsamples: 2")
    assert app(["export", "openjd", "job.yaml", "--to", "out.json"], result_action="return_value") == 0
    made = json.loads((tmp_path / "out.json").read_text())
    decode_job_template(template=made)
    assert app(["export", "openjd", "job.yaml"], result_action="return_value") == 0
    assert yaml.safe_load(capsys.readouterr().out) == made
    assert app(["import", "openjd", "out.json", "--set", "Frames=2"], result_action="return_value") == 0
    job = make_job(yaml.safe_load(capsys.readouterr().out))
    assert (job.scene, job.frames, job.samples) == (str(tmp_path / "room.json"), "2", 2)
    assert app(["export", "openjd", "gone.xml"], result_action="return_value") == 2
    (tmp_path / "shot.blend").touch()
    (tmp_path / "all.yaml").write_text("scene: shot.blend\nframes: scene")
    assert app(["export", "openjd", "all.yaml"], result_action="return_value") == 2
    assert "only the renderer can read them. Give their numbers." in capsys.readouterr().err
    assert app(["import", "openjd", "job.yaml"], result_action="return_value") == 2
    assert "jobtemplate-2023-09" in capsys.readouterr().err
