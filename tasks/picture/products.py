"""What is made of a job's finished frames, from its store and into it: whole or not at all, with a record of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING, TypeVar

from storage.bulk import map_concurrently
from storage.disk_errors import translate_os_errors
from storage.errors import CorruptObject, MissingObject
from storage.objects import open_store
from tasks.identity import canonical
from tasks.picture.contact_sheet import Cell, select_frames, sheet, small, smaller
from tasks.picture.frame_output import PREVIEW_PX, record_key
from tasks.picture.frame_reading import FrameFiles, read_light, read_shown
from tasks.picture.inspection import Fault, Figures, Finding, figures, findings
from tasks.picture.movie import RECIPES, Codec, MovieFailed, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from fractions import Fraction

    from storage.objects import ObjectStore
    from tasks.picture.frame_output import Encoding
    from tasks.picture.movie import DisplayImage

S = TypeVar("S")
T = TypeVar("T")

READERS = 2
"""Frames that are read at once, ahead of what is made of them."""
SHEET = ".sheet.jpg"
SHEET_PREVIEW_PX = 1280
MOST_NAMED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """A job's frames as they lie in its store.

    Parameters
    ----------
    title
        What files made of them are called.
    frames
        In their order.
    encoding
        How light becomes what a screen shows.
    """

    title: str
    frames: tuple[FrameFiles, ...]
    encoding: Encoding


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A file made of frames; ``reused`` if it was there already, made of the same."""

    key: str
    reused: bool = False


def make_movie(
    footage: Footage,
    codec: Codec,
    fps: Fraction,
    store: ObjectStore,
    *,
    reuse: bool = True,
    tell: Callable[[int], object] = lambda _: None,
) -> Product:
    """Make a movie of all frames, unless it is there.

    Parameters
    ----------
    reuse
        Whether a movie of the same frames, as they were written, will do; else it is made of them as they are now.
    tell
        Called with each frame that is read.

    Raises
    ------
    MovieFailed
        When a frame isn't there, is damaged or of another size, or the encoder fails.
    StoreError
        When the store fails.
    """
    _require_all(footage)
    key = f"{footage.title}{RECIPES[codec].suffix}"
    order = _order(footage, codec=codec, fps=str(fps), recipe=canonical(RECIPES[codec]))
    if reuse and _is_there(key, order, store):
        return Product(key=key, reused=True)
    with translate_os_errors(gettempdir(), ""), TemporaryDirectory(prefix="frontburner-") as folder:
        path = Path(folder) / f"movie{RECIPES[codec].suffix}"
        encode(_pictures(footage, store, deep=RECIPES[codec].deep, tell=tell), path, codec=codec, fps=fps)
        _put(key, path.read_bytes(), order, store)
    return Product(key=key)


def make_sheet(
    footage: Footage, flagged: Mapping[int, str], facts: str, store: ObjectStore, *, reuse: bool = True
) -> Product:
    """Make a contact sheet. What isn't there or is damaged can't be shown, and is left out. Raises `StoreError`.

    Parameters
    ----------
    flagged
        What is wrong with frames, in a word or two.
    facts
        What stands above them, small.
    reuse
        As in `make_movie`.
    """
    key = f"{footage.title}{SHEET}"
    order = _order(footage, flagged={str(frame): flag for frame, flag in flagged.items()}, facts=facts)
    if reuse and _is_there(key, order, store):
        return Product(key=key, reused=True)
    files = {own.frame: own for own in footage.frames}
    read = partial(_cell, store=store, encoding=footage.encoding, flagged=flagged)
    cells = [cell for cell in read_ahead(read, [files[frame] for frame in select_frames(list(files), flagged)]) if cell]
    if not cells:
        raise MissingObject(reason="No frame of the job can be read.", remedy="Render it.", url=store.url, key=key)
    _put(key, sheet(cells, title=footage.title, facts=facts), order, store)
    return Product(key=key)


def movie_in_store(footage: Footage, codec: Codec, fps: Fraction, store_url: str) -> Product:
    """Make a movie on this node, as `make_movie` does."""
    return make_movie(footage, codec, fps, open_store(store_url))


def sheet_in_store(footage: Footage, flagged: Mapping[int, str], facts: str, store_url: str) -> Product:
    """Make a contact sheet on this node, as `make_sheet` does."""
    return make_sheet(footage, flagged, facts, open_store(store_url))


def preview_of(files: FrameFiles, store: ObjectStore, encoding: Encoding) -> bytes:
    """Make a small JPEG of a frame that is in place."""
    return small(read_shown(files, store, encoding, deep=False), max_px=PREVIEW_PX)


