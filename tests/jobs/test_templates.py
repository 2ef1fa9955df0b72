"""Templates: variables with defaults, kept by name here and in a shared folder; what is wrong is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from frontburner.cli import app
from frontburner.control.intake import JobInput, read_job
from frontburner.jobs.job import JobRefused
from frontburner.jobs.templates import JobTemplate, TemplateRefused, load, names, read_template, save

if TYPE_CHECKING:
    from pathlib import Path

TURNTABLE = """
description: A turn of the model
variables:
  quality: 64
  length: {default: "24", description: Frames of a turn}
  look: {default: srgb, choices: [srgb, aces]}
job:
  frames: 1-$length
  samples: $quality
  view: $look
  name: turn-${quality}x
  parameters: {price: $$5, spin: "$length"}
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FRONTBURNER_TEMPLATES", raising=False)
    monkeypatch.delenv("FRONTBURNER_SCHEDULER", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path, text: str, name: str = "turntable.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def problems(error: pytest.ExceptionInfo[JobRefused]) -> str:
    return "\n".join(error.value.problems)


def test_a_template_makes_a_job_of_a_scene_and_its_variables(home: Path) -> None:
    save("turntable", written(home, TURNTABLE))
    (home / "model.json").write_text("{}")
    plain = read_job("model.json", {}, JobInput(template="turntable"))
    assert (plain.frames, plain.samples, plain.view, plain.title) == ("1-24", 64, "srgb", "turn-64x")
    assert plain.parameters == {"price": "$5", "spin": "24"}
    fast = read_job("model.json", {"seed": "7"}, JobInput(template="turntable", values=("quality=8", "look=aces")))
    assert (fast.samples, fast.view, fast.seed, fast.frames) == (8, "aces", 7, "1-24")


def test_a_job_file_and_options_go_before_the_template(home: Path) -> None:
    save("turntable", written(home, TURNTABLE))
    (home / "model.json").write_text("{}")
    written(home, "scene: model.json\nsamples: 3", "shot.yaml")
    job = read_job("shot.yaml", {"name": "mine"}, JobInput(template="turntable"))
    assert (job.samples, job.frames, job.title) == (3, "1-24", "mine")


def test_a_template_may_name_its_scene_beside_itself(home: Path) -> None:
    (home / "model.json").write_text("{}")
    save("whole", written(home, "scene: model.json\nsamples: 3"))
    assert read_job("", {}, JobInput(template="whole")).scene == str(home / "model.json")
    with pytest.raises(JobRefused) as refused:
        read_job("", {})
    assert problems(refused).startswith("scene: is missing. It is The scene file")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (("quality=many",), "samples: 'many'"),
        (("look=raw",), "look: 'raw' is none of its choices: srgb, aces."),
        (("speed=3",), "speed: is not a variable. Variables are quality, length, look."),
        (("quality",), "set: 'quality' does not read as name=value."),
    ],
)
def test_a_wrong_value_is_named(home: Path, values: tuple[str, ...], words: str) -> None:
    save("turntable", written(home, TURNTABLE))
    (home / "model.json").write_text("{}")
    with pytest.raises(JobRefused) as refused:
        read_job("model.json", {}, JobInput(template="turntable", values=values))
    assert words in problems(refused)


def test_a_variable_without_default_must_be_given() -> None:
    template = JobTemplate.model_validate({
        "variables": {"shot": {"description": "The shot's number."}}, "job": {"name": "shot-$shot"},
    })  # fmt: skip
    assert template.fill({"shot": "12"}) == {"name": "shot-12"}
    with pytest.raises(TemplateRefused) as refused:
        template.fill({})
    assert problems(refused) == "shot: has no default. Give it a value: --set shot=… It is The shot's number."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("job: {samples: $quality}", "samples: $quality is not a variable of the template. Add it to its variables."),
        ("variables: {quality: 4}\njob: {seed: 3}", "variables: quality is not used in the job."),
        ("job: {sample: 3}", "sample: is not a field of a job. Fields are scene, "),
        ("variables: {q: 4}\njob: {samples: '$q $'}", "samples: '$q $' has a $ that names no variable."),
        ("variables: {a-b: 4}\njob: {samples: 3}", "'a-b' can't name a variable."),
        ("variables: {q: {default: 4, choices: [5]}}\njob: {samples: $q}", "default '4' is none of its choices: 5."),
        ("variables: {q: many}\njob: {samples: $q}", "samples: 'many'"),
        ("jobs: {}\njob: {}", "jobs: is not a field of a template."),
        ("- a", "it must have a field `job`, or be a job file."),
    ],
)
def test_a_template_that_makes_no_job_is_not_kept(home: Path, text: str, words: str) -> None:
    with pytest.raises(JobRefused) as refused:
        save("wrong", written(home, text))
    assert words in problems(refused)
    assert names() == []


def test_one_s_own_goes_before_a_shared_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTBURNER_TEMPLATES", str(home / "shared"))
    source = written(home, "samples: 3")
    assert save("proof", source, shared=True) == home / "shared" / "proof.yaml"
    assert load("proof").template.job == {"samples": "3"}
    save("proof", written(home, "samples: 4"))
    assert load("proof").template.job == {"samples": "4"}
    assert names() == ["proof"]


def test_what_is_kept_reads_back_as_it_was(home: Path) -> None:
    source = written(home, TURNTABLE)
    assert read_template(save("turntable", source)) == read_template(source)


def test_the_command(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def command(*words: str) -> int:
        code = app(["template", *words], result_action="return_value")
        assert isinstance(code, int)
        return code

    assert command("list") == 0
    assert "There is no template yet." in capsys.readouterr().out
    assert command("save", "turntable", str(written(home, TURNTABLE))) == 0
    assert capsys.readouterr().out.strip() == str(home / "home" / "templates" / "turntable.yaml")
    assert command("list") == 0
    assert capsys.readouterr().out.strip() == "turntable  quality=64 length=24 look=srgb  A turn of the model"
    assert command("show", "turntable", "--json") == 0
    assert json.loads(capsys.readouterr().out)["variables"]["length"]["description"] == "Frames of a turn"
    assert command("show", "turn") == 2
    assert "there is none called 'turn'. There are turntable." in capsys.readouterr().err
    assert command("save", "../x", str(home / "turntable.yaml")) == 2
    assert command("save", "x", str(home / "turntable.yaml"), "--shared") == 3
    assert "FRONTBURNER_TEMPLATES" in capsys.readouterr().err
