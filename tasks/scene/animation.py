"""Scenes that change over frames: a keys file beside the scene, or one scene file per frame.

With ``shot.keys.yaml`` beside it, the parameters of ``shot.xml`` follow keys; ``shot.####.xml`` is one file per frame.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from tasks.errors import SceneError
from tasks.yaml_files import read_yaml

if TYPE_CHECKING:
    from pathlib import Path

Interpolation = Literal["linear", "smooth", "step"]
_NUMBER = re.compile(r"#+(?=[^#]*$)")
"""The part of a name that stands for the frame's number: the last run of ``#``, as in Blender."""
KEYS_SUFFIX = ".keys.yaml"
_FLAT = 1e-290  # slopes are divided by secants, and smaller secants would overflow


def _valid_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", name) or name == "frame":
        raise ValueError("a parameter's name has letters, digits and _, and isn't 'frame', which is always passed")
    return name


class _Keys(BaseModel):
    """The content of a keys file."""

    model_config = ConfigDict(extra="forbid")
    interpolation: Interpolation = "smooth"
    frames: str | None = None
    parameters: dict[
        Annotated[str, AfterValidator(_valid_name)], Annotated[dict[FiniteFloat, FiniteFloat], Field(min_length=1)]
    ] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Animation:
    """How a scene changes over frames.

    Parameters
    ----------
    frames
        Frames it was made for, as text such as ``1-48``; empty if the keys file doesn't say.
    parameters
        Keys of each parameter, sorted by name: frames and values, ordered by frame.
    """

    interpolation: Interpolation = "smooth"
    frames: str = ""
    parameters: tuple[tuple[str, tuple[tuple[float, float], ...]], ...] = ()

    def at(self, frame: float) -> tuple[tuple[str, str], ...]:
        """Return the values of all parameters at a frame, as a `FrameSpec` has them."""
        return tuple((name, repr(interpolate(keys, frame, self.interpolation))) for name, keys in self.parameters)


def keys_path(scene: Path) -> Path:
    """Return where a scene's keys file is, if it has one."""
    return (
        scene.with_name(scene.name.partition(".")[0] + KEYS_SUFFIX)
        if is_numbered(scene)
        else scene.with_suffix(KEYS_SUFFIX)
    )


def animation_of(scene: Path) -> Animation:
    """Read a scene's keys file; a scene without one has no parameters.

    Raises
    ------
    SceneError
        When the file is malformed; it names the field.
    """
    path = keys_path(scene)
    try:
        keys = _Keys.model_validate(read_yaml(path.read_text(encoding="utf-8")) or {})
    except FileNotFoundError:
        return Animation()
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _keys_error(path, f"can't be read: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        raise _keys_error(path, f"is wrong: {'; '.join(map(_field_error, error.errors()))}") from error
    return Animation(
        interpolation=keys.interpolation,
        frames=keys.frames or "",
        parameters=tuple(sorted((name, tuple(sorted(points.items()))) for name, points in keys.parameters.items())),
    )


def is_numbered(scene: Path) -> bool:
    """Whether a path stands for one file per frame: it has a ``#``, and no file has just this name."""
    return _NUMBER.search(scene.name) is not None and not scene.is_file()


def scene_at(scene: Path, frame: int) -> Path:
    """Return the path of a frame's scene file: each ``#`` is a digit of its number."""
    return scene.with_name(_NUMBER.sub(lambda hashes: frame_number(frame, digits=len(hashes[0])), scene.name))


def frame_number(frame: int, *, digits: int = 4) -> str:
    """Return a frame's number as file names have it; a minus sign is no digit, as in Blender: ``-0001``."""
    return f"{frame:0{digits + (frame < 0)}d}"


def frames_on_disk(scene: Path) -> tuple[int, ...]:
    """Return the frames of a numbered scene that have a file, in order."""
    before, after = (re.escape(part) for part in _NUMBER.split(scene.name))
    name = re.compile(rf"{before}(-?\d+){after}")
    numbers = {int(match[1]) for path in scene.parent.iterdir() if (match := name.fullmatch(path.name))}
    return tuple(sorted(n for n in numbers if scene_at(scene, n).exists()))


def interpolate(keys: tuple[tuple[float, float], ...], frame: float, how: Interpolation) -> float:
    """Return the value at a frame between keys that are ordered by frame. Outside of them the first or last is held."""
    frames, values = (np.array(column, dtype=np.float64) for column in zip(*keys, strict=True))
    if frame <= frames[0] or frame >= frames[-1]:
        return float(values[0] if frame <= frames[0] else values[-1])
    i = int(np.searchsorted(frames, frame, side="right")) - 1
    t = (frame - frames[i]) / (frames[i + 1] - frames[i])
    if how == "step":
        return float(values[i])
    if how == "linear":
        return float(values[i] + t * (values[i + 1] - values[i]))
    m0, m1 = slopes(frames, values)[i : i + 2] * (frames[i + 1] - frames[i])
    return float(
        values[i] * (1 + 2 * t) * (1 - t) ** 2
        + m0 * t * (1 - t) ** 2
        + values[i + 1] * t**2 * (3 - 2 * t)
        + m1 * t**2 * (t - 1)
    )


def slopes(frames: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the slopes at keys for a cubic that never overshoots them (Fritsch and Carlson)."""
    secants = np.diff(values) / np.diff(frames)
    m = np.concatenate([secants[:1], (secants[:-1] + secants[1:]) / 2, secants[-1:]])
    m[1:-1][secants[:-1] * secants[1:] <= 0] = 0.0
    for i, secant in enumerate(secants):
        if abs(secant) < _FLAT:
            m[i] = m[i + 1] = 0.0
            continue
        length = float(np.hypot(m[i], m[i + 1]) / abs(secant))
        if length > 3:
            m[i : i + 2] *= 3 / length
    return m


def _field_error(error: object) -> str:
    """Return one of pydantic's errors as ``parameters.eye_x.12: what is wrong``."""
    assert isinstance(error, dict)
    place = ".".join(str(part) for part in error["loc"] if part != "[key]") or "the document"
    return f"{place}: {error['msg']}"


def _keys_error(path: Path, what: str) -> SceneError:
    return SceneError(
        reason=f"The keys file {path.name} {what}.",
        remedy="Correct it; docs/scenes.md shows its form.",
        scene=str(path),
    )
