"""The end of a run that came to it: its chart and report kept, and an error where something is missing."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from frontburner.control.halting import JobFailed
from frontburner.reports.chart import draw
from frontburner.reports.summary import markdown
from storage.objects import INTERNAL_PREFIX
from tasks.store_retry import StoreRetry

if TYPE_CHECKING:
    from frontburner.jobs.job import RenderJob
    from frontburner.reports.report import Report
    from frontburner.run.prefect_artifacts import Artifacts
    from storage.objects import ObjectStore


def keep_chart(job_id: str, report: Report, store: ObjectStore, artifacts: Artifacts) -> None:
    """Draw the chart of a job. Its pictures are in place: nothing that goes wrong here fails it."""
    key = f"{INTERNAL_PREFIX}/jobs/{job_id}.png"
    try:
        if report.units or not store.exists(key):  # the chart of a run that did something is worth more
            png = draw(report)
            store.write(key, png)
            artifacts.chart(png)
        report.chart = store.locate(key)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is only the chart
        report.notes += (f"The chart couldn't be drawn, kept or shown: {error}",)


def conclude(job: RenderJob, report: Report, store: ObjectStore, artifacts: Artifacts) -> dict[str, Any]:
    """Keep the chart and the report of a run, and return that.

    Raises
    ------
    JobFailed
        When frames are missing, or what should have been made of them.
    """
    keep_chart(job.job_id, report, store, artifacts)
    document = report.document()
    artifacts.report(markdown(document))
    written = json.dumps(document, indent=1).encode()
    StoreRetry().call(partial(store.write, f"{INTERNAL_PREFIX}/jobs/{job.job_id}.json", written))
    _raise_what_failed(job, report, document)
    return document


def _raise_what_failed(job: RenderJob, report: Report, document: dict[str, Any]) -> None:
    """Fail a job that has frames missing, or that lacks what should have been made of them."""
    if report.pictures.failed:
        frame, reason = next(iter(sorted(report.pictures.failed.items())))
        raise JobFailed(
            reason=f"{len(report.pictures.failed)} of {report.frames} frames failed; frame {frame}: {reason}",
            remedy="Mend the cause and run the same job again: only what is missing is rendered.",
            report=document,
        )
    if report.followups.failed:
        product, reason = next(iter(report.followups.failed.items()))
        raise JobFailed(
            reason=f"All frames are in place, but not the {product}: {reason}",
            remedy=f"Then: frontburner job resume {job.job_id}; no frame is rendered again for it.",
            report=document,
        )
