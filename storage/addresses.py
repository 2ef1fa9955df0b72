"""Addresses of stores as people write them, on any system."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from storage.errors import StoreError
from system import paths

_SCHEME = re.compile(r"(s3|file):(?!//)[\\/]*", re.IGNORECASE)
_SLASHED_DRIVE = re.compile(r"/+[A-Za-z]:(?=/|$)")


def local_path(url: str) -> str:
    """Return the path on this machine of a store's address that isn't of S3.

    Raises
    ------
    StoreError
        When it is no address of a store, or of a folder that only another system knows.
    """
    path = _path(url)
    place = paths.here(path)
    if paths.is_foreign(place):
        raise StoreError(
            reason=f"{path} is a folder of another system than this machine's.",
            remedy=f"Say where it is here: {paths.mapping_for(place)}. Or name a folder of this machine.",
            url=url,
        )
    return place


def _path(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if mangled := _SCHEME.match(url):
        meant = f"{mangled[1].lower()}://{url[mangled.end() :].replace(chr(92), '/')}"
        raise StoreError(
            reason=f"{url!r} is not the address of a store: two slashes follow {mangled[1]}: in one.",
            remedy=f"Write {meant}, in quotes if the shell changes it.",
            url=url,
        )
    if url and not separator:
        return url
    path, server = unquote(urlsplit(url).path), urlsplit(url).netloc
    if scheme.lower() == "file" and path.startswith("/") and "\\" not in rest:
        if server in ("", "localhost"):
            return path.lstrip("/") if _SLASHED_DRIVE.match(path) else path
        if len(path) > 1:
            return rf"\\{unquote(server)}{path}".replace("/", "\\")
    raise StoreError(
        reason=f"{url!r} is not the address of a store.",
        remedy="Give a local path, file:///path or s3://bucket/prefix.",
        url=url,
    )
