"""The examples on the page about submitting work."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from frontburner.chains.chain import read_chain
from frontburner.jobs.templates import JobTemplate
from tasks.yaml_files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "submitting.md"


def block(after: str) -> str:
    """The YAML example that begins with a comment on this file."""
    found = re.search(rf"```yaml\n(# {after}.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


def test_the_python_section_runs(workdir: Path, scene: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTBURNER_HOME", str(workdir / "home"))
    scene("ball.json")
    found = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert found.failed == 0
    assert found.attempted >= 7


def test_the_template_is_valid() -> None:
    template = JobTemplate.model_validate(read_yaml(block("turntable.yaml")))
    template.check()
    assert template.fill({"shot": "12"})["name"] == "turn-12"


def test_the_chain_is_valid(tmp_path: Path) -> None:
    (tmp_path / "shot.yaml").write_text(block("shot.yaml"))
    (tmp_path / "proof.yaml").write_text(yaml.safe_dump({"scene": "shot.blend"}))
    chain = read_chain(tmp_path / "shot.yaml", {})
    assert [stage.name for stage in chain.in_order()] == ["sim", "beauty", "proof", "slate"]
