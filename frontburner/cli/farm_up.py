"""``frontburner farm up`` and ``farm down``: start the farm in the background, wait until it is up, and end it."""

from __future__ import annotations

import asyncio
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from frontburner.cli.command import OK, UNAVAILABLE, print_err
from frontburner.cluster.log_files import RotatingLog
from frontburner.cluster.port_use import by_whom
from frontburner.jobs.durations import format_span
from frontburner.manager.farm_setup import (
    ALWAYS_USED_PORTS,
    FarmSetup,
    deployments_folder,
    farm_folder,
    port_is_free,
    read_setup,
    setup_file,
    updated_setup,
    with_ports,
    write_setup,
)
from frontburner.manager.farm_state import FarmState, ServiceStatus, read_state, running_farm
from frontburner.manager.object_store import store_address
from frontburner.manager.services import COMMAND, farm_addresses, farm_services, services_environment
from frontburner.manager.supervisor import Supervisor
from frontburner.manager.upgrade import VERSION
from frontburner.settings import Settings
from storage.errors import FrontburnerError
from system.processes import kill, start_detached
from system.signals import RETRY, stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

UP_TIMEOUT_S = 600.0
END_TIMEOUT_S = 90.0
LOOK_EVERY_S = 0.2
RESTARTS_SHOWN = 2
"""Restarts of a service after which the user is informed: waiting longer may be futile."""


def up(given: Mapping[str, Any], *, foreground: bool) -> int:
    """Bring the farm up, and return the command's exit code."""
    home = Settings().home.expanduser().absolute()
    before = read_setup(home)
    setup = updated_setup(before, given)
    farm = running_farm(home)
    if farm is not None and not foreground:
        if setup != before:
            raise FrontburnerError(
                reason="The farm is up with other options.",
                remedy="End it first, running jobs go on afterwards: frontburner farm down",
            )
        if farm.version == VERSION:
            return _follow_running(home, farm)
        print_err(f"The farm runs version {farm.version}; {VERSION} is installed. It is restarted, and its jobs go on.")
        end(farm)
    setup = with_ports(_with_folder(setup), port_is_free)
    write_setup(setup, home)
    if foreground:
        return _run_here(setup, home)
    _check_ports(setup, home)
    return _start_in_background(home)


def down() -> int:
    """End the farm, and return the command's exit code."""
    home = Settings().home.expanduser().absolute()
    farm = running_farm(home)
    if farm is None:
        print_err("No farm is up on this machine.")
        return OK
    end(farm)
    print_err("The farm is down. Jobs that were running go on when it is up again: frontburner farm up")
    return OK


def end(farm: FarmState) -> None:
    """End a farm, and wait until all its processes have ended."""
    stop(farm.pid)
    deadline_s = time.monotonic() + END_TIMEOUT_S
    while farm.alive:
        if time.monotonic() > deadline_s:
            kill(farm.pid)  # its services end with it
            print_err(f"The supervisor didn't end within {END_TIMEOUT_S:.0f} s and was killed.")
            deadline_s += END_TIMEOUT_S
        time.sleep(LOOK_EVERY_S)


def _with_folder(setup: FarmSetup) -> FarmSetup:
    return setup if setup.folder else setup.model_copy(update={"folder": deployments_folder()})


def _check_ports(setup: FarmSetup, home: Path) -> None:
    """Refuse to start while another program has a port of the farm's, which keeps its ports: nodes know them."""
    for name in (*ALWAYS_USED_PORTS, *(() if setup.is_local else ("gateway",))):
        port = setup.ports[name]
        if not port_is_free(port):
            raise FrontburnerError(
                reason=f"Port {port} of the farm's {name} is taken{by_whom(port)}.",
                remedy=f'End what has it; or remove "{name}" from the ports in {setup_file(home)}: it gets another.',
                retryable=True,
            )


def _run_here(setup: FarmSetup, home: Path) -> int:
    """Run the farm in this process until a signal ends it."""
    supervisor = Supervisor(
        home=home,
        services=farm_services(setup, home),
        environment=services_environment(setup, home),
        addresses=farm_addresses(setup),
        store=store_address(setup),
        owns_database=not setup.database,
        report=print_err,
    )
    asyncio.run(supervisor.run())
    return OK


