"""Which simulations of a scene a job needs baked, and the sentences on them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontburner.jobs.frames import format_frames

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tasks.renderers.base import SceneInfo, Simulation


def is_simulated(info: SceneInfo, frame: int) -> bool:
    """Whether a frame is only right after the frames before it. Up to its first frame a simulation is at rest."""
    return any(frame > each.first for each in info.simulations)


def simulations_of(infos: Mapping[int, SceneInfo], frames: Collection[int]) -> tuple[Simulation, ...]:
    """Return the simulations that these frames need, each once."""
    return tuple(
        dict.fromkeys(each for frame in sorted(frames) for each in infos[frame].simulations if frame > each.first)
    )


def to_bake(infos: Mapping[int, SceneInfo], frames: Collection[int]) -> tuple[Simulation, ...]:
    """Return the simulations that are baked for these frames: those that needn't be played."""
    return tuple(each for each in simulations_of(infos, frames) if not each.played)


def last_needed(infos: Mapping[int, SceneInfo], frames: Collection[int]) -> int:
    """Return the frame up to which simulations have to be baked: with one more, since motion blur looks ahead."""
    return min(max(frames) + 1, max(each.last for each in simulations_of(infos, frames)))


def notes_on_simulations(infos: Mapping[int, SceneInfo], parameters: Collection[object] = ()) -> tuple[str, ...]:
    """Return the sentences that say what is baked or played for a job's frames; none if nothing is.

    Parameters
    ----------
    parameters
        The different values that the scene's parameters have over the frames.
    """
    found = simulations_of(infos, infos)
    if not found:
        return ()
    if any(each.played for each in found):
        playing = (
            "Each node plays the scene from its first frame to each that it renders, which takes longer with each."
        )
        return (f"Simulations that can't be baked into a copy of the file: {_named(infos)}. {playing}",)
    fixed = ("They are baked with the parameters of the first of the frames, which change.",)
    return (f"Simulations that aren't baked are baked first: {_named(infos)}.", *(fixed if len(parameters) > 1 else ()))


def problem_without_baking(infos: Mapping[int, SceneInfo]) -> str:
    """Say why a job that bakes nothing can't be rendered; empty if it can."""
    frames = tuple(sorted(frame for frame, info in infos.items() if is_simulated(info, frame)))
    return (
        f"bake no: frames {format_frames(frames)} need simulations that aren't baked: {_named(infos)}. Bake them in "
        "Blender and save the file, or leave bake out."
        if frames
        else ""
    )


def _named(infos: Mapping[int, SceneInfo]) -> str:
    """Name the needed simulations, each with its frames."""
    through, found = last_needed(infos, infos), simulations_of(infos, infos)
    return ", ".join(f"{each.name} (frames {each.first}-{min(each.last, through)})" for each in found)
