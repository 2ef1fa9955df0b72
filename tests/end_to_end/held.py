"""The command in a process that says, once its frames are in place and checked, what it still holds of them."""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path
from typing import Any

from distributed import Client

from frontburner import events as ev
from frontburner.cli import main
from frontburner.cluster.dask_farm import DaskFarm
from frontburner.reports.report import Report
from tasks.picture.frame_output import FrameRecord


def everything(kind: type[Any]) -> list[Any]:
    """Return all objects of a kind in this process."""
    return [each for each in gc.get_objects() if type(each) is kind]


def held() -> dict[str, int]:
    """Count what a job could hold of frames that are in place."""
    gc.collect()
    records = [record for record in everything(FrameRecord) if record.figures]
    clients = [each for each in gc.get_objects() if isinstance(each, Client)]
    return {
        "records": len(records),
        "bytes of previews": sum(len(record.preview) for record in records),
        "bytes of figures": sum(len(record.figures.light) for record in records),
        "futures": sum(len(client.futures) for client in clients),
        "messages": sum(len(client.scheduler_comm.recent_message_log) for client in clients),
        "tiles": sum(len(farm._tiles) + len(farm._tasks) for farm in everything(DaskFarm)),
        "reports": len(everything(Report)),
    }  # fmt: skip


def see(event: ev.Event) -> None:
    """Tell when the moment has come."""
    if isinstance(event, ev.FramesChecked):
        Path(os.environ["HELD"]).write_text(json.dumps(held()))


if __name__ == "__main__":
    ev.observe(see)
    main()
