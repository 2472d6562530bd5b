"""The checks of an asset: nothing missing or in quarantine, devices that answer, readings that are good."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

import dagster as dg

from labmon_dagster.collector import health
from labmon_dagster.components.feed import Feed
from labmon_dagster.document_io import DocumentStores
from labmon_dagster.io_managers import TimeseriesStores
from labmon_dagster.report import DayReport, flag_counts, unproven
from labmon_dagster.settings import collector_folder
from labmon_dagster.stores import DocumentStore, LedgerRow, Quarantined, ReadingStore, owner_of

_COMPLETE, _QUARANTINE, _QUALITY, _ANSWERING = "complete", "nothing_quarantined", "quality", "answering"
_ABOUT = {
    _COMPLETE: "Every past day has been read in full and proven.",
    _QUARANTINE: "No piece waits in quarantine.",
    _QUALITY: "QARTOD flags of the rows in this run's days.",
    _ANSWERING: "Every device has answered its last poll, as the collector says.",
}


def checks(feed: Feed) -> dg.AssetChecksDefinition:
    """The checks of a feed's asset: of documents there is no quality, and only devices answer."""
    key = dg.AssetKey(feed.asset.split("/"))
    needless = ({_QUALITY} if feed.documents else set()) | (set() if feed.stations else {_ANSWERING})
    about = {name: text for name, text in _ABOUT.items() if name not in needless}
    about |= {judge.name: judge.about for judge in feed.judges}

    @dg.multi_asset_check(
        name=f"{feed.op}__checks",
        specs=[dg.AssetCheckSpec(name, asset=key, description=text) for name, text in about.items()],
    )
    def check(
        context: dg.AssetCheckExecutionContext, timeseries: TimeseriesStores, document_stores: DocumentStores
    ) -> Iterator[dg.AssetCheckResult]:
        if feed.documents:
            with document_stores.opened(feed.store) as collections:
                yield from _of_any(feed, key, collections)
                yield from _judged(feed, key, collections, context.run.run_id)
        else:
            with timeseries.opened(feed.store) as store:
                yield from _of_any(feed, key, store)
                yield _quality(feed, key, store, context.run.run_id)
        if feed.stations:
            yield _answering(feed, key)

    return check


def _of_any(
    feed: Feed, key: dg.AssetKey, store: ReadingStore | DocumentStore
) -> Iterator[dg.AssetCheckResult]:
    """Check what holds of readings and documents alike."""
    yield _complete(key, unproven(store.ledger(feed.asset), feed.start, datetime.now(UTC).date()))
    yield _quarantine(key, store.quarantined(feed.asset))


def _complete(key: dg.AssetKey, days: list[DayReport]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=_COMPLETE,
        passed=not days,
        metadata={
            "unproven days": len(days),
            "oldest": str(days[0].day) if days else "",
            "newest": str(days[-1].day) if days else "",
            "trouble": "; ".join(sorted({day.why for day in days if day.why})[:5]),
        },
    )


def _quarantine(key: dg.AssetKey, pieces: Sequence[Quarantined]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=_QUARANTINE,
        passed=not pieces,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "pieces": len(pieces),
            "reasons": dg.MetadataValue.json(dict(Counter(p.reason for p in pieces).most_common(10))),
            "latest": "\n".join(f"{p.place}: {p.reason}" for p in pieces[-5:]),
        },
    )


def _answering(feed: Feed, key: dg.AssetKey) -> dg.AssetCheckResult:
    told = health.read(collector_folder())
    devices = told.of(feed.asset) if told else []
    silent = {one.device: one.last_error for one in devices if one.errors_in_row}
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=_ANSWERING,
        passed=not silent,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"collector runs": bool(told and told.is_alive), "silent": dg.MetadataValue.json(silent)},
    )


def _quality(feed: Feed, key: dg.AssetKey, store: ReadingStore, run: str) -> dg.AssetCheckResult:
    days = _days_of(run, store.ledger(feed.asset))
    counts = flag_counts(store, feed.measurement, days, owner_of(feed.asset))
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=_QUALITY,
        passed=not any(flags.get("fail") for flags in counts.values()),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={field: dg.MetadataValue.json(flags) for field, flags in counts.items()},
    )


def _judged(feed: Feed, key: dg.AssetKey, store: DocumentStore, run: str) -> Iterator[dg.AssetCheckResult]:
    """Have the asset's own judges look."""
    days = _days_of(run, store.ledger(feed.asset)) if feed.judges else []
    for judge in feed.judges:
        passed, shown = judge.look(store, days)
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=judge.name,
            passed=passed,
            severity=dg.AssetCheckSeverity.WARN,
            metadata=dict(shown),
        )


def _days_of(run: str, ledger: Mapping[date, LedgerRow]) -> list[date]:
    """The days a run read; the newest day with rows if it read none."""
    days = [day for day, row in ledger.items() if row.run == run]
    return days or [day for day, row in ledger.items() if row.in_store][-1:]
