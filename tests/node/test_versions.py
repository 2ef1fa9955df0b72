"""Machines of a farm compare versions, down to the source of Frontburner itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.node import versions

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_source_that_is_digested_is_frontburner_s_own() -> None:
    assert versions._FOLDERS
    for folder in versions._FOLDERS:
        assert next((versions._ROOT / folder).rglob("*.py"), None), f"nothing of {folder} is digested"


def test_another_source_is_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "tasks" / "node" / "unit.py"
    module.parent.mkdir(parents=True)
    module.write_text("samples = 1\n")
    monkeypatch.setattr(versions, "_ROOT", tmp_path)
    before = versions._source_digest()
    module.write_text("samples = 2\n")
    assert versions._source_digest() != before


def test_what_only_one_machine_has_installed_is_no_difference() -> None:
    assert versions.differences({"python": "3.11", "mitsuba": "3.9.1"}, {"python": "3.11"}) == []
    assert versions.differences({"python": "3.11"}, {"python": "3.12"}) == ["python 3.12 instead of 3.11"]
