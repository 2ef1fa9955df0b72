"""The scheduler of the farm this machine was admitted to is read from its file, or the file is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from frontburner.settings import scheduler_of
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from pathlib import Path


def write(home: Path, text: str) -> None:
    folder = home / "farm" / "person"
    folder.mkdir(parents=True)
    (folder / "farm.json").write_text(text)


def test_the_scheduler_of_the_farm_is_found(tmp_path: Path) -> None:
    assert scheduler_of(tmp_path, "person") == ""
    write(tmp_path, json.dumps({"scheduler": "tls://10.0.0.5:8786"}))
    assert scheduler_of(tmp_path, "person") == "tls://10.0.0.5:8786"
    assert scheduler_of(tmp_path, "another") == ""


@pytest.mark.parametrize("text", ["", "{", "[1]", '"tls://10.0.0.5:8786"', "[]", "null"])
def test_a_file_that_makes_no_sense_is_named_with_its_remedy(text: str, tmp_path: Path) -> None:
    write(tmp_path, text)
    with pytest.raises(FrontburnerError, match=r"farm\.json") as raised:
        scheduler_of(tmp_path, "person")
    assert "frontburner login" in raised.value.remedy
