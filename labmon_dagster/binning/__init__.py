"""Bins of exactly one length: for loops (`TimeBin`), for frames (`bin_readings`), for sources (`bin: 1s`)."""

from labmon_dagster.binning.entry import BinEntry, BinSpec, grid_of
from labmon_dagster.binning.frames import Means, bin_readings
from labmon_dagster.binning.gathered import averaged
from labmon_dagster.binning.pieces import Grid
from labmon_dagster.binning.source import Binned, in_bins
from labmon_dagster.binning.timebin import TimeBin

__all__ = [
    "BinEntry",
    "BinSpec",
    "Binned",
    "Grid",
    "Means",
    "TimeBin",
    "averaged",
    "bin_readings",
    "grid_of",
    "in_bins",
]
