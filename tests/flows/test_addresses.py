"""Flows are found at every address that Prefect's database may have for them."""

from __future__ import annotations

import pytest
from prefect.flows import load_flow_from_entrypoint


@pytest.mark.parametrize(
    ("entrypoint", "name"),
    [
        ("flows.render.render", "render"),
        ("flows.chain.run_chain", "chain"),
        ("flows.morning.morning", "morning report"),
        ("flows.nightly.morning.morning", "morning report"),
    ],
)
def test_a_flow_is_found_at_its_address(entrypoint: str, name: str) -> None:
    assert load_flow_from_entrypoint(entrypoint).name == name
