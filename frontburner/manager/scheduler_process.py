"""The scheduler of a permanent farm as a process of its own. Settings of nodes outlive it, in ``standings.json``."""

from __future__ import annotations

import argparse
import sys

from frontburner.cluster.farm_paths import standings_file
from frontburner.cluster.node_processes import local_nodes
from frontburner.cluster.stop_signal import stop_signal
from frontburner.credentials.certificates import CertificateKind
from frontburner.credentials.dask_security import credentials_folder, security_for


def main() -> None:
    """Run the scheduler until a signal stops it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="", help="address for other machines, over TLS; empty is this machine only")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--health-port", type=int, required=True)
    options = parser.parse_args()
    with (
        stop_signal() as stopped,
        local_nodes(
            0,
            port=options.port,
            settings_path=standings_file(),
            health_port=options.health_port,
            host=options.host,
            security=security_for(CertificateKind.SERVER, credentials_folder()) if options.host else None,
        ) as farm,
    ):
        print(f"The scheduler listens at {farm.scheduler_address}.", file=sys.stderr, flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
