"""Machines made of network namespaces, each with an address of its own, on one switch that no other network reaches."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from system.machine import is_root
from system.processes import kill

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NETWORK = "10.77.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine and its cable."""

    namespace: str
    address: str
    link: str

    @property
    def within(self) -> tuple[str, ...]:
        """What runs a program on it."""
        return ("ip", "netns", "exec", self.namespace)

    def cut(self) -> None:
        """Pull the cable."""
        _ip("-n", self.namespace, "link", "set", self.link, "down")

    def mend(self) -> None:
        """Put it in again."""
        _ip("-n", self.namespace, "link", "set", self.link, "up")


@contextmanager
def lan(count: int) -> Iterator[Sequence[Machine]]:
    """Have some machines that see each other and nothing else; what still runs on them in the end is killed."""
    if not is_root() or not shutil.which("ip"):
        pytest.skip("only root can make network namespaces, with `ip` of iproute2")
    switch = f"frontburner-{os.getpid()}-switch"
    with ExitStack() as made:
        try:
            _add(made, switch)
            _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
            _ip("-n", switch, "link", "set", "bridge", "up")
            machines = [_machine(made, switch, number) for number in range(1, count + 1)]
        except subprocess.CalledProcessError as error:
            pytest.skip(f"network namespaces can't be made here: {error.stderr.strip()}")
        yield machines


def _machine(made: ExitStack, switch: str, number: int) -> Machine:
    machine = Machine(
        namespace=f"frontburner-{os.getpid()}-{number}",
        address=f"{NETWORK}.{number}",
        link=f"fb{os.getpid()}m{number}",
    )
    plug = f"fb{os.getpid()}s{number}"
    _add(made, machine.namespace)
    _ip("link", "add", machine.link, "netns", machine.namespace, "type", "veth", "peer", "name", plug, "netns", switch)
    _ip("-n", switch, "link", "set", plug, "master", "bridge", "up")
    _ip("-n", machine.namespace, "addr", "add", f"{machine.address}/24", "dev", machine.link)
    for each in ("lo", machine.link):
        _ip("-n", machine.namespace, "link", "set", each, "up")
    return machine


def _add(made: ExitStack, namespace: str) -> None:
    _ip("netns", "add", namespace)
    made.callback(_forget, namespace)


def _forget(namespace: str) -> None:
    """End what still runs in a namespace, and the namespace; its end of the cable goes with it."""
    for pid in _ip("netns", "pids", namespace).split():
        with suppress(ProcessLookupError):
            kill(int(pid))
    _ip("netns", "del", namespace)


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=60).stdout