def _start_in_background(home: Path) -> int:
    log = RotatingLog(farm_folder(home) / "logs" / "supervisor.log")
    log.rotate()
    log.note("the farm is started")
    started_s = time.time()
    with log.open() as sink:
        process = start_detached(
            [*COMMAND, "farm", "up", "--foreground"],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
    return _StartupWatch(home=home, started_s=started_s, log=log, process=process).wait()


def _follow_running(home: Path, farm: FarmState) -> int:
    """Wait for a farm that is up or starting; services that were given up are retried."""
    if farm.healthy:
        print_err("The farm is already up.")
    elif any(service.status in (ServiceStatus.GIVEN_UP, ServiceStatus.RESTARTING) for service in farm.services):
        print_err("The farm is up; those of its services that aren't are retried.")
        with suppress(ProcessLookupError):
            stop(farm.pid, RETRY)
        time.sleep(1.0)  # it handles the signal within moments
    log = RotatingLog(farm_folder(home) / "logs" / "supervisor.log")
    return _StartupWatch(home=home, started_s=farm.started_s, log=log, process=None).wait()


class _StartupWatch:
    """Waits for a farm to start, and prints what happens to its services."""

    def __init__(
        self, *, home: Path, started_s: float, log: RotatingLog, process: subprocess.Popen[bytes] | None
    ) -> None:
        self._home, self._started_s, self._log, self._process = home, started_s, log, process
        self._printed: dict[str, tuple[str, int]] = {}

    def wait(self) -> int:
        """Wait until the farm is up, or can't come up by itself; returns the command's exit code."""
        deadline_s = time.monotonic() + UP_TIMEOUT_S
        while time.monotonic() < deadline_s:
            if self._process is not None and self._process.poll() is not None:
                last_words = " ".join(self._log.last_lines(3))
                raise FrontburnerError(reason=f"The farm couldn't be started: {last_words}", remedy="", retryable=True)
            farm = read_state(self._home)
            # By its life, not its number: on Windows a virtual environment's Python starts the real one.
            if farm is not None and farm.alive:
                self._print_changes(farm)
                if farm.settled:
                    return self._finish(farm)
            time.sleep(LOOK_EVERY_S)
        print_err(
            "The farm is not up yet and goes on trying: see `frontburner farm status` and `frontburner farm logs`."
        )
        return UNAVAILABLE

    def _print_changes(self, farm: FarmState) -> None:
        for service in farm.services:
            state = (service.status, service.restarts)
            if self._printed.get(service.name) == state:
                continue
            self._printed[service.name] = state
            match service.status:
                case ServiceStatus.UP:
                    after = format_span(max(0.0, service.since_s - self._started_s))
                    print_err(f"  {service.name:<10} up after {after:<8} {service.address}")
                case ServiceStatus.GIVEN_UP:
                    print_err(f"  {service.name:<10} given up: {service.problem}")
                case ServiceStatus.RESTARTING if service.restarts >= RESTARTS_SHOWN:
                    print_err(f"  {service.name:<10} is retried: {service.problem}")
                case _:
                    pass

    def _finish(self, farm: FarmState) -> int:
        if not farm.healthy:
            print_err("Fix the cause, then: frontburner farm up. The logs of the services: frontburner farm logs")
            return UNAVAILABLE
        for line in _welcome(farm, read_setup(self._home)):
            print(line, flush=True)
        return OK


def _welcome(farm: FarmState, setup: FarmSetup) -> Iterator[str]:
    """Say what can be done with a farm that has just come up."""
    yield "The farm is up, and stays up without this terminal. Commands on this machine use it from now on:"
    yield "    frontburner render scenes/interior.xml"
    if setup.is_local:
        yield f"    Prefect's pages: {farm.addresses['PREFECT_API_URL'].removesuffix('/api')}"
        yield "To let other machines join: frontburner farm down, then frontburner farm up --host ADDRESS"
    else:
        yield "To make another machine a node, paste there what this prints, or what the page's nodes show:"
        yield "    frontburner node invite"
        yield "To let people in: frontburner token add NAME --role look|submit|operate. They sign in at"
        yield f"    https://{setup.host}:{setup.ports['gateway']}"
    yield "To have it survive a reboot: frontburner farm install"
