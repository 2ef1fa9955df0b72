"""Commands on the manager's machine use its farm, unless another farm is named or keys of another store are set."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from frontburner.manager.farm_setup import SEAWEEDFS, FarmSetup, farm_folder, with_ports, write_setup
from frontburner.manager.farm_state import FarmState, write_state
from frontburner.manager.local_farm import ADDRESS_VARIABLES, use_local_farm
from system.processes import began_s_of

if TYPE_CHECKING:
    from pathlib import Path

AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_CA_BUNDLE")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose farm looks up: this process is its supervisor."""
    for name in (*ADDRESS_VARIABLES, *AWS, "FRONTBURNER_FILES"):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path))
    farm_folder(tmp_path).mkdir()
    write_setup(with_ports(FarmSetup(store=SEAWEEDFS), lambda _: True), tmp_path)
    now_s, pid = time.time(), os.getpid()
    state = FarmState(pid=pid, began_s=began_s_of(pid), version="1", started_s=now_s, seen_s=now_s)
    write_state(state, tmp_path)
    return tmp_path


def test_a_command_uses_the_running_farm_and_the_keys_of_its_store(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "somewhere")
    use_local_farm()
    assert os.environ["FRONTBURNER_SCHEDULER"] == "tcp://127.0.0.1:8786"
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:8333"
    assert os.environ["AWS_REGION"] == "us-east-1"
    assert os.environ["FRONTBURNER_FILES"] == "s3://farm"


def test_keys_of_another_store_are_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "theirs")
    use_local_farm()
    assert os.environ["FRONTBURNER_SCHEDULER"] == "tcp://127.0.0.1:8786"
    assert os.environ["AWS_ACCESS_KEY_ID"] == "theirs"
    assert "AWS_ENDPOINT_URL" not in os.environ


@pytest.mark.parametrize("name", ADDRESS_VARIABLES)
def test_a_named_farm_takes_precedence(home: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "tcp://elsewhere:8786")
    use_local_farm()
    assert {each: os.environ.get(each) for each in ADDRESS_VARIABLES if each != name} == {
        each: None for each in ADDRESS_VARIABLES if each != name
    }
    assert "AWS_ACCESS_KEY_ID" not in os.environ
