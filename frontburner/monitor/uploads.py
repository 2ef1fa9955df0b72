"""Uploads of scenes from a browser: each in a folder of its own, complete or not at all.

An upload is written to a hidden folder, which is deleted if the upload breaks off. Once its job is submitted, the
folder is named by the scene's title and content: the same scene dropped again is the same one, and its job goes on.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from frontburner.monitor.requests import CONFLICT, NOT_FOUND, TOO_LARGE, RequestRefused
from frontburner.monitor.upload_files import safe_names
from frontburner.reports.figures import format_bytes
from frontburner.retention.dropped_scenes import ABANDONED_AFTER_S, PARTIAL_PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

WRITE_BYTES = 1 << 20
"""Chunks are collected to this size before they are written."""
SPARE_BYTES = 1_000_000_000
"""Space on the disk that is left free."""
MAX_UPLOADS = 32
STALLED_S = 3600.0
"""Seconds after which an upload that has stalled is deleted; a complete scene waits longer for its job."""


@dataclass(slots=True, kw_only=True)
class Upload:
    """The files of one upload.

    Parameters
    ----------
    names, sizes
        Of each file: its path below the folder, and its bytes.
    folder
        Where the files are written.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    folder: Path
    seen_s: float
    receiving: set[int] = field(default_factory=set)
    digests: dict[int, str] = field(default_factory=dict)
    unpacked: bool = False
    kept: bool = False
    """Whether a job was submitted for it, so that it isn't deleted."""

    @property
    def complete(self) -> bool:
        """Whether all files have been received."""
        return len(self.digests) == len(self.names)

    @property
    def digest(self) -> str:
        """SHA-256 over the names and contents of all files, shortened to fit into a name."""
        contents = sorted((name, self.digests[nth]) for nth, name in enumerate(self.names))
        return hashlib.sha256(repr(contents).encode()).hexdigest()[:16]


