"""Names that a file can have on every system, so that folders can be moved from one to another. Pure."""

from __future__ import annotations

import re
import unicodedata

FORBIDDEN = '\\ : * ? " < > |'
_CHARACTER = re.compile(r'[\\:*?"<>|\x00-\x1f\x7f\ud800-\udfff]')
_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"
}
"""Windows opens a device under such a name, in any folder and with any ending."""


def name_fault(name: str) -> str:
    """Say what a file's name has that some system doesn't take, such as ``a ':'``; empty if all take it."""
    if found := _CHARACTER.search(name):
        shown = f"'{found[0]}'" if found[0].isprintable() else f"control character ({found[0]!a})"
        return f"a {shown}"
    if name.endswith((".", " ")):
        return f"a {'dot' if name.endswith('.') else 'space'} at its end"
    device = name.partition(".")[0].rstrip(" ")
    return f"the name of a device of Windows, {device}" if device.lower() in _DEVICES else ""


def spelled_alike(name: str) -> str:
    """Return a text that is equal for names which some system takes for one: they differ by case, or by accents."""
    return unicodedata.normalize("NFC", name).casefold()
