"""Renderers that are programs: one process per unit; its output is followed, its picture read back from a file."""
