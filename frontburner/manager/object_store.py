"""The farm's store of pictures and scene files: one that is there, or the real S3 server that is started with the farm.

Its inner servers ask nobody who they are, and listen on this machine only.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from frontburner.credentials.private_files import write_private
from frontburner.manager.farm_setup import LOOPBACK, SEAWEEDFS, farm_folder, weed_program

if TYPE_CHECKING:
    from pathlib import Path

    from frontburner.credentials.authority import CertificateFiles
    from frontburner.manager.farm_setup import FarmSetup

BUCKET = "farm"
REGION = "us-east-1"
GRPC_ABOVE = 10_000
_SECURITY = """[grpc]
ca = "{papers.authority}"
[grpc.s3]
cert = "{papers.certificate}"
key = "{papers.key}"
"""


def store_address(setup: FarmSetup) -> str:
    """Return where jobs keep pictures that don't say where, and scene files; empty where that is each job's own."""
    return f"s3://{BUCKET}" if setup.store == SEAWEEDFS else setup.store


def store_environment(setup: FarmSetup, home: Path, papers: CertificateFiles | None = None) -> dict[str, str]:
    """Return what opens the store: nothing but for the S3 server of the farm's own. Its keys are made once and kept.

    Parameters
    ----------
    papers
        By which whoever opens it proves who it is, on a farm of several machines.
    """
    if setup.store != SEAWEEDFS:
        return {}
    proof = {
        "AWS_CA_BUNDLE": str(papers.authority),
        "FRONTBURNER_STORE_CERTIFICATE": str(papers.certificate),
        "FRONTBURNER_STORE_KEY": str(papers.key),
    } if papers else {}  # fmt: skip
    return {**_keys(home), "AWS_ENDPOINT_URL": s3_url(setup), "AWS_REGION": REGION, **proof}


def s3_url(setup: FarmSetup) -> str:
    """Return where the farm's own S3 server is reached."""
    return f"http://{LOOPBACK}:{setup.ports['s3']}" if setup.alone else f"https://{setup.host}:{setup.ports['s3']}"


def seaweedfs(setup: FarmSetup, home: Path) -> tuple[str, ...]:
    """Return what runs the S3 server: no telemetry, no page of its own, no bucket but the farm's."""
    data, ports = farm_folder(home) / "store", setup.ports
    data.mkdir(parents=True, exist_ok=True)
    return (
        weed_program(),
        "mini",
        f"-dir={data}",
        f"-bucket={BUCKET}",
        f"-ip={LOOPBACK}",
        f"-ip.bind={LOOPBACK}",
        f"-s3.port={ports['s3' if setup.alone else 's3-inner']}",
        *(f"-{name}.port={ports[name]}" for name in ("master", "volume", "filer", "admin")),
        f"-filer.localSocket={data}/filer.sock",
        f"-s3.localSocket={data}/s3.sock",
        "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        "-webdav=false",
        "-admin.ui=false",
    )


def s3_front(setup: FarmSetup, home: Path, papers: CertificateFiles) -> tuple[str, tuple[str, ...]]:
    """Return the folder and the program of the S3 server's door: it hears only those whom the farm has certified.

    Its port for others of its kind does so, too, which only a file can tell it.
    """
    folder, keys, port = farm_folder(home) / "s3", _keys(home), setup.ports["s3"]
    identity = {
        "name": "farm",
        "credentials": [{"accessKey": keys["AWS_ACCESS_KEY_ID"], "secretKey": keys["AWS_SECRET_ACCESS_KEY"]}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    write_private(folder / "s3.json", json.dumps({"identities": [identity]}).encode())
    write_private(folder / "security.toml", _SECURITY.format(papers=papers).encode())
    return str(folder), (
        weed_program(),
        "s3",
        f"-filer={LOOPBACK}:{setup.ports['filer']}",
        f"-ip.bind={setup.host}",
        f"-port={port}",
        f"-port.grpc={port + GRPC_ABOVE}",
        f"-localSocket={folder}/s3.sock",
        f"-cert.file={papers.certificate}",
        f"-key.file={papers.key}",
        f"-cacert.file={papers.authority}",
        "-tlsVerifyClientCert",
        "-config=s3.json",
        "-iam=false",
        "-autoCreateBucket=false",
        "-port.iceberg=0",
        "-port.lance=0",
    )


def _keys(home: Path) -> dict[str, str]:
    kept = farm_folder(home) / "store-keys.json"
    if not kept.exists():
        made = {"AWS_ACCESS_KEY_ID": secrets.token_hex(10).upper(), "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(30)}
        write_private(kept, json.dumps(made).encode())
    return dict(json.loads(kept.read_text(encoding="utf-8")))
