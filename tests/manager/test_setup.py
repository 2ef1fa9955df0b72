"""A farm's setup is stored privately; invalid options are refused with a remedy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontburner.manager.farm_setup import (
    DEFAULT_PORTS,
    FarmSetup,
    SetupRefused,
    farm_folder,
    read_setup,
    updated_setup,
    with_ports,
    write_setup,
)
from frontburner.manager.farm_state import FarmState, ServiceState, ServiceStatus, read_state, write_state
from frontburner.manager.service_keeper import MAX_DELAY_S, MAX_FAILURES, STABLE_S, RestartPolicy
from system.files import others_may_read

if TYPE_CHECKING:
    from pathlib import Path


def test_a_setup_is_stored_for_its_owner_only(tmp_path: Path) -> None:
    assert read_setup(tmp_path) == FarmSetup()
    asked = updated_setup(FarmSetup(), {"nodes": 3, "database": "postgresql://farm:secret@db/prefect", "store": None})
    write_setup(asked, tmp_path)
    kept = read_setup(tmp_path)
    assert kept == asked
    assert kept.database == "postgresql+asyncpg://farm:secret@db/prefect"
    assert "secret" not in repr(kept)
    (file,) = farm_folder(tmp_path).iterdir()
    assert not others_may_read(file)
    assert updated_setup(kept, {"nodes": None}) == kept

    file.write_text("{")
    with pytest.raises(SetupRefused, match="Correct the file"):
        read_setup(tmp_path)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"host": "0.0.0.0"}, "no address that nodes could connect to"),
        ({"host": "203.0.113.7"}, "no address of this machine. Its addresses are .*127.0.0.1"),
        ({"nodes": -1}, "give 0 or more"),
        ({"database": "mysql://db/prefect"}, "PostgreSQL or SQLite.*pg_trgm"),
        ({"folder": "/nowhere"}, r"no prefect.yaml in .*nowhere"),
        ({"store": "s3:///x"}, "s3://bucket"),
    ],
)
def test_invalid_options_are_refused(asked: dict[str, object], why: str) -> None:
    from storage.errors import FrontburnerError

    with pytest.raises(FrontburnerError, match=why):
        updated_setup(FarmSetup(), asked)


def test_the_state_file_has_stable_field_names(tmp_path: Path) -> None:
    service = ServiceState(name="store", status=ServiceStatus.GIVEN_UP, problem="no disk")
    state = FarmState(
        pid=1, began_s=2.0, version="1", started_s=3.0, seen_s=4.0, addresses={"PREFECT_API_URL": "http://x/api"},
        services=(service,),
    )  # fmt: skip
    farm_folder(tmp_path).mkdir()
    write_state(state, tmp_path)
    assert read_state(tmp_path) == state
    assert json.loads((farm_folder(tmp_path) / "state.json").read_text()) == {
        "pid": 1, "began_s": 2.0, "version": "1", "started_s": 3.0, "seen_s": 4.0, "store": "",
        "leads": {"PREFECT_API_URL": "http://x/api"},
        "parts": [{"name": "store", "address": "", "stand": "given up", "since_s": 0.0, "restarts": 0,
                   "wrong": "no disk", "pid": 0}],
    }  # fmt: skip


@given(st.sets(st.sampled_from([*DEFAULT_PORTS.values(), *(port + 10_000 for port in DEFAULT_PORTS.values())])))
def test_each_service_gets_a_free_port_and_keeps_it(taken: set[int]) -> None:
    ports = with_ports(FarmSetup(), lambda port: port not in taken).ports
    assert ports.keys() == DEFAULT_PORTS.keys()
    assert len(set(ports.values())) == len(ports)
    assert not taken & set(ports.values())
    assert with_ports(FarmSetup(ports=ports), lambda _: False).ports == ports
    if not taken:
        assert ports == DEFAULT_PORTS


@given(st.lists(st.floats(min_value=0, max_value=2 * STABLE_S), min_size=1, max_size=30))
def test_a_service_is_given_up_only_after_failures_in_a_row(lives: list[float]) -> None:
    policy, in_a_row = RestartPolicy(), 0
    for up_s in lives:
        policy = policy.after(up_s)
        in_a_row = 1 if up_s >= STABLE_S else in_a_row + 1
        assert policy.is_exhausted == (in_a_row >= MAX_FAILURES)
        assert 0 < policy.delay_s <= MAX_DELAY_S
    assert policy.delay_s == min(MAX_DELAY_S, 2.0 ** (in_a_row - 1))
