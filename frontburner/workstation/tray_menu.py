"""What the tray icon shows of a node, and what its menu offers: by the node's status alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING

from frontburner.workstation.desk import Wish

if TYPE_CHECKING:
    from frontburner.workstation.desk import NodeStatus

HOUR_S = 3600.0


class Light(StrEnum):
    """Colour of the icon."""

    RENDERS = "#f57c00"
    READY = "#43a047"
    RESTS = "#9e9e9e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An entry of the menu.

    Parameters
    ----------
    wish, for_s
        What choosing it asks of the node; None of a heading.
    opens
        A page it opens.
    checked
        Whether it is on; None if it is no switch.
    """

    label: str
    wish: Wish | None = None
    for_s: float | None = None
    opens: str = ""
    checked: bool | None = None

    @property
    def active(self) -> bool:
        """Whether it can be chosen."""
        return self.wish is not None or bool(self.opens)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrayMenu:
    """The icon's colour, its title and its menu."""

    light: Light
    title: str
    items: tuple[Item, ...]


def menu_of(status: NodeStatus | None, zone: tzinfo | None = None) -> TrayMenu:
    """Return what is shown; ``zone`` is the local time zone by default."""
    if status is None:
        return TrayMenu(light=Light.RESTS, title="Frontburner: no node runs here", items=())
    doing = _doing(status, zone)
    return TrayMenu(
        light=_light(status),
        title=f"Frontburner: {doing}",
        items=(Item(label=doing[:1].upper() + doing[1:]), *_choices(status)),
    )


def _light(status: NodeStatus) -> Light:
    if status.state == "rendering":
        return Light.RENDERS
    return Light.READY if status.state == "idle" else Light.RESTS


def _doing(status: NodeStatus, zone: tzinfo | None) -> str:
    """Say what the node does in a line."""
    if not status.state:
        return "the farm doesn't answer"
    if status.state == "paused" and status.paused_until:
        return f"paused until {datetime.fromtimestamp(status.paused_until, tz=zone):%H:%M}"
    if status.state != "rendering" or not status.job:
        return "ready to render" if status.state == "idle" else status.state
    frame = "" if status.frame is None else f", frame {status.frame}"
    done = "" if status.done is None else f" ({status.done:.0%} of the job done)"
    return f"renders {status.job}{frame}{done}"


def _choices(status: NodeStatus) -> list[Item]:
    paused = status.state in ("paused", "draining")
    items = [Item(label="Open the farm's page", opens=status.page)] if status.page else []
    if paused:
        items.append(Item(label="Resume", wish=Wish.RESUME))
    else:
        items += [
            Item(label="Pause for an hour", wish=Wish.PAUSE, for_s=HOUR_S),
            Item(label="Pause until I resume it", wish=Wish.PAUSE),
        ]
    if status.anyway or status.state == "in use":
        wish = Wish.YIELD if status.anyway else Wish.ANYWAY
        items.append(Item(label="Render although I work here", wish=wish, checked=status.anyway))
    return [*items, Item(label="Leave the farm", wish=Wish.LEAVE)]
