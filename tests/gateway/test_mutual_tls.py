"""A scheduler and a node with mutual TLS: nothing is read from unauthenticated clients, and the farm keeps working."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from distributed.comm import get_address_host_port
from distributed.comm.tcp import _add_frames_header
from distributed.comm.utils import to_frames
from distributed.protocol.pickle import dumps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frontburner.cluster.arbiter_calls import call, connected
from frontburner.credentials.dask_security import security_at, security_for
from storage.errors import FrontburnerError
from storage.objects import open_store
from tasks.content_digests import file_sha256
from tasks.job_context import JobContext
from tasks.node.unit_task import render_unit
from tasks.renderers.null import BUILD
from tasks.spec import FrameSpec, SampleRange, Size, UnitSpec
from tests.end_to_end.conftest import TIMEOUT_S, until
from tests.gateway.conftest import run_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distributed import SpecCluster

EXAMPLES = int(os.environ.get("INPUTS", "200"))
REFUSED = b"\x15"
"""The first byte of a TLS alert, the only answer to an unauthenticated client."""


class Bomb:
    """Creates a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def pickle_bomb(path: Path) -> bytes:
    """Messages that make a Dask scheduler unpickle a bomb: a greeting, then a function to run."""
    greeting = {"compression": None, "python": [3, 11], "pickle-protocol": 5}
    order = {"op": "run_function", "function": dumps(Bomb(path)), "args": dumps(()), "kwargs": dumps({}), "reply": True}

    async def framed(message: dict[str, Any]) -> bytes:
        frames, _, _ = _add_frames_header(await to_frames(message))
        return b"".join(bytes(frame) for frame in frames)

    async def both() -> bytes:
        return await framed(greeting) + await framed(order)

    return asyncio.run(both())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("manager")
        patch.setenv("FRONTBURNER_HOME", str(home))
        yield home


@pytest.fixture(scope="module")
def farm(home: Path) -> Iterator[SpecCluster]:
    with run_cluster(encrypted=True, folder=home / "gate", nodes=1) as cluster:
        yield cluster


def ports(farm: SpecCluster) -> dict[str, tuple[str, int]]:
    """Addresses of scheduler, worker and nanny."""
    found = {"scheduler": farm.scheduler_address}
    until(lambda: farm.scheduler.workers)
    for state in farm.scheduler.workers.values():
        found |= {"worker": state.address, "nanny": state.nanny}
    assert all(address.startswith("tls://") for address in found.values())
    return {name: get_address_host_port(address) for name, address in found.items()}


def send_raw(place: tuple[str, int], data: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """Send bytes to a port without a valid certificate; returns the answer until the connection closes."""
    answer = b""
    with socket.create_connection(place, TIMEOUT_S) as raw, suppress(OSError):
        line = context.wrap_socket(raw) if context else raw
        with line:
            line.sendall(data)
            if context is None:
                line.shutdown(socket.SHUT_WR)
            while piece := line.recv(4096):
                answer += piece
    return answer


def test_a_unit_is_rendered_over_mutual_tls(farm: SpecCluster, tmp_path: Path) -> None:
    scene = tmp_path / "still.json"
    scene.write_text(json.dumps({"size": "24x16", "samples": 4}))
    frame = FrameSpec(
        renderer="null", build=BUILD, scene=str(scene), scene_digest=file_sha256(scene), frame=1,
        size=Size(width=24, height=16), samples=4,
    )  # fmt: skip
    unit = UnitSpec(frame=frame, region=frame.size.whole, samples=SampleRange(start=0, stop=4))
    workstation = JobContext(store_url=open_store(str(tmp_path / "store")).url, topic="")
    with connected(farm.scheduler_address) as client:
        tile = client.submit(render_unit, unit, workstation, 0, pure=False).result(TIMEOUT_S)
    assert tile.sums.shape[:2] == (16, 24)
    assert np.isfinite(tile.sums).all()


@pytest.mark.parametrize("party", ["scheduler", "worker", "nanny"])
def test_nothing_of_an_unauthenticated_client_is_unpickled(farm: SpecCluster, tmp_path: Path, party: str) -> None:
    mark, place = tmp_path / "exploded", ports(farm)[party]
    bomb = pickle_bomb(mark)
    nobody = ssl.create_default_context()
    nobody.check_hostname, nobody.verify_mode = False, ssl.CERT_NONE
    elsewhere = security_for("client", tmp_path / "another-farm").get_connection_args("client")["ssl_context"]
    elsewhere.verify_mode = ssl.CERT_NONE
    for context in (None, nobody, elsewhere):
        assert send_raw(place, bomb, context)[:1] in (b"", REFUSED)
    assert not mark.exists()


def test_the_same_bytes_run_code_without_tls(home: Path, tmp_path: Path) -> None:
    mark = tmp_path / "exploded"
    with run_cluster(encrypted=False, folder=home / "gate") as cluster:
        place = get_address_host_port(cluster.scheduler_address)
        thread = threading.Thread(target=send_raw, args=(place, pickle_bomb(mark)))
        thread.start()
        until(mark.exists)
        thread.join()


def test_arbitrary_first_bytes_do_no_harm(farm: SpecCluster) -> None:
    place, heard = ports(farm)["scheduler"], 0
    records = st.binary(max_size=200).map(lambda body: b"\x16\x03\x01" + len(body).to_bytes(2, "big") + body)
    anything = st.one_of(
        st.binary(min_size=1, max_size=300), records, st.sampled_from([b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n"])
    )

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(anything)
    def send(data: bytes) -> None:
        nonlocal heard
        heard += 1
        assert send_raw(place, data)[:1] in (b"", REFUSED)

    send()
    assert heard >= EXAMPLES
    with connected(farm.scheduler_address) as client:
        assert client.submit(sum, [1, 2]).result(TIMEOUT_S) == 3


def test_without_a_certificate_the_error_names_the_command(
    farm: SpecCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path))
    with pytest.raises(FrontburnerError, match="frontburner login"):
        call(farm.scheduler_address, "snapshot")
    assert security_at("tcp://127.0.0.1:8786") is None
