"""Scenes on their way from a browser to the disk: each in a folder of its own, whole or not at all.

What is under way lies in a hidden folder, and is gone when it breaks off. A scene that is to be rendered is then called
by its name and its content: the same one that is dropped again is the same scene, and its job goes on.
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

from frontburner.monitor.refusals import CONFLICT, GONE, TOO_MUCH, RequestRefused
from frontburner.monitor.upload_names import safe_names
from frontburner.reports.figures import format_bytes
from frontburner.retention.dropped_scenes import ABANDONED_AFTER_S, PARTIAL_PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

WRITE_BYTES = 1 << 20
"""So much is gathered before it is written."""
SPARE_BYTES = 1_000_000_000
"""So much of the disk is left free."""
MOST_UNDER_WAY = 32
BROKEN_S = 3600.0
"""Seconds after which an upload that doesn't go on is removed; a scene that is whole waits longer for its job."""


@dataclass(slots=True, kw_only=True)
class Upload:
    """Files that are being sent, and those that are there.

    Parameters
    ----------
    names, sizes
        Of each file: where it goes below the folder, and its bytes.
    folder
        Where they lie meanwhile.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    folder: Path
    seen_s: float
    taking: set[int] = field(default_factory=set)
    digests: dict[int, str] = field(default_factory=dict)
    unpacked: bool = False
    kept: bool = False
    """Whether a job was asked for it, so that it stays."""

    @property
    def whole(self) -> bool:
        """Whether all files are there."""
        return len(self.digests) == len(self.names)

    @property
    def digest(self) -> str:
        """SHA-256 over the names and contents of all files, as far as it fits into a name."""
        told = sorted((name, self.digests[nth]) for nth, name in enumerate(self.names))
        return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


@dataclass(slots=True, kw_only=True)
class Uploads:
    """All uploads of a place.

    Parameters
    ----------
    place
        The folder that scenes are kept in; it is made when the first comes.
    most_bytes
        The most bytes of one scene.
    """

    place: Path
    most_bytes: int
    clock: Callable[[], float] = time.monotonic
    _under_way: dict[str, Upload] = field(init=False, default_factory=dict)

    def begin(self, names: Sequence[str], sizes: Sequence[int]) -> str:
        """Take note of what is to come; returns what it is called.

        Raises
        ------
        NotTaken
            When names or sizes aren't as they may be.
        """
        total = sum(sizes)
        if total > self.most_bytes:
            raise RequestRefused(
                reason=f"The files have {format_bytes(total)}, and at most {format_bytes(self.most_bytes)} are taken.",
                remedy="Leave out what the scene doesn't need; or put it where nodes see it, and give a job file.",
                status=TOO_MUCH,
            )
        safe = safe_names(names)
        self.sweep()
        if len(self._under_way) >= MOST_UNDER_WAY:
            raise RequestRefused(reason="Too many scenes are on their way.", remedy="Try again soon.", status=CONFLICT)
        self._make_room(total)
        key = secrets.token_hex(16)
        folder = self.place / f"{PARTIAL_PREFIX}{secrets.token_hex(8)}"
        folder.mkdir()
        self._under_way[key] = Upload(names=safe, sizes=tuple(sizes), folder=folder, seen_s=self.clock())
        return key

    async def take(self, key: str, nth: int, chunks: AsyncIterator[bytes]) -> None:
        """Write one file. Whatever breaks that off, all of the upload is removed.

        Raises
        ------
        NotTaken
            When it isn't the file that was announced, or the disk doesn't take it.
        """
        upload = self.of(key)
        if not 0 <= nth < len(upload.names) or nth in upload.taking:
            raise RequestRefused(reason=f"The file {nth} isn't expected.", remedy="Drop it all again.", status=CONFLICT)
        upload.taking.add(nth)
        try:
            upload.digests[nth] = await self._written(upload, nth, chunks)
        except OSError as error:
            self.discard(key)
            reason = f"{upload.names[nth]} can't be written: {error.strerror}."
            raise RequestRefused(reason=reason, remedy=f"Make room in {self.place}.", status=503) from None
        except BaseException:
            self.discard(key)
            raise

    def of(self, key: str) -> Upload:
        """Return an upload.

        Raises
        ------
        NotTaken
            When there is none of this name, or no more.
        """
        upload = self._under_way.get(key)
        if upload is None:
            raise RequestRefused(reason="The scene isn't here any more.", remedy="Drop it again.", status=GONE)
        upload.seen_s = self.clock()
        try:
            os.utime(upload.folder)  # a process that prunes sees that it is wanted
        except FileNotFoundError:
            del self._under_way[key]
            return self.of(key)
        return upload

    def home(self, key: str, title: str) -> Path:
        """Return where an upload is kept for good, by its scene's title and its content."""
        upload = self.of(key)
        clean = re.sub(r"[^\w.+-]+", "-", title).strip("-.")[:80] or "scene"
        return upload.folder if upload.kept else self.place / f"{clean}-{upload.digest}"

    def settle(self, key: str, title: str) -> Path:
        """Keep an upload for good, and return where. One that is there already is the same."""
        upload, home = self.of(key), self.home(key, title)
        if not upload.kept:
            try:
                os.utime(home)  # first of all: a scene that was dropped just now isn't pruned
            except FileNotFoundError:
                upload.folder.rename(home)
                os.utime(home)
            else:
                shutil.rmtree(upload.folder, ignore_errors=True)
            upload.folder, upload.kept = home, True
        return home

    def forget(self, key: str) -> None:
        """Let go of an upload that is kept."""
        self._under_way.pop(key, None)

    def discard(self, key: str) -> None:
        """Remove an upload, if it is there and no job was asked for it."""
        upload = self._under_way.pop(key, None)
        if upload is not None and not upload.kept:
            shutil.rmtree(upload.folder, ignore_errors=True)

    def sweep(self) -> bool:
        """Remove what was broken off, also by an earlier process, and what nobody asked a job for.

        Returns
        -------
        bool
            Whether anything is under way still.
        """
        for key, upload in list(self._under_way.items()):
            if self.clock() - upload.seen_s > (ABANDONED_AFTER_S if upload.whole else BROKEN_S):
                self.discard(key)
        own = {upload.folder for upload in self._under_way.values()}
        for folder in set(self.place.glob(f"{PARTIAL_PREFIX}*")) - own:
            with suppress(FileNotFoundError):  # a process that prunes was here
                if time.time() - folder.stat().st_mtime > ABANDONED_AFTER_S:
                    shutil.rmtree(folder, ignore_errors=True)
        return any(self.place.glob(f"{PARTIAL_PREFIX}*"))

    def _make_room(self, total: int) -> None:
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.place).free - SPARE_BYTES
        except OSError as error:
            remedy = "Give leave to write there, or name another folder in FRONTBURNER_SCENES."
            raise RequestRefused(
                reason=f"{self.place} can't be written: {error.strerror}.", remedy=remedy, status=503
            ) from None
        if total > free:
            reason = f"The files have {format_bytes(total)}, and the disk has room for {format_bytes(max(0, free))}."
            raise RequestRefused(reason=reason, remedy=f"Make room in {self.place}.", status=503)

    async def _written(self, upload: Upload, nth: int, chunks: AsyncIterator[bytes]) -> str:
        """Write a file and return the digest of its content."""
        name, expected = upload.names[nth], upload.sizes[nth]
        path = upload.folder / PurePosixPath(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        digest, there = hashlib.sha256(), 0
        with path.open("xb") as file:
            async for chunk in _gathered(chunks):
                there += len(chunk)
                if there > expected:
                    break
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
                upload.seen_s = self.clock()
        os.utime(upload.folder)
        if there != expected:
            reason = (
                f"{name} has {'more' if there > expected else 'fewer'} bytes than the {expected} that were announced."
            )
            raise RequestRefused(
                reason=reason, remedy="It changed meanwhile, or the connection broke: drop it all again."
            )
        return digest.hexdigest()


async def _gathered(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Gather small pieces into ones worth writing."""
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        if len(held) >= WRITE_BYTES:
            yield bytes(held)
            held.clear()
    yield bytes(held)
