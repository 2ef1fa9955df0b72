"""Stores to test, the same contract for a folder and for a real S3 server; a disk that is soon full; and what is quick.

``make test-quick`` runs the tests that are marked ``quick``: those that start no process, server or renderer. Nobody
has to mark them: a test that has one of the fixtures below starts something, and so do all of renderers and those
whose module imports what starts things.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from storage.objects import ObjectStore, open_store
from tests.disks import disk
from tests.storage.seaweed import seaweed
from tests.windows.left_out import why_left_out
from tests.windows.machine import WindowsMachine, windows_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STARTING_FIXTURES = {
    "s3_server", "prefect", "studio", "standing_farm", "browser", "gateway", "farm", "tested_cluster",
    "small_disk", "addon", "windows", "new_windows",
}  # fmt: skip
STARTING_NAMES = {
    "subprocess", "multiprocessing", "ProcessPoolExecutor", "embedded_server", "LocalCluster", "local_nodes",
    "run_gateway", "Command",
}  # fmt: skip
STARTING_FOLDER = Path(__file__).with_name("renderers")


# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("any machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_configure() -> None:
    """Take part in Ctrl-C: a shell's background job ignores it, and so would all commands that tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start nothing, and leave out what Windows' Python doesn't run under Wine."""
    for item in items:
        if isinstance(item, pytest.Function) and not item.get_closest_marker("slow") and not _starts_something(item):
            item.add_marker(pytest.mark.quick)
        quick = item.get_closest_marker("quick") is not None
        if sys.platform == "win32" and (reason := why_left_out(item.nodeid, quick=quick)):
            item.add_marker(pytest.mark.skip(reason))


def _starts_something(test: pytest.Function) -> bool:
    if test.path.is_relative_to(STARTING_FOLDER) or STARTING_FIXTURES & set(test.fixturenames):
        return True
    parameters = test.callspec.params if hasattr(test, "callspec") else {}
    return parameters.get("store") == "s3" or bool(STARTING_NAMES & vars(test.module).keys())


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with seaweed(tmp_path_factory.mktemp("seaweed")) as environment:
        yield environment


@pytest.fixture
def s3_store(s3_server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    for name, value in s3_server.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return open_store(f"s3://{s3_server['bucket']}/{uuid4()}")


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "local":
        return open_store(str(tmp_path / "store"))
    made: ObjectStore = request.getfixturevalue("s3_store")
    return made


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    with disk(tmp_path / "disk", "3m") as place:
        yield place


@pytest.fixture(scope="session")
def new_windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., WindowsMachine]]:
    """Make Windows machines, within a namespace if one is given; they end with the tests."""
    wpy = os.environ.get("FRONTBURNER_WINDOWS_PYTHON")
    if not wpy:
        pytest.skip("FRONTBURNER_WINDOWS_PYTHON names no Windows Python: make env-windows")
    with ExitStack() as machines:
        yield lambda *within: machines.enter_context(windows_machine(wpy, tmp_path_factory.mktemp("windows"), within))


@pytest.fixture(scope="session")
def windows(new_windows: Callable[..., WindowsMachine]) -> WindowsMachine:
    r"""A Windows machine with Windows' Python, its packages, and this tree as ``C:\frontburner``."""
    return new_windows()
