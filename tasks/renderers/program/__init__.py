"""Renderers that are programs: a process for each unit, its output watched, its picture read back from a file."""
