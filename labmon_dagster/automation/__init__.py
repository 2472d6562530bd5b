"""What replaces the loop: schedules, sensors, the audit, the recount, and the clearing of old runs."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from labmon_dagster.automation.recount import recounting
from labmon_dagster.automation.retention import retention_job, retention_schedule
from labmon_dagster.automation.triggers import every_five_minutes, news_sensors, nightly_audit
from labmon_dagster.components.feed import Feed


def automation(feeds: Sequence[Feed]) -> dg.Definitions:
    """Schedules and sensors over all feeds."""
    common = dg.Definitions(
        jobs=[retention_job],
        schedules=[every_five_minutes(feeds), nightly_audit(feeds), retention_schedule],
        sensors=news_sensors(feeds),
    )
    return dg.Definitions.merge(common, recounting(feeds))
