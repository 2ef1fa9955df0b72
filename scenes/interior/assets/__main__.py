"""Writes every file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .books import shelf
from .furniture import sofa, tables
from .pictures import painting, small_maps
from .plants import plants
from .room import curtain, room_shell
from .surfaces import cloth, planks, rug, walnut
from .vessels import glassware

if TYPE_CHECKING:
    from collections.abc import Callable

MAKERS: tuple[Callable[[], None], ...] = (
    room_shell,
    curtain,
    sofa,
    tables,
    glassware,
    plants,
    shelf,
    planks,
    walnut,
    rug,
    cloth,
    painting,
    small_maps,
)


def main() -> None:
    """Write every file."""
    for make in MAKERS:
        make()


if __name__ == "__main__":
    main()
