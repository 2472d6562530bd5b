"""Whole labs for tests: the tower's component over a folder of the test, as Dagster would load it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from labmon_dagster.automation import automation
from labmon_dagster.components import Feed, LoggerNetTable
from labmon_dagster.components.assets import feed_definitions
from labmon_dagster.definitions import resources

TOWER: dict[str, Any] = {
    "asset": "umbs/tower",
    "files": ["46m_*.dat"],
    "measurement": "Fastdata",
    "zone": "UTC-05:00",
    "start": "2021-06-01",
    "interval": "5s",
    "tags": {"station": "{station}", "table": "{table}"},
    "fields": {
        "PPFD": {"unit": "umol/m^2/s"},
        "Total_PPFD": {},
        "Diffuse_PPFD": {},
        "Calibration_PPFD": {"column": "calPPFD"},
        "Solar_Incidence": {"column": "Solar_inci"},
        "RECORD": {"type": "integer"},
    },
    "quality": {"Calibration_PPFD": {"sentinels": [7999]}},
}


def tower(folder: Path, **changes: Any) -> Feed:
    """The feed of a tower whose files lie in ``folder``."""
    return LoggerNetTable.model_validate({**TOWER, "directory": str(folder), **changes}).feed()


def lab(*feeds: Feed) -> dg.Definitions:
    """The code location with these feeds."""
    listed: Sequence[Feed] = feeds
    return dg.Definitions.merge(*map(feed_definitions, listed), automation(listed), resources())


def materialize(
    feed: Feed,
    first: str,
    last: str | None = None,
    *,
    instance: dg.DagsterInstance | None = None,
    **config: Any,
) -> dg.ExecuteInProcessResult:
    """Materialize days of a feed in this process. Fails like Dagster does."""
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last or first}
    job = lab(feed).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance, tags=tags, run_config={"ops": {feed.op: {"config": config}}} if config else None
    )
