"""Stores to test: the same contract for a folder and for a real S3 server."""

from __future__ import annotations

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
