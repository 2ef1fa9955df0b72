"""The manager's own wheel: the Frontburner that runs here, from a checkout or installed, as nodes install it.

It is made of the files themselves, since a checkout needn't have what builds it, and an installed package has no
source to build from. The same files make the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import io
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDERS = ("flows", "frontburner", "storage", "system", "tasks")
LOCKS = ("requirements.lock", "requirements-renderers.lock")
"""Files with the version and the hashes of every package; in a wheel they are data."""
_ROOT = Path(__file__).resolve().parents[2]
_PACKAGE = "frontburner"
_LOCKS_FOLDER = "share/frontburner"
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time of every file in it, the earliest that a zip can have."""
_PLAIN_FILE = 0o100644 << 16
_WHEEL = "Wheel-Version: 1.0\nGenerator: frontburner\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel in memory."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        """SHA-256 of its bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


@cache
def own_wheel() -> Wheel:
    """Return the wheel of the Frontburner that runs here."""
    version = importlib.metadata.version(_PACKAGE)
    files = sorted(_files(f"{_PACKAGE}-{version}"))
    record = f"{_PACKAGE}-{version}.dist-info/RECORD"
    lines = [f"{name},sha256={_record_digest(data)},{len(data)}\n" for name, data in files]
    files.append((record, "".join([*lines, f"{record},,\n"]).encode()))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, _PLAIN_FILE
            archive.writestr(entry, data)
    return Wheel(name=f"{_PACKAGE}-{version}-py3-none-any.whl", data=out.getvalue())


def lock_file(name: str) -> Path:
    """Return the file of locked packages: the checkout's, or the one that was installed with Frontburner.

    Raises
    ------
    FrontburnerError
        When there is none.
    """
    if (checkout := _ROOT / name).is_file():
        return checkout
    for file in importlib.metadata.files(_PACKAGE) or ():
        if file.name == name and (installed := Path(str(file.locate()))).is_file():
            return installed
    raise FrontburnerError(
        reason=f"This Frontburner was installed without its list of packages, {name}.",
        remedy="Install it from its source or from a wheel that was made of it.",
    )


def _files(stem: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file but the record."""
    for folder in FOLDERS:
        for path in (_ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(_ROOT).as_posix(), path.read_bytes()
    for name in LOCKS:
        yield f"{stem}.data/data/{_LOCKS_FOLDER}/{name}", lock_file(name).read_bytes()
    distribution = importlib.metadata.distribution(_PACKAGE)
    for name in ("METADATA", "entry_points.txt"):
        yield f"{stem}.dist-info/{name}", (distribution.read_text(name) or "").encode()
    yield f"{stem}.dist-info/WHEEL", _WHEEL.encode()


def _record_digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
