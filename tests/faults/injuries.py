"""What can befall a job: any one process killed, a stored unit damaged, or somebody who changes their mind."""

from __future__ import annotations

import time
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import random

    from tests.faults.stage import Stage


class Injury(StrEnum):
    """Kinds of injuries."""

    RENDERER = "renderer killed"
    NODE = "node killed"
    COMMAND = "command killed, with flow and scheduler"
    SERVER = "Prefect server killed"
    STORE = "S3 server killed"
    UNIT = "stored unit damaged"
    SUSPEND = "suspended"
    SUSPEND_NOW = "suspended at once"
    CANCEL = "cancelled"


COMMANDS = {
    Injury.SUSPEND: ("suspend",),
    Injury.SUSPEND_NOW: ("suspend", "--now"),
    Injury.CANCEL: ("cancel",),
}
KINDS = {Injury.RENDERER: "renderer", Injury.NODE: "node", Injury.SERVER: "server"}


def inflict(injury: Injury, stage: Stage, out: str, chance: random.Random) -> bool:
    """Do it; False where there was nothing to do it to."""
    match injury:
        case Injury.RENDERER | Injury.NODE | Injury.SERVER:
            return _kill(stage.of_kind(KINDS[injury]), chance)
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
        case Injury.SUSPEND | Injury.SUSPEND_NOW | Injury.CANCEL:
            verb, *options = COMMANDS[injury]
            return stage.run("job", verb, "job", *options, "--out", out) == 0


def _kill(processes: list[psutil.Process], chance: random.Random) -> bool:
    if not processes:
        return False
    with suppress(psutil.NoSuchProcess):
        chance.choice(processes).kill()
        return True
    return False


def _damage(stage: Stage, out: str, chance: random.Random) -> bool:
    """Flip a bit of a stored unit, or cut its end off."""
    keys = stage.units(out)
    if not keys:
        return False
    key, store = chance.choice(keys), stage.store(out)
    with suppress(Exception):  # it may be gone by now
        data = bytearray(store.read(key))
        if chance.random() < 0.5:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        else:
            del data[chance.randrange(len(data)) :]
        store.write(key, bytes(data))
        return True
    return False
