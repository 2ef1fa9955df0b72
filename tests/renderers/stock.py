"""What stock Mitsuba renders, for comparison. Runs in a renderer process that has its variant set."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def renders(scene: str, samples: int, seeds: tuple[int, ...], parameters: dict[str, str]) -> npt.NDArray[np.float32]:
    """Return one RGB picture a seed."""
    import mitsuba

    mi: Any = mitsuba
    loaded = mi.load_file(scene, **parameters)
    pictures = [np.array(mi.render(loaded, spp=samples, seed=seed))[..., :3] for seed in seeds]
    return np.stack(pictures).astype(np.float32)


def kernels() -> int:
    """Count the kernels that were compiled in this process since the last call."""
    import drjit as dr

    dr.set_flag(dr.JitFlag.KernelHistory, True)
    return sum(not kernel.get("cache_hit", True) for kernel in dr.kernel_history())


def open_scene() -> int:
    """Identify the scene that this process's session has open."""
    from tasks.node import renderer_child

    session: Any = renderer_child._session
    return id(session[1]._stage.scene)


def channels(scene: str, samples: int) -> dict[str, npt.NDArray[np.float32]]:
    """Return the channels of the EXR that Mitsuba writes of a scene, by their names there."""
    import mitsuba

    mi: Any = mitsuba
    loaded = mi.load_file(scene)
    mi.render(loaded, spp=samples)
    bitmap = loaded.sensors()[0].film().bitmap()
    pixels = np.array(bitmap).astype(np.float32)
    return {field.name: pixels[..., index] for index, field in enumerate(bitmap.struct_())}
