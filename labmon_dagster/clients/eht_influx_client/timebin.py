"""Data values into exact time bins: `TimeBin`, see docs/binning.md."""

from labmon_dagster.binning.timebin import TimeBin

__all__ = ["TimeBin"]
