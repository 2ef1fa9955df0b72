"""A render farm on Prefect and Dask. ``from frontburner import RenderJob, submit`` is its Python API.

No subpackage may have the name of a public function: importing it would replace the function here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from frontburner.submission.api import (
        FrontburnerError,
        Job,
        JobRefused,
        JobStatus,
        NotCompleted,
        RenderJob,
        RunState,
        UnknownJob,
        find_job,
        list_jobs,
        submit,
    )
else:

    def __getattr__(name: str) -> object:
        """Load a public name when it is first used: nodes import this package, and need nothing of it."""
        if name not in __all__:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from frontburner.submission import api

        return getattr(api, name)


__all__ = [
    "FrontburnerError",
    "Job",
    "JobRefused",
    "JobStatus",
    "NotCompleted",
    "RenderJob",
    "RunState",
    "UnknownJob",
    "find_job",
    "list_jobs",
    "submit",
]
