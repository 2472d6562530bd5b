"""Laboratory monitoring on Dagster: every reading found again, every gap seen and filled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labmon_dagster.notebook import read, read_arrow

__all__ = ["read", "read_arrow"]


def __getattr__(name: str) -> Any:
    """What is for notebooks is imported when it is first asked for: pandas is slow to load."""
    if name in __all__:
        from labmon_dagster import notebook

        return getattr(notebook, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
