"""Mitsuba 3: regions and sample ranges that are the whole frame's pixels, however it is cut.

Only `adapter` and `builds` may be imported outside the renderer process; the other modules import Mitsuba.
"""
