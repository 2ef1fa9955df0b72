"""A node that can't work with its scheduler says why."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from frontburner.cluster import node_service
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def new_node() -> node_service.NodeService:
    return node_service.NodeService(
        scheduler="tcp://127.0.0.1:8786", name="a", threads=1, nice=False, settings={}, leave_when_in_use=False,
        log=print,
    )  # fmt: skip


def test_a_scheduler_of_another_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def connected(*_: object, **__: object) -> AsyncIterator[None]:
        yield

    async def install(_: object) -> None:
        raise ModuleNotFoundError("No module named 'frontburner'")  # what a scheduler answers that has another source

    monkeypatch.setattr(node_service, "connected", connected)
    monkeypatch.setattr(node_service, "install_async", install)
    node = new_node()
    with pytest.raises(FrontburnerError, match="runs another version of Frontburner") as raised:
        asyncio.run(node._wait_for_scheduler())
    assert raised.value.remedy
    assert not raised.value.retryable


def test_a_scheduler_that_is_too_busy_to_answer_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    node, answers, waited = new_node(), [TimeoutError(), OSError(), {"nodes": [{"name": "b"}]}], []

    async def call(*_: object) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def wait(_: object) -> None:
        waited.append(True)

    monkeypatch.setattr(node_service, "call_async", call)
    monkeypatch.setattr(node_service.NodeService, "_wait_for_scheduler", wait)
    asyncio.run(node._check_name())
    assert (answers, len(waited)) == ([], 2)
