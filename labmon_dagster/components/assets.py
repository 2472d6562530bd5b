"""From a feed to a Dagster asset with its checks: one asset a table, daily UTC partitions."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Literal

import dagster as dg

from labmon_dagster.components.feed import Feed
from labmon_dagster.io_managers import Handed, TimeseriesStores
from labmon_dagster.landing import Delivery, ask, time_boxed
from labmon_dagster.metadata import column_schema, span_of
from labmon_dagster.model import Readings
from labmon_dagster.report import DayReport, flag_counts, unproven
from labmon_dagster.stores import LedgerRow, owner_of

POLL_TAG = "labmon/feed"


class ReadConfig(dg.Config):
    """How the days of a run are read.

    ``whole`` reads them from the beginning of the source, so that they can be proven; ``news`` reads
    behind where the last run stood. ``replace`` first removes the asset's own rows of these days.
    """

    mode: Literal["whole", "news"] = "whole"
    replace: bool = False


def feed_definitions(feed: Feed) -> dg.Definitions:
    """The asset of a feed, and its checks."""
    return dg.Definitions(assets=[_asset(feed)], asset_checks=[_checks(feed)])


def partitions(feed: Feed) -> dg.DailyPartitionsDefinition:
    """Days in UTC; today is there from its first minute."""
    return dg.DailyPartitionsDefinition(feed.start.isoformat(), timezone="UTC", end_offset=1)


def _asset(feed: Feed) -> dg.AssetsDefinition:
    @dg.asset(
        key=dg.AssetKey(feed.asset.split("/")),
        partitions_def=partitions(feed),
        backfill_policy=dg.BackfillPolicy.single_run(),
        io_manager_key="readings",
        group_name=feed.experiment,
        description=feed.description,
        owners=list(feed.owners) or None,
        kinds=set(feed.kinds) or None,
        code_version=feed.version,
        tags={POLL_TAG: ""},
        pool=feed.op,
        metadata={
            "labmon/measurement": feed.measurement,
            "labmon/store": feed.store,
            "dagster/table_name": feed.measurement,
            "dagster/column_schema": column_schema(feed.fields, feed.tags, feed.recipe.rules),
        },
    )
    def read(context: dg.AssetExecutionContext, config: ReadConfig, timeseries: TimeseriesStores) -> Handed:
        days = tuple(date.fromisoformat(key) for key in context.partition_keys)
        trouble = feed.look() if feed.look else []
        now = time.time_ns()
        with timeseries.opened(feed.store) as store:
            whole = config.mode == "whole" or config.replace
            request = ask(feed.source, store.ledger(feed.asset), days, now, whole=whole)
            kept_since = store.kept_since(now)
        delivery = Delivery(
            asset=feed.asset,
            measurement=feed.measurement,
            days=days,
            recipe=feed.recipe,
            whole=not request.since,
            replace=config.replace,
            run=context.run.run_id,
            version=feed.version,
        )
        if kept_since is not None and request.window.end <= kept_since:
            context.log.info(f"{span_of(days)}: older than what store {feed.store!r} keeps; not read")
            return Handed(delivery, Readings(iter(())), now, context, feed.store)
        readings = time_boxed(feed.source.read(request), feed.patience, feed.asset)
        readings.trouble.extend(trouble)
        return Handed(delivery, readings, now, context, feed.store)

    return read


def _checks(feed: Feed) -> dg.AssetChecksDefinition:
    key = dg.AssetKey(feed.asset.split("/"))
    specs = [
        dg.AssetCheckSpec(
            "complete", asset=key, description="Every past day has been read in full and proven."
        ),
        dg.AssetCheckSpec("nothing_quarantined", asset=key, description="No piece waits in quarantine."),
        dg.AssetCheckSpec("quality", asset=key, description="QARTOD flags of the rows in this run's days."),
    ]

    @dg.multi_asset_check(name=f"{feed.op}__checks", specs=specs)
    def check(
        context: dg.AssetCheckExecutionContext, timeseries: TimeseriesStores
    ) -> Iterator[dg.AssetCheckResult]:
        today = datetime.now(UTC).date()
        with timeseries.opened(feed.store) as store:
            yield _complete(key, unproven(store.ledger(feed.asset), feed.start, today))
            pieces = store.quarantined(feed.asset)
            yield dg.AssetCheckResult(
                asset_key=key,
                check_name="nothing_quarantined",
                passed=not pieces,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={
                    "pieces": len(pieces),
                    "latest": "\n".join(f"{p.place}: {p.reason}" for p in pieces[-5:]),
                },
            )
            days = _days_of(context.run.run_id, store.ledger(feed.asset))
            counts = flag_counts(store, feed.measurement, days, owner_of(feed.asset))
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name="quality",
            passed=not any(flags.get("fail") for flags in counts.values()),
            severity=dg.AssetCheckSeverity.WARN,
            metadata={field: dg.MetadataValue.json(flags) for field, flags in counts.items()},
        )

    return check


def _days_of(run: str, ledger: Mapping[date, LedgerRow]) -> list[date]:
    """The days a run read; the newest day with rows if it read none."""
    days = [day for day, row in ledger.items() if row.run == run]
    return days or [day for day, row in ledger.items() if row.in_store][-1:]


def _complete(key: dg.AssetKey, days: list[DayReport]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="complete",
        passed=not days,
        metadata={
            "unproven days": len(days),
            "oldest": str(days[0].day) if days else "",
            "newest": str(days[-1].day) if days else "",
            "trouble": "; ".join(sorted({day.why for day in days if day.why})[:5]),
        },
    )