@dataclass(slots=True, kw_only=True)
class Uploads:
    """All uploads into a folder.

    Parameters
    ----------
    folder
        Where scenes are kept; created with the first.
    max_bytes
        Maximum size of one scene.
    """

    folder: Path
    max_bytes: int
    clock: Callable[[], float] = time.monotonic
    _uploads: dict[str, Upload] = field(init=False, default_factory=dict)

    def begin(self, names: Sequence[str], sizes: Sequence[int]) -> str:
        """Begin an upload; returns its key.

        Raises
        ------
        RequestRefused
            When a name isn't safe, or the files are too many or too large.
        """
        total = sum(sizes)
        if total > self.max_bytes:
            raise RequestRefused(
                reason=f"The files have {format_bytes(total)}; at most {format_bytes(self.max_bytes)} are accepted.",
                remedy="Leave out what the scene doesn't need; or put it where nodes see it, and use a job file.",
                status=TOO_LARGE,
            )
        safe = safe_names(names)
        self.clean_up()
        if len(self._uploads) >= MAX_UPLOADS:
            raise RequestRefused(reason="Too many uploads are in progress.", remedy="Try again soon.", status=CONFLICT)
        self._check_space(total)
        key = secrets.token_hex(16)
        folder = self.folder / f"{PARTIAL_PREFIX}{secrets.token_hex(8)}"
        folder.mkdir()
        self._uploads[key] = Upload(names=safe, sizes=tuple(sizes), folder=folder, seen_s=self.clock())
        return key

    async def receive(self, key: str, nth: int, chunks: AsyncIterator[bytes]) -> None:
        """Write one file. If that breaks off for whatever reason, the upload is deleted.

        Raises
        ------
        RequestRefused
            When it isn't the file that was announced, or can't be written.
        """
        upload = self.get(key)
        if not 0 <= nth < len(upload.names) or nth in upload.receiving:
            raise RequestRefused(
                reason=f"The file {nth} isn't expected.", remedy="Drop all files again.", status=CONFLICT
            )
        upload.receiving.add(nth)
        try:
            upload.digests[nth] = await self._write(upload, nth, chunks)
        except OSError as error:
            self.discard(key)
            reason = f"{upload.names[nth]} can't be written: {error.strerror}."
            raise RequestRefused(reason=reason, remedy=f"Make room in {self.folder}.", status=503) from None
        except BaseException:
            self.discard(key)
            raise

    def get(self, key: str) -> Upload:
        """Return an upload.

        Raises
        ------
        RequestRefused
            When there is none with this key any more.
        """
        upload = self._uploads.get(key)
        if upload is None:
            raise RequestRefused(reason="The scene isn't here any more.", remedy="Drop it again.", status=NOT_FOUND)
        upload.seen_s = self.clock()
        try:
            os.utime(upload.folder)  # tells `store prune` that it is in use
        except FileNotFoundError:
            del self._uploads[key]
            return self.get(key)
        return upload

    def destination(self, key: str, title: str) -> Path:
        """Return the folder an upload is kept in, named by its scene's title and its content."""
        upload = self.get(key)
        clean = re.sub(r"[^\w.+-]+", "-", title).strip("-.")[:80] or "scene"
        return upload.folder if upload.kept else self.folder / f"{clean}-{upload.digest}"

    def keep(self, key: str, title: str) -> Path:
        """Move an upload to its destination, and return that. A folder that exists there has the same content."""
        upload, destination = self.get(key), self.destination(key, title)
        if not upload.kept:
            try:
                os.utime(destination)  # first of all, so that `store prune` keeps it
            except FileNotFoundError:
                upload.folder.rename(destination)
                os.utime(destination)
            else:
                shutil.rmtree(upload.folder, ignore_errors=True)
            upload.folder, upload.kept = destination, True
        return destination

    def finish(self, key: str) -> None:
        """End an upload that is kept."""
        self._uploads.pop(key, None)

    def discard(self, key: str) -> None:
        """Delete an upload, unless it is kept."""
        upload = self._uploads.pop(key, None)
        if upload is not None and not upload.kept:
            shutil.rmtree(upload.folder, ignore_errors=True)

    def clean_up(self) -> bool:
        """Delete stalled uploads, also those of an earlier process, and scenes for which no job was submitted.

        Returns
        -------
        bool
            Whether uploads are left.
        """
        for key, upload in list(self._uploads.items()):
            if self.clock() - upload.seen_s > (ABANDONED_AFTER_S if upload.complete else STALLED_S):
                self.discard(key)
        active = {upload.folder for upload in self._uploads.values()}
        for folder in set(self.folder.glob(f"{PARTIAL_PREFIX}*")) - active:
            with suppress(FileNotFoundError):  # deleted by `store prune`
                if time.time() - folder.stat().st_mtime > ABANDONED_AFTER_S:
                    shutil.rmtree(folder, ignore_errors=True)
        return any(self.folder.glob(f"{PARTIAL_PREFIX}*"))

    def _check_space(self, total: int) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free - SPARE_BYTES
        except OSError as error:
            remedy = "Give permission to write there, or name another folder in FRONTBURNER_SCENES."
            raise RequestRefused(
                reason=f"{self.folder} can't be written: {error.strerror}.", remedy=remedy, status=503
            ) from None
        if total > free:
            reason = f"The files have {format_bytes(total)}; the disk has room for {format_bytes(max(0, free))}."
            raise RequestRefused(reason=reason, remedy=f"Make room in {self.folder}.", status=503)

    async def _write(self, upload: Upload, nth: int, chunks: AsyncIterator[bytes]) -> str:
        """Write a file, and return the digest of its content."""
        name, expected = upload.names[nth], upload.sizes[nth]
        path = upload.folder / PurePosixPath(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        digest, received = hashlib.sha256(), 0
        with path.open("xb") as file:
            async for chunk in _collected(chunks):
                received += len(chunk)
                if received > expected:
                    break
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
                upload.seen_s = self.clock()
        os.utime(upload.folder)
        if received != expected:
            more = "more" if received > expected else "fewer"
            raise RequestRefused(
                reason=f"{name} has {more} bytes than the {expected} that were announced.",
                remedy="It changed meanwhile, or the connection broke: drop all files again.",
            )
        return digest.hexdigest()


async def _collected(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Collect small chunks into ones of `WRITE_BYTES`."""
    collected = bytearray()
    async for chunk in chunks:
        collected += chunk
        if len(collected) >= WRITE_BYTES:
            yield bytes(collected)
            collected.clear()
    yield bytes(collected)
