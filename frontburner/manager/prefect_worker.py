"""The worker that runs deployments: deploys prefect.yaml, recovers runs of an outage, then becomes Prefect's worker."""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.credentials.private_files import write_private
from frontburner.manager.farm_setup import farm_folder
from frontburner.manager.farm_state import clear_outage, read_outage
from frontburner.manager.run_recovery import RunRecovery
from frontburner.settings import Settings
from storage.errors import FrontburnerError
from system.processes import replace_process

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")


def main() -> None:
    """Prepare the work pool, the deployments and the runs, then become the worker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", required=True)
    parser.add_argument("--folder", default="", help="folder of prefect.yaml; empty is none")
    options = parser.parse_args()
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        ensure_pool(client, options.pool)
        if options.folder:
            deploy(client, Path(options.folder))
        recover(client, options.pool)
    command = [*PREFECT, "worker", "start", "--pool", options.pool, "--name", "manager", "--with-healthcheck"]
    replace_process(command)


def ensure_pool(client: SyncPrefectClient, pool: str) -> None:
    """Create the work pool, if there is none of that name."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    try:
        client.read_work_pool(pool)
    except ObjectNotFound:
        try:
            client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        except ObjectAlreadyExists:
            return


def deploy(client: SyncPrefectClient, folder: Path) -> None:
    """Deploy prefect.yaml if it has changed, so that later changes in Prefect's pages stay.

    Raises
    ------
    FrontburnerError
        When Prefect can't.
    """
    path, record = folder / "prefect.yaml", farm_folder(Settings().home) / "deployed"
    digest = hashlib.sha256(path.read_bytes() + f"{folder} {version('frontburner')}".encode()).hexdigest()
    is_recorded = record.exists() and record.read_text(encoding="utf-8") == digest
    if is_recorded and client.read_deployments(limit=1):
        return
    done = subprocess.run(
        [*PREFECT, "deploy", "--all"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False,
        encoding="utf-8", errors="replace",
    )  # fmt: skip
    if done.returncode:
        output = " ".join((done.stdout + done.stderr).split())
        raise FrontburnerError(
            reason=f"{path} couldn't be deployed: {output[-500:]}",
            remedy="Correct it: the worker restarts by itself.",
            retryable=True,
        )
    write_private(record, digest.encode())
    _log(f"{path} is deployed.")


def recover(client: SyncPrefectClient, pool: str) -> None:
    """Resume the runs that were in flight when the farm, or this worker, went down."""
    home = Settings().home
    recovery = RunRecovery(client=client, pool=pool, down_at=read_outage(home))
    for line in recovery.resume_runs():
        _log(line)
    if recovery.down_at is not None:
        for line in recovery.resubmit_jobs():
            _log(line)
    clear_outage(home)


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except FrontburnerError as error:
        sys.exit(str(error))
