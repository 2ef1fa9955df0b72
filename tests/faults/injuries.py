"""What can befall a job: any one process killed, a stored unit damaged, or somebody who changes their mind."""

from __future__ import annotations

import time
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING

import psutil

from storage.errors import StoreError
from tests.end_to_end.conftest import until

if TYPE_CHECKING:
    import random

    from tests.faults.stage import Stage


class Injury(StrEnum):
    """Kinds of injuries."""

    RENDERER = "renderer killed"
    NODE = "node killed"
    SERVICE = "node service killed"
    FARM = "scheduler killed, with its nodes' guardians"
    COMMAND = "command killed, with its flow"
    SERVER = "Prefect server killed"
    STORE = "S3 server killed"
    UNIT = "stored unit damaged"
    SUSPEND = "suspended"
    SUSPEND_NOW = "suspended at once"
    CANCEL = "cancelled"
    PRIORITY = "given another priority"


WEIGHTS = {
    Injury.RENDERER: 5, Injury.NODE: 4, Injury.SERVICE: 2, Injury.FARM: 2, Injury.COMMAND: 2, Injury.SERVER: 2,
    Injury.STORE: 4, Injury.UNIT: 5, Injury.SUSPEND: 1, Injury.SUSPEND_NOW: 1, Injury.CANCEL: 1, Injury.PRIORITY: 1,
}  # fmt: skip
"""What takes least time to recover from comes most often, so that there is time for many."""
COMMANDS = {
    Injury.SUSPEND: ("suspend",),
    Injury.SUSPEND_NOW: ("suspend", "--now"),
    Injury.CANCEL: ("cancel",),
    Injury.PRIORITY: ("priority",),
}
KINDS = {Injury.RENDERER: "renderer", Injury.NODE: "node", Injury.SERVER: "server"}
ENDS_S = 15.0
"""What a killed process had started is gone by then."""


def inflict(injury: Injury, stage: Stage, out: str, chance: random.Random) -> bool:
    """Do it; False where there was nothing to do it to."""
    match injury:
        case Injury.RENDERER | Injury.NODE | Injury.SERVER:
            return _kill(stage.of_kind(KINDS[injury]), chance)
        case Injury.SERVICE | Injury.FARM:
            left = (stage.node if injury is Injury.SERVICE else stage.farm).kill()
            gone, alive = psutil.wait_procs(left, timeout=ENDS_S)
            assert not alive, f"left running: {alive}"
            return bool(gone)
        case Injury.COMMAND:
            assert stage.command is not None
            stage.command.kill()
            stage.command.wait()
            return True
        case Injury.STORE:
            stage.s3.kill()
            time.sleep(chance.uniform(0.0, 3.0))
            stage.s3.start()
            return True
        case Injury.UNIT:
            return _damage(stage, out, chance)
        case Injury.SUSPEND | Injury.SUSPEND_NOW | Injury.CANCEL | Injury.PRIORITY:
            verb, *options = COMMANDS[injury]
            value = (str(chance.randrange(101)),) if injury is Injury.PRIORITY else ()
            return stage.run("job", verb, "job", *value, *options, "--out", out) == 0


def settle(stage: Stage) -> list[psutil.Process]:
    """Wait until nothing runs without what started it; returns what still does."""
    with suppress(AssertionError):
        until(lambda: not stage.orphans(), timeout_s=ENDS_S)
    return stage.orphans()


def _kill(processes: list[psutil.Process], chance: random.Random) -> bool:
    if not processes:
        return False
    with suppress(psutil.NoSuchProcess):
        chance.choice(processes).kill()
        return True
    return False


def _damage(stage: Stage, out: str, chance: random.Random) -> bool:
    """Flip a bit of a stored unit, or cut its end off."""
    with suppress(StoreError):  # it may be gone by now
        store, keys = stage.store(out), stage.units(out)
        if not keys:
            return False
        key = chance.choice(keys)
        data = bytearray(store.read(key))
        if chance.random() < 0.5:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        else:
            del data[chance.randrange(len(data)) :]
        store.write(key, bytes(data))
        return True
    return False
