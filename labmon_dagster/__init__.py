"""Laboratory monitoring on Dagster: every reading found again, every gap seen and filled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labmon_dagster.notebook import read

__all__ = ["read"]


def __getattr__(name: str) -> Any:
    """`read` is imported when it is first asked for: pandas is slow to load, and few need it."""
    if name == "read":
        from labmon_dagster.notebook import read

        return read
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
