"""What a node keeps for who works at its machine."""

from __future__ import annotations

import pytest

from frontburner.cli import run_node
from frontburner.cli.run_node import NodeOptions
from storage.errors import FrontburnerError

GB = 10**9


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 16 cores and 32 GB."""
    monkeypatch.setattr(run_node, "cores", lambda: 16)
    monkeypatch.setattr("tasks.process.memory.total_bytes", lambda: 32 * GB)


@pytest.mark.parametrize(
    ("threads", "keep", "used"), [(0, 0, 0), (0, 2, 14), (8, 2, 8), (16, 2, 14), (8, 0, 8), (0, 15, 1)]
)
def test_kept_cores_are_not_rendered_with(threads: int, keep: int, used: int) -> None:
    assert NodeOptions(threads=threads, keep_cores=keep).renderer_threads == used


@pytest.mark.parametrize("keep", [16, 99, -1])
def test_a_node_needs_a_core(keep: int) -> None:
    with pytest.raises(FrontburnerError, match="16 cores") as refused:
        _ = NodeOptions(keep_cores=keep).renderer_threads
    assert "15" in refused.value.remedy


def test_kept_memory_is_not_the_renderers() -> None:
    assert NodeOptions(keep_memory="4GB").renderer_memory_bytes == 28 * GB
    assert NodeOptions().renderer_memory_bytes == 0


@pytest.mark.parametrize("keep", ["a lot", "32GB", "-1GB", "0.0001TBB"])
def test_memory_that_cannot_be_kept_is_refused(keep: str) -> None:
    with pytest.raises(FrontburnerError, match=r"--keep-memory .*29\.8 GiB"):
        _ = NodeOptions(keep_memory=keep).renderer_memory_bytes
