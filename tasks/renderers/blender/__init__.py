"""Blender's Cycles, as a module of this Python or as an installed program.

The package `inside` runs in the Python of Blender 3.4 or newer, and doesn't import Frontburner.
"""
