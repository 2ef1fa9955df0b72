"""One part of a farm, as its supervisor needs to know it."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frontburner.manager.health_probes import Probe


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A part of a farm: a program that is to run for as long as the farm is up.

    Parameters
    ----------
    command
        The program and its arguments; no secret stands in them.
    address
        Where it is reached.
    probe
        Tells whether it is up.
    needs
        Names of parts that must be up before it is started.
    ends
        The signal that ends it.
    within_s
        How long it may take to be up.
    folder
        The folder it runs in; empty is the farm's.
    """

    name: str
    command: tuple[str, ...]
    address: str
    probe: Probe
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    ends: signal.Signals = signal.SIGTERM
    within_s: float = 180.0
    folder: str = ""
