"""Movies, contact sheets and findings, made of a job's finished frames from its store, and written into it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from tempfile import gettempdir
from typing import TYPE_CHECKING, TypeVar

from storage.bulk import map_concurrently
from storage.disk_errors import translate_os_errors
from storage.errors import CorruptObject, MissingObject
from storage.objects import open_store
from system.files import temporary_folder
from tasks.identity import canonical
from tasks.picture.contact_sheet import Cell, jpeg_of, select_frames, sheet, shrink_jpeg
from tasks.picture.figures import Figures, figures
from tasks.picture.frame_output import PREVIEW_PX
from tasks.picture.frame_reading import FrameFiles, read_display, read_linear
from tasks.picture.inspection import Fault, Finding, findings
from tasks.picture.movie import RECIPES, Codec, MovieFailed, encode
from tasks.picture.output_records import claim, record_key, refuse_to_replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from fractions import Fraction

    from storage.objects import ObjectStore
    from tasks.picture.frame_output import Encoding
    from tasks.picture.movie import DisplayImage
    from tasks.picture.output_records import OutputOwner

S = TypeVar("S")
T = TypeVar("T")

READERS = 2
"""Frames that are read at once, ahead of their use."""
SHEET = ".sheet.jpg"
SHEET_PREVIEW_PX = 1280
MAX_NAMED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """A job's frames in its store.

    Parameters
    ----------
    title
        Name of the files made of them.
    frames
        In order.
    encoding
        How linear colours become what a screen shows.
    owner
        Whose products are made of them: files of others aren't replaced.
    """

    title: str
    frames: tuple[FrameFiles, ...]
    encoding: Encoding
    owner: OutputOwner | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A file made of frames; ``reused`` if it existed already, made of the same frames."""

    key: str
    reused: bool = False


def make_movie(
    footage: Footage,
    codec: Codec,
    fps: Fraction,
    store: ObjectStore,
    *,
    reuse: bool = True,
    on_read: Callable[[int], object] = lambda _: None,
) -> Product:
    """Make a movie of all frames, unless it exists.

    Parameters
    ----------
    reuse
        Whether to reuse a movie of the same frames, as they were written; else it is made of them as they are now.
    on_read
        Called with 1 for each frame that is read.

    Raises
    ------
    MovieFailed
        When a frame is missing, damaged or of another size, or the encoder fails.
    OutputTaken
        When the file is another job's.
    StoreError
        When the store fails.
    """
    _require_all(footage)
    key = movie_key(footage.title, codec)
    order = _order(footage, codec=codec, fps=str(fps), recipe=canonical(RECIPES[codec]))
    if reuse and _is_up_to_date(key, order, store):
        return Product(key=key, reused=True)
    refuse_to_replace([key], footage.owner, store)
    with translate_os_errors(gettempdir(), ""), temporary_folder() as folder:
        path = folder / f"movie{RECIPES[codec].suffix}"
        encode(_pictures(footage, store, deep=RECIPES[codec].deep, on_read=on_read), path, codec=codec, fps=fps)
        _write(key, path.read_bytes(), order, store, footage.owner)
    return Product(key=key)


def make_sheet(
    footage: Footage, flagged: Mapping[int, str], facts: str, store: ObjectStore, *, reuse: bool = True
) -> Product:
    """Make a contact sheet. Missing and damaged frames are left out. Raises `OutputTaken` and `StoreError`.

    Parameters
    ----------
    flagged
        What is wrong with frames, in a word or two.
    facts
        The small text above them.
    reuse
        As in `make_movie`.
    """
    key = sheet_key(footage.title)
    order = _order(footage, flagged={str(frame): flag for frame, flag in flagged.items()}, facts=facts)
    if reuse and _is_up_to_date(key, order, store):
        return Product(key=key, reused=True)
    refuse_to_replace([key], footage.owner, store)
    files = {frame.frame: frame for frame in footage.frames}
    read = partial(_cell, store=store, encoding=footage.encoding, flagged=flagged)
    cells = [cell for cell in read_ahead(read, [files[frame] for frame in select_frames(list(files), flagged)]) if cell]
    if not cells:
        raise MissingObject(reason="No frame of the job can be read.", remedy="Render it.", url=store.url, key=key)
    _write(key, sheet(cells, title=footage.title, facts=facts), order, store, footage.owner)
    return Product(key=key)


def movie_key(title: str, codec: Codec) -> str:
    """Key of a job's movie."""
    return f"{title}{RECIPES[codec].suffix}"


def sheet_key(title: str) -> str:
    """Key of a job's contact sheet."""
    return f"{title}{SHEET}"


def movie_in_store(footage: Footage, codec: Codec, fps: Fraction, store_url: str) -> Product:
    """Make a movie on a node, as `make_movie` does."""
    return make_movie(footage, codec, fps, open_store(store_url))


