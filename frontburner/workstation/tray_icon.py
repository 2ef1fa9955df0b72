"""The icon in the tray of the person's desktop, by `pystray`: it shows `tray_menu` of a node, and leaves wishes."""

from __future__ import annotations

import threading
import webbrowser
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw

from frontburner.workstation.tray_menu import Item, Light, TrayMenu, menu_of
from storage.errors import FrontburnerError
from system.idle import last_input

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.workstation.desk import Desk

POLL_S = 1.0
NODE_GONE_S = 30.0
"""An icon without a node goes after this long."""
SIZE_PX = 64


def show_tray(desk: Desk) -> None:
    """Show the icon until the node has ended.

    Raises
    ------
    FrontburnerError
        When there is no desktop, or pystray isn't installed.
    """
    try:
        import pystray
    except ImportError as error:
        raise FrontburnerError(
            reason=f"The tray icon needs pystray: {error}.", remedy="Install the extra: frontburner[tray]."
        ) from error
    except Exception as error:  # it connects to a screen when it is imported
        raise FrontburnerError(
            reason=f"There is no desktop to show an icon on: {error}.",
            remedy="Start it in the session of the person who sits at the machine.",
        ) from error
    Tray(desk, pystray).run()


class Tray:
    """An icon.

    Parameters
    ----------
    library
        The module ``pystray``.
    """

    def __init__(self, desk: Desk, library: Any) -> None:  # noqa: ANN401 - a module without types
        self._desk, self._library = desk, library
        self._shown = menu_of(desk.status())
        self._ended = threading.Event()
        self.icon = library.Icon(
            "frontburner", icon=picture(self._shown.light), title=self._shown.title, menu=library.Menu(self._items)
        )

    def run(self) -> None:
        """Show the icon until the node has ended."""
        self.icon.run(setup=self._follow)

    def choose(self, item: Item) -> None:
        """Do what an entry says."""
        if item.opens:
            webbrowser.open(item.opens)
        elif item.wish is not None:
            self._desk.wish(item.wish, item.for_s)

    def update(self) -> None:
        """Show the node's status of this moment."""
        self._desk.watch(last_input().age_s)
        found = menu_of(self._desk.status())
        if found != self._shown:
            self._shown, before = found, self._shown
            if found.light != before.light:
                self.icon.icon = picture(found.light)
            self.icon.title = found.title
            self.icon.update_menu()

    def _follow(self, icon: Any) -> None:  # noqa: ANN401 - pystray's
        icon.visible = True
        without_node_s = 0.0
        while without_node_s < NODE_GONE_S:
            self.update()
            without_node_s = without_node_s + POLL_S if self._desk.status() is None else 0.0
            self._ended.wait(POLL_S)
        icon.stop()

    def _items(self) -> list[Any]:
        """Return pystray's menu. The first entry that can be chosen is what a click on the icon does."""
        menu, first = self._shown, next((item for item in self._shown.items if item.active), None)
        return [self._item(item, is_first=item is first) for item in menu.items]

    def _item(self, item: Item, *, is_first: bool) -> Any:  # noqa: ANN401
        checked = None if item.checked is None else _constant(item.checked)
        return self._library.MenuItem(
            item.label, lambda: self.choose(item), enabled=item.active, checked=checked, default=is_first
        )


def _constant(value: bool) -> Callable[[Any], bool]:  # noqa: FBT001 - what it returns
    return lambda _: value


def picture(light: Light) -> Image.Image:
    """Return the icon: a hob, and how hot it is."""
    image = Image.new("RGBA", (SIZE_PX, SIZE_PX))
    draw = ImageDraw.Draw(image)
    draw.ellipse((2, 2, 61, 61), fill="#263238")
    for inset in (10, 22):
        draw.ellipse((inset, inset, 63 - inset, 63 - inset), outline=light.value, width=7)
    draw.ellipse((29, 29, 34, 34), fill=light.value)
    return image


__all__ = ["Tray", "TrayMenu", "picture", "show_tray"]
