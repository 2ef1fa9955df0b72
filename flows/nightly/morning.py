"""The morning report, at the address that schedules have which were made before it moved to `flows.morning`."""

from __future__ import annotations

from flows.morning import morning

__all__ = ["morning"]
