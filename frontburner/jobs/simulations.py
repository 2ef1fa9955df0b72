"""Which simulations of a scene a job needs baked, and the sentences on them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontburner.jobs.frames import format_frames

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tasks.renderers.base import SceneInfo, Simulation


def needs_bake(info: SceneInfo, frame: int) -> bool:
    """Whether a frame is only right with simulations baked. Up to its first frame a simulation is at rest."""
    return any(frame > each.first for each in info.simulations)


def needed_simulations(infos: Mapping[int, SceneInfo], frames: Collection[int]) -> tuple[Simulation, ...]:
    """Return the simulations that these frames need, each once."""
    return tuple(
        dict.fromkeys(each for frame in sorted(frames) for each in infos[frame].simulations if frame > each.first)
    )


def last_needed(infos: Mapping[int, SceneInfo], frames: Collection[int]) -> int:
    """Return the frame up to which simulations have to be baked: with one more, since motion blur looks ahead."""
    return min(max(frames) + 1, max(each.last for each in needed_simulations(infos, frames)))


def baking_note(infos: Mapping[int, SceneInfo]) -> tuple[str, ...]:
    """Return the sentence that says what of a job's frames is baked first; none if nothing is."""
    names = _named(infos)
    return (f"Simulations that aren't baked are baked first: {names}.",) if names else ()


def baking_problem(infos: Mapping[int, SceneInfo]) -> str:
    """Say why a job that bakes nothing can't be rendered; empty if it can."""
    frames, names = format_frames(tuple(sorted(f for f in infos if needs_bake(infos[f], f)))), _named(infos)
    return (
        f"bake no: frames {frames} need simulations that aren't baked: {names}. Bake them in Blender and save the "
        "file, or leave bake out."
        if names
        else ""
    )


def _named(infos: Mapping[int, SceneInfo]) -> str:
    """Name the needed simulations, each with its frames."""
    simulations = needed_simulations(infos, infos)
    if not simulations:
        return ""
    through = last_needed(infos, infos)
    return ", ".join(f"{each.name} (frames {each.first}-{min(each.last, through)})" for each in simulations)
