"""Answers questions about scenes, in plain values: the same in this Python and in the program's."""

import bpy

from . import canary
from .stage import PLANES, Stage, devices

_stages = []


def _stage():
    if not _stages:
        _stages.append(Stage())
    return _stages[0]


def builds():
    """Return version and devices."""
    return {"version": bpy.app.version_string.split()[0], "devices": devices()}


def describe(path, digest, parameters):
    """Open a scene, unless it is open with this content, and return what it says of itself."""
    return _stage().describe(path, digest, parameters)


def known_as(digest):
    """Take the open scene for one of this content."""
    _stage().key = (_stage().key[0], digest)


def render(frame, region, samples, threads, device):
    """Render part of a frame; returns means over its samples as float32 bytes, plane by plane.

    Each plane is ``(channels, bytes)``, rows from the bottom: the picture, then the AOVs in their order.
    """
    passes, load_s = _stage().render(frame, region, samples, threads, device)
    planes = [passes[name] for name in ("Combined", *(PLANES[aov] for aov in frame["aovs"]))]
    return {"load_s": load_s, "planes": [(channels, values.tobytes()) for channels, values in planes]}


def try_out(device):
    """Render a small scene and return what is wrong with it; nothing is right."""
    return canary.fault(device)


ANSWERS = {answer.__name__: answer for answer in (builds, describe, known_as, render, try_out)}
