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


def leave_garbage(scene: str) -> None:
    """Leave a scene that only the garbage collector frees, and have it run while a trace is recorded, if it may."""
    import gc

    import mitsuba

    from tasks.renderers.mitsuba import kernel

    mi: Any = mitsuba
    patched: Any = kernel
    plain = patched.trace
    calls: list[None] = []

    def collecting(*given: Any) -> Any:
        calls.append(None)
        if len(calls) == 1:  # which isn't recorded
            gc.enable()
        elif gc.isenabled():
            gc.collect()
        return plain(*given)

    patched.trace = collecting
    gc.collect()
    gc.disable()
    gc.set_threshold(1 << 30)
    loaded = mi.load_file(scene)
    mi.render(loaded, spp=1)
    cycle: list[Any] = [loaded]
    cycle.append(cycle)
