"""What replaces the loop: schedules, a sensor, the audit, and the clearing of old runs."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from labmon_dagster.automation.retention import retention_job, retention_schedule
from labmon_dagster.automation.triggers import every_five_minutes, new_files, nightly_audit
from labmon_dagster.components.feed import Feed


def automation(feeds: Sequence[Feed]) -> dg.Definitions:
    """Schedules and sensor over all feeds."""
    job = dg.AssetSelection.assets(*(feed.asset.split("/") for feed in feeds))
    return dg.Definitions(
        jobs=[retention_job],
        schedules=[every_five_minutes(feeds, job), nightly_audit(feeds, job), retention_schedule],
        sensors=[new_files(feeds, job)],
    )
