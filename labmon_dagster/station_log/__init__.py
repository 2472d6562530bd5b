"""The station log: points that programs write are kept in a journal first, then brought to the stores."""

from labmon_dagster.station_log.forked import polars_runs, polars_works

__all__ = ["polars_runs", "polars_works"]
