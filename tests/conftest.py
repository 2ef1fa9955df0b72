"""Stores to test, the same contract for a folder and for a real S3 server; and a disk that is soon full."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from storage.objects import ObjectStore, open_store
from tests.storage.seaweed import seaweed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or not (mount and umount):
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield disk
    subprocess.run([umount, "-l", disk], check=True)