def sheet_preview(title: str, store: ObjectStore) -> bytes:
    """Make a small JPEG of a job's contact sheet."""
    return smaller(store.read(f"{title}{SHEET}"), max_px=SHEET_PREVIEW_PX)


def inspect(
    footage: Footage, store: ObjectStore, *, tell: Callable[[int], object] = lambda _: None
) -> tuple[Finding, ...]:
    """Read all frames back and flag those that are missing, damaged or stand out. Raises `StoreError`."""
    lost: list[Finding] = []
    measured: dict[int, Figures] = {}
    for found in read_ahead(partial(measure, store=store), footage.frames):
        if isinstance(found, Finding):
            lost.append(found)
        else:
            measured |= found
        tell(1)
    return tuple(sorted([*lost, *findings(measured)], key=lambda finding: finding.frame))


def measure(files: FrameFiles, store: ObjectStore) -> dict[int, Figures] | Finding:
    """Measure a frame as it lies in the store; or say why that can't be."""
    missing = next((key for key, _ in files.files if not store.exists(key)), "")
    if missing or not files.files:
        said = f"{missing} isn't there" if missing else "it isn't in place"
        return Finding(frame=files.frame, fault=Fault.MISSING, sentence=said)
    try:
        light = read_light(files, store)
    except CorruptObject as error:
        return Finding(frame=files.frame, fault=Fault.DAMAGED, sentence=error.reason)
    for key, digest in files.files:  # what isn't measured must at least be what was written
        if key != files.measured and digest and hashlib.sha256(store.read(key)).hexdigest() != digest:
            return Finding(frame=files.frame, fault=Fault.DAMAGED, sentence=f"{key} isn't what was written")
    return {files.frame: figures(light)}


def read_ahead(act: Callable[[S], T], values: Iterable[S]) -> Iterator[T]:
    """Do something to each frame, one or two ahead of time: as pictures they are large."""
    return map_concurrently(act, values, limit=READERS)


def _require_all(footage: Footage) -> None:
    """Refuse frames with gaps."""
    gaps = [str(own.frame) for own in footage.frames if not own.files]
    if gaps:
        more = f" and {len(gaps) - MOST_NAMED} more" if len(gaps) > MOST_NAMED else ""
        named = f"Frame {gaps[0]} isn't" if len(gaps) == 1 else f"Frames {', '.join(gaps[:MOST_NAMED])}{more} aren't"
        raise MovieFailed(
            reason=f"{named} in place.",
            remedy="Run the job again: only what is missing is rendered. Then make the movie.",
        )


def _pictures(
    footage: Footage, store: ObjectStore, *, deep: bool, tell: Callable[[int], object]
) -> Iterator[tuple[int, DisplayImage]]:
    """Read the frames of a movie, one after the other; a gap or a damaged one ends it."""

    def read(files: FrameFiles) -> tuple[int, DisplayImage]:
        try:
            return files.frame, read_shown(files, store, footage.encoding, deep=deep)
        except (CorruptObject, MissingObject) as error:
            raise MovieFailed(
                reason=f"Frame {files.frame} can't be read: {error.reason}",
                remedy=f"Render it again (frontburner job rerun … --frames {files.frame}), then make the movie.",
            ) from error

    for picture in read_ahead(read, footage.frames):
        tell(1)
        yield picture


def _cell(files: FrameFiles, store: ObjectStore, encoding: Encoding, flagged: Mapping[int, str]) -> Cell | None:
    try:
        shown = read_shown(files, store, encoding, deep=False)
    except (CorruptObject, MissingObject):
        return None
    return Cell(frame=files.frame, picture=shown, flag=flagged.get(files.frame, ""))


def _order(footage: Footage, **how: object) -> str:
    """Digest of all a product is made of; empty where it isn't known what a file holds."""
    if not all(digest for own in footage.frames for _, digest in own.files):
        return ""
    document = canonical(footage, exclude=("title",)) | how
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _is_there(key: str, order: str, store: ObjectStore) -> bool:
    try:
        return bool(order) and json.loads(store.read(record_key(key)))["order"] == order and store.exists(key)
    except (MissingObject, ValueError, KeyError, TypeError):
        return False


def _put(key: str, data: bytes, order: str, store: ObjectStore) -> None:
    store.delete(record_key(key))
    store.write(key, data)
    record = {"order": order, "sha256": hashlib.sha256(data).hexdigest()}
    store.write(record_key(key), json.dumps(record).encode())
