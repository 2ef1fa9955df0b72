"""The part that takes runs of deployments: deploys prefect.yaml, sees to what was under way, then is a worker."""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.credentials.private_files import write_private
from frontburner.manager.farm_setup import farm_folder
from frontburner.manager.outage import seen_to, went_down_at
from frontburner.manager.run_recovery import RunRecovery
from frontburner.settings import Settings
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")


def main() -> None:
    """Get ready, then become the worker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", required=True)
    parser.add_argument("--folder", default="", help="folder of prefect.yaml; empty is none")
    given = parser.parse_args()
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        make_pool(client, given.pool)
        if given.folder:
            deploy(client, Path(given.folder))
        rescue(client, given.pool)
    command = [*PREFECT, "worker", "start", "--pool", given.pool, "--name", "manager", "--with-healthcheck"]
    os.execv(command[0], command)  # noqa: S606 - the worker, in this process's place


def make_pool(client: SyncPrefectClient, pool: str) -> None:
    """Make the work pool, if there is none of that name."""
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
    """Deploy what prefect.yaml says, if that isn't deployed yet: what was set since in Prefect's UI is left alone.

    Raises
    ------
    FrontburnerError
        When Prefect can't.
    """
    noted = farm_folder(Settings().home) / "deployed"
    text = (folder / "prefect.yaml").read_bytes()
    now = hashlib.sha256(text + f"{folder} {version('frontburner')}".encode()).hexdigest()
    there = any(run for run in client.read_deployments(limit=1))
    if there and noted.exists() and noted.read_text(encoding="utf-8") == now:
        return
    done = subprocess.run(
        [*PREFECT, "deploy", "--all"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = " ".join((done.stdout + done.stderr).split())
        raise FrontburnerError(
            reason=f"{folder / 'prefect.yaml'} couldn't be deployed: {words[-500:]}",
            remedy="Mend it: the worker is started again by itself.",
            retryable=True,
        )
    write_private(noted, now.encode())
    _say(f"{folder / 'prefect.yaml'} is deployed.")


def rescue(client: SyncPrefectClient, pool: str) -> None:
    """Have runs go on that were under way when the farm, or this worker, went down."""
    home = Settings().home
    found = RunRecovery(client=client, pool=pool, down_at=went_down_at(home))
    for said in found.give_back():
        _say(said)
    if found.down_at is not None:
        for said in found.start_again():
            _say(said)
    seen_to(home)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except FrontburnerError as error:
        sys.exit(str(error))