def sheet_in_store(footage: Footage, flagged: Mapping[int, str], facts: str, store_url: str) -> Product:
    """Make a contact sheet on a node, as `make_sheet` does."""
    return make_sheet(footage, flagged, facts, open_store(store_url))


def preview_of(files: FrameFiles, store: ObjectStore, encoding: Encoding) -> bytes:
    """Make a small JPEG of a frame that is in place."""
    return jpeg_of(read_display(files, store, encoding, deep=False), max_px=PREVIEW_PX)


def sheet_preview(title: str, store: ObjectStore) -> bytes:
    """Make a small JPEG of a job's contact sheet."""
    return shrink_jpeg(store.read(sheet_key(title)), max_px=SHEET_PREVIEW_PX)


def inspect(
    footage: Footage, store: ObjectStore, *, on_read: Callable[[int], object] = lambda _: None
) -> tuple[Finding, ...]:
    """Read all frames back and flag those that are missing, damaged or faulty. Raises `StoreError`."""
    lost: list[Finding] = []
    measured: dict[int, Figures] = {}
    for found in read_ahead(partial(measure, store=store), footage.frames):
        if isinstance(found, Finding):
            lost.append(found)
        else:
            measured |= found
        on_read(1)
    return tuple(sorted([*lost, *findings(measured)], key=lambda finding: finding.frame))


def measure(files: FrameFiles, store: ObjectStore) -> dict[int, Figures] | Finding:
    """Measure a frame in the store; or return the finding that it can't be read."""
    missing = next((key for key, _ in files.files if not store.exists(key)), "")
    if missing or not files.files:
        sentence = f"{missing} isn't there" if missing else "it isn't in place"
        return Finding(frame=files.frame, fault=Fault.MISSING, sentence=sentence)
    try:
        colours = read_linear(files, store)
    except CorruptObject as error:
        return Finding(frame=files.frame, fault=Fault.DAMAGED, sentence=error.reason)
    for key, digest in files.files:  # files that aren't measured must at least be as they were written
        if key != files.measured and digest and hashlib.sha256(store.read(key)).hexdigest() != digest:
            return Finding(frame=files.frame, fault=Fault.DAMAGED, sentence=f"{key} isn't what was written")
    return {files.frame: figures(colours)}


def read_ahead(function: Callable[[S], T], frames: Iterable[S]) -> Iterator[T]:
    """Call a function for each frame, only one or two ahead of time, since pictures are large."""
    return map_concurrently(function, frames, limit=READERS)


def _require_all(footage: Footage) -> None:
    """Raise `MovieFailed` if frames are missing."""
    missing = [str(frame.frame) for frame in footage.frames if not frame.files]
    if missing:
        more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
        several = len(missing) > 1
        named = f"Frames {', '.join(missing[:MAX_NAMED])}{more} aren't" if several else f"Frame {missing[0]} isn't"
        raise MovieFailed(
            reason=f"{named} in place.",
            remedy="Run the job again: only what is missing is rendered. Then make the movie.",
        )


def _pictures(
    footage: Footage, store: ObjectStore, *, deep: bool, on_read: Callable[[int], object]
) -> Iterator[tuple[int, DisplayImage]]:
    """Read the frames of a movie, one after the other; a missing or damaged one raises `MovieFailed`."""

    def read(files: FrameFiles) -> tuple[int, DisplayImage]:
        try:
            return files.frame, read_display(files, store, footage.encoding, deep=deep)
        except (CorruptObject, MissingObject) as error:
            raise MovieFailed(
                reason=f"Frame {files.frame} can't be read: {error.reason}",
                remedy=f"Render it again (frontburner job rerun … --frames {files.frame}), then make the movie.",
            ) from error

    for picture in read_ahead(read, footage.frames):
        on_read(1)
        yield picture


def _cell(files: FrameFiles, store: ObjectStore, encoding: Encoding, flagged: Mapping[int, str]) -> Cell | None:
    try:
        picture = read_display(files, store, encoding, deep=False)
    except (CorruptObject, MissingObject):
        return None
    return Cell(frame=files.frame, picture=picture, flag=flagged.get(files.frame, ""))


def _order(footage: Footage, **settings: object) -> str:
    """Return the digest of all a product is made of; empty where a file's digest isn't known."""
    if not all(digest for frame in footage.frames for _, digest in frame.files):
        return ""
    document = canonical(footage, exclude=("title", "owner")) | settings
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _is_up_to_date(key: str, order: str, store: ObjectStore) -> bool:
    try:
        return bool(order) and json.loads(store.read(record_key(key)))["order"] == order and store.exists(key)
    except (MissingObject, ValueError, KeyError, TypeError):
        return False


def _write(key: str, data: bytes, order: str, store: ObjectStore, owner: OutputOwner | None) -> None:
    claim(key, owner, store)
    store.write(key, data)
    record: dict[str, object] = {"order": order, "sha256": hashlib.sha256(data).hexdigest()}
    if owner is not None:
        record["owner"] = owner.document()
    store.write(record_key(key), json.dumps(record).encode())
