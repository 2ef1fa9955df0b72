"""The scheduler of a farm that stays, as a process of its own; how nodes stand outlives it."""

from __future__ import annotations

import argparse
import sys

from frontburner.cluster.node_processes import local_nodes
from frontburner.cluster.stop_signal import stop_signal
from frontburner.credentials.certificates import CertificateKind
from frontburner.credentials.dask_security import security_for
from frontburner.settings import Settings


def main() -> None:
    """Run the scheduler until it is told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="", help="where other machines reach it, over TLS; empty is this one only")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--health-port", type=int, required=True)
    given = parser.parse_args()
    home = Settings().home
    with (
        stop_signal() as stopped,
        local_nodes(
            0,
            port=given.port,
            standings=home / "standings.json",
            health_port=given.health_port,
            host=given.host,
            security=security_for(CertificateKind.SERVER, home / "gate") if given.host else None,
        ) as farm,
    ):
        print(f"The scheduler listens at {farm.scheduler_address}.", file=sys.stderr, flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
