"""Packages that only some machines need, and how they are installed where they are missing."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from storage.errors import FrontburnerError

EXTRAS = {"av": "movies", "matplotlib": "charts", "pxr": "usd", "pyoidn": "denoise", "textual": "terminal"}
"""The optional dependency (an extra of the package ``frontburner``) that each package comes with."""


@dataclass(kw_only=True, eq=False)
class NotInstalled(FrontburnerError):
    """Something was asked for that needs a package this machine doesn't have."""

    package: str


def require(package: str, purpose: str) -> None:
    """Import a package of an extra.

    Parameters
    ----------
    purpose
        What it is needed for: the subject of the error, such as ``A movie``.

    Raises
    ------
    NotInstalled
        When it isn't installed. One that is there and can't be imported raises its own error.
    """
    try:
        import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise NotInstalled(
            reason=f"{purpose} needs the Python package {package}, which isn't installed here.",
            remedy=f"pip install 'frontburner[{EXTRAS[package]}]' in this machine's environment.",
            package=package,
        ) from None
