"""What a scene's cameras ask for: their films and samplers, built by Mitsuba, and what is rendered differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mitsuba as mi
import numpy as np

from tasks.renderers.base import CameraInfo
from tasks.renderers.mitsuba.building import build_node
from tasks.renderers.mitsuba.document import variant
from tasks.spec import Region, Size

if TYPE_CHECKING:
    import numpy.typing as npt

    from tasks.renderers.mitsuba.document import Document

_LUMINANCE = np.array([0.212671, 0.715160, 0.072169])  # of linear sRGB, as Mitsuba weighs it


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A camera's film and sampler.

    Parameters
    ----------
    film, sampler
        Mitsuba's objects, as the scene describes them.
    pixel_format
        Of the film: luminance, luminance_alpha, rgb, rgba, xyz or xyza; empty if it has none.
    """

    document: Document
    node: int
    film: Any
    sampler: Any
    pixel_format: str

    def info(self, *, whole_frames: bool) -> CameraInfo:
        """Return what it asks for; frames that are rendered whole have its filter, and can't be cropped."""
        width, height = map(int, self.film.size())
        (x0, y0), (across, down) = (map(int, pair) for pair in (self.film.crop_offset(), self.film.crop_size()))
        size, crop = Size(width=width, height=height), Region(x0=x0, y0=y0, x1=x0 + across, y1=y0 + down)
        notes = self._notes()
        if whole_frames and crop != size.whole:
            notes.append("The film's crop is ignored: the whole frame is rendered.")
        if not whole_frames and variant().startswith("scalar") and not self.film.rfilter().is_box_filter():
            name = self.document.plugin(self.document.part(self._film_node, "ReconstructionFilter")) or "gaussian"
            notes.append(f"The {name} filter is replaced by a box: only the compiled build can use it in regions.")
        return CameraInfo(
            size=size,
            samples=int(self.sampler.sample_count()),
            region=None if whole_frames or crop == size.whole else crop,
            notes=tuple(notes),
        )

    @property
    def has_alpha(self) -> bool:
        """Whether its pictures have an alpha channel."""
        return self.pixel_format.endswith("a") or not self.pixel_format

    @property
    def is_grey(self) -> bool:
        """Whether its pictures hold luminance alone."""
        return self.pixel_format.startswith("luminance")

    def developed(self, sums: npt.NDArray[np.float32], samples: int) -> npt.NDArray[np.float32]:
        """Return a unit's sums as the film has them: opaque without an alpha channel, grey with luminance alone."""
        if self.is_grey:
            sums[..., :3] = (sums[..., :3].astype(np.float64) @ _LUMINANCE)[..., None]
        if not self.has_alpha:
            sums[..., 3] = samples
        return sums

    @property
    def _film_node(self) -> int | None:
        return self.document.part(self.node, "Film")

    def _notes(self) -> list[str]:
        """Return sentences on what is rendered differently than it asks."""
        notes = []
        film, sampler = self._film_node, self.document.part(self.node, "Sampler")
        if self.document.plugin(film) not in {"", "hdrfilm"}:
            notes.append(f"The film {self.document.plugin(film)} is replaced by linear float32 RGBA.")
        if self.pixel_format.startswith("xyz"):
            notes.append("The film's XYZ colours are written as linear RGB.")
        if self.document.plugin(sampler) not in {"", "independent"}:
            notes.append(f"The sampler {self.document.plugin(sampler)} is replaced by independent samples.")
        if sampler is not None and self.document.value(sampler, "seed", 0):
            notes.append("The sampler's seed is ignored: random numbers follow the job's seed.")
        return notes


def camera(document: Document, node: int) -> Camera:
    """Build a camera's film and sampler. Raises `SceneError` when Mitsuba can't."""
    film, sampler = document.part(node, "Film"), document.part(node, "Sampler")
    if sampler is not None and document.value(sampler, "sample_count", 1) == 0:  # some samplers divide by it
        raise document.refuse(f"asks for 0 samples a pixel ({document.where(sampler)})", "Ask for 1 or more.")
    built = build_node(document, film) if film is not None else mi.load_dict({"type": "hdrfilm"})
    if not (all(built.size()) and all(built.crop_size())):
        raise document.refuse(f"has a film without pixels ({document.where(node)})", "Correct its width and height.")
    return Camera(
        document=document,
        node=node,
        film=built,
        sampler=build_node(document, sampler) if sampler is not None else mi.load_dict({"type": "independent"}),
        pixel_format=pixel_format(document, node),
    )


def pixel_format(document: Document, node: int) -> str:
    """Return the pixel format of a camera's film; empty if its film has none."""
    film = document.part(node, "Film")
    if document.plugin(film) not in {"", "hdrfilm"}:
        return ""
    return "rgb" if film is None else str(document.value(film, "pixel_format", "rgb")).lower()
