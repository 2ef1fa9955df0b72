"""Zip the Blender add-on, the same bytes each time: ``make addon``."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

SOURCE = Path(__file__).parent / "frontburner_addon"
KINDS = {".py", ".toml"}
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip file can hold, so that the archive doesn't depend on when files were checked out."""


def pack(target: Path) -> None:
    """Write the zip file that Blender installs."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(SOURCE.rglob("*")):
            if path.is_file() and path.suffix in KINDS:
                entry = zipfile.ZipInfo(str(Path("frontburner_addon", path.relative_to(SOURCE)).as_posix()), EARLIEST)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    pack(Path(sys.argv[1]))
