"""What Dagster loads: the lab in defs/, its stores, and the automation that replaces the loop."""

from __future__ import annotations

import warnings
from pathlib import Path

import dagster as dg

from labmon_dagster.automation import automation
from labmon_dagster.components.lab import load_feeds
from labmon_dagster.io_managers import ReadingsIOManager, TimeseriesStore

warnings.filterwarnings("ignore", category=dg.BetaWarning)


@dg.definitions
def defs() -> dg.Definitions:
    """The whole code location."""
    timeseries = TimeseriesStore()
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
        automation(load_feeds()),
        dg.Definitions(
            resources={"timeseries": timeseries, "readings": ReadingsIOManager(timeseries=timeseries)},
            executor=dg.in_process_executor,
        ),
    )
