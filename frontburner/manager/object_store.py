"""The farm's store of pictures and scene files: an existing one, or SeaweedFS, an S3 server that runs with the farm.

SeaweedFS's internal servers have no authentication, and listen on this machine only.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from frontburner.credentials.private_files import write_private
from frontburner.manager.farm_setup import LOOPBACK, SEAWEEDFS, farm_folder, seaweedfs_program

if TYPE_CHECKING:
    from pathlib import Path

    from frontburner.credentials.authority import CertificateFiles
    from frontburner.manager.farm_setup import FarmSetup

BUCKET = "farm"
REGION = "us-east-1"
GRPC_PORT_OFFSET = 10_000


def store_address(setup: FarmSetup) -> str:
    """Return the default store of pictures and scene files; empty leaves it to each job."""
    return f"s3://{BUCKET}" if setup.store == SEAWEEDFS else setup.store


def store_environment(setup: FarmSetup, home: Path, files: CertificateFiles | None = None) -> dict[str, str]:
    """Return the environment for access to the farm's own S3 server; empty for any other store.

    Parameters
    ----------
    files
        Certificate files of the client, on a farm of several machines.
    """
    if setup.store != SEAWEEDFS:
        return {}
    tls = {
        "AWS_CA_BUNDLE": str(files.authority),
        "FRONTBURNER_STORE_CERTIFICATE": str(files.certificate),
        "FRONTBURNER_STORE_KEY": str(files.key),
    } if files else {}  # fmt: skip
    return {**_keys(home), "AWS_ENDPOINT_URL": s3_url(setup), "AWS_REGION": REGION, **tls}


def s3_url(setup: FarmSetup) -> str:
    """Return the address of the farm's own S3 server."""
    return f"http://{LOOPBACK}:{setup.ports['s3']}" if setup.is_local else f"https://{setup.host}:{setup.ports['s3']}"


def seaweedfs_command(setup: FarmSetup, home: Path) -> tuple[str, ...]:
    """Return the command of the S3 server: no telemetry, no admin page, and only the farm's bucket."""
    data, ports = farm_folder(home) / "store", setup.ports
    data.mkdir(parents=True, exist_ok=True)
    return (
        seaweedfs_program(), "mini", f"-dir={data}", f"-bucket={BUCKET}", f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}",
        f"-s3.port={ports['s3' if setup.is_local else 's3-inner']}",
        *(f"-{name}.port={ports[name]}" for name in ("master", "volume", "filer", "admin")),
        f"-filer.localSocket={data}/filer.sock", f"-s3.localSocket={data}/s3.sock", "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false", "-webdav=false", "-admin.ui=false",
    )  # fmt: skip


def s3_gateway(setup: FarmSetup, home: Path, files: CertificateFiles) -> tuple[str, tuple[str, ...]]:
    """Return the folder and the command of the public S3 server, which requires a certificate of the farm.

    Its gRPC port does too, which can only be configured in a file.
    """
    folder, keys, port = farm_folder(home) / "s3", _keys(home), setup.ports["s3"]
    identity = {
        "name": "farm",
        "credentials": [{"accessKey": keys["AWS_ACCESS_KEY_ID"], "secretKey": keys["AWS_SECRET_ACCESS_KEY"]}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    write_private(folder / "s3.json", json.dumps({"identities": [identity]}).encode())
    write_private(folder / "security.toml", _security(files).encode())
    return str(folder), (
        seaweedfs_program(), "s3", f"-filer={LOOPBACK}:{setup.ports['filer']}", f"-ip.bind={setup.host}",
        f"-port={port}", f"-port.grpc={port + GRPC_PORT_OFFSET}", f"-localSocket={folder}/s3.sock",
        f"-cert.file={files.certificate}", f"-key.file={files.key}", f"-cacert.file={files.authority}",
        "-tlsVerifyClientCert", "-config=s3.json", "-iam=false", "-autoCreateBucket=false",
        "-port.iceberg=0", "-port.lance=0",
    )  # fmt: skip


def _security(files: CertificateFiles) -> str:
    # Slashes on every system: a backslash is an escape in TOML.
    ca, certificate, key = (path.as_posix() for path in (files.authority, files.certificate, files.key))
    return f'[grpc]\nca = "{ca}"\n[grpc.s3]\ncert = "{certificate}"\nkey = "{key}"\n'


def _keys(home: Path) -> dict[str, str]:
    path = farm_folder(home) / "store-keys.json"
    if not path.exists():
        keys = {"AWS_ACCESS_KEY_ID": secrets.token_hex(10).upper(), "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(30)}
        write_private(path, json.dumps(keys).encode())
    return dict(json.loads(path.read_text(encoding="utf-8")))
