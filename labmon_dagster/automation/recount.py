"""The nightly recount of archives: readings that came days late are found by counting on both sides."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import polars as pl

from labmon_dagster.automation.plan import RECOUNT_DAYS
from labmon_dagster.components.feed import Feed
from labmon_dagster.io_managers import TimeseriesStores
from labmon_dagster.landing.recount import Recount, recount
from labmon_dagster.metadata import span_of
from labmon_dagster.model import TimedSource
from labmon_dagster.model.window import days_between

_SHOWN = 50


class RecountConfig(dg.Config):
    """How many days, up to yesterday, are counted."""

    days: int = RECOUNT_DAYS


def recounting(feeds: Sequence[Feed]) -> dg.Definitions:
    """The job over all feeds whose source can count, and its schedule; nothing where there are none."""
    ops = [_op(feed, feed.source) for feed in feeds if isinstance(feed.source, TimedSource)]
    if not ops:
        return dg.Definitions()

    @dg.graph(name="recount")
    def graph() -> None:
        for op in ops:
            op()

    job = graph.to_job(
        description="Counts the last month on both sides; days where the archive has more are read again."
    )
    schedule = dg.ScheduleDefinition(
        name="nightly_recount",
        job=job,
        cron_schedule="40 2 * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    return dg.Definitions(jobs=[job], schedules=[schedule])


def _op(feed: Feed, source: TimedSource) -> dg.OpDefinition:
    @dg.op(name=f"{feed.op}__recount", pool=feed.op, description=f"Counts the readings of {feed.asset}.")
    def count(
        context: dg.OpExecutionContext, config: RecountConfig, timeseries: TimeseriesStores
    ) -> dg.Output[None]:
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        days = days_between(max(feed.start, yesterday - timedelta(days=config.days - 1)), yesterday)
        if not days:
            return dg.Output(None)
        with timeseries.opened(feed.store) as store:
            found = recount(store, source, feed.asset, feed.measurement, days, time.time_ns())
        context.log.info(f"{feed.asset}, {span_of(days)}: {_said(found)}")
        key = dg.AssetKey(feed.asset.split("/"))
        context.log_event(dg.AssetObservation(key, metadata=_metadata(found)))
        return dg.Output(None, metadata=_metadata(found))

    return count


def _said(found: Recount) -> str:
    told = f"{found.in_source} readings in the source, {found.in_store} in the store"
    if not found.reopened:
        return f"{told}; no day that was read lacks any"
    lacking = ", ".join(f"{day} lacks {number}" for day, number in found.reopened.items())
    return f"{told}; to be read again: {lacking}"


def _metadata(found: Recount) -> dict[str, dg.MetadataValue]:
    shown = found.differing.head(_SHOWN).with_columns(pl.col("time").dt.strftime("%Y-%m-%d"))
    return {
        "readings in the source": dg.MetadataValue.int(found.in_source),
        "readings in the store": dg.MetadataValue.int(found.in_store),
        "days opened again": dg.MetadataValue.text(", ".join(map(str, found.reopened)) or "none"),
        "series that differ": dg.MetadataValue.md(_table(shown)),
    }


def _table(rows: pl.DataFrame) -> str:
    if rows.is_empty():
        return "none"
    head = [f"| {' | '.join(rows.columns)} |", f"|{'---|' * rows.width}"]
    return "\n".join(head + [f"| {' | '.join(map(str, row))} |" for row in rows.iter_rows()])
