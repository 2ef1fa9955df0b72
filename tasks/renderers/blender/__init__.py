"""Blender's Cycles, as a module of this Python or as an installed program.

What runs inside Blender is in `inside`: it may be the Python of a Blender from 3.4 on, and knows nothing of ours.
"""
