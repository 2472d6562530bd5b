"""From a feed to a Dagster asset with its checks: one asset a table or collection, daily UTC partitions."""

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, Literal

import dagster as dg

from labmon_dagster.components.checks import checks
from labmon_dagster.components.feed import Feed
from labmon_dagster.document_io import BY_RECEIPT, DocumentStores, HandedDocuments
from labmon_dagster.io_managers import Handed, TimeseriesStores
from labmon_dagster.landing import Delivery, ask, time_boxed
from labmon_dagster.metadata import column_schema, span_of
from labmon_dagster.model import DatedSource, Readings, Request
from labmon_dagster.model.documents import Documents
from labmon_dagster.stores import LedgerRow

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
    return dg.Definitions(assets=[_asset(feed)], asset_checks=[checks(feed)])


def partitions(feed: Feed) -> dg.DailyPartitionsDefinition:
    """Days in UTC; today is there from its first minute."""
    return dg.DailyPartitionsDefinition(feed.start.isoformat(), timezone="UTC", end_offset=1)


def _asset(feed: Feed) -> dg.AssetsDefinition:
    @dg.asset(
        key=dg.AssetKey(feed.asset.split("/")),
        deps=[dg.AssetDep(one.split("/"), partition_mapping=dg.AllPartitionMapping()) for one in feed.deps],
        partitions_def=partitions(feed),
        backfill_policy=dg.BackfillPolicy.single_run(),
        io_manager_key="documents" if feed.documents else "readings",
        dagster_type=dg.Any,
        group_name=feed.experiment,
        description=feed.description,
        owners=list(feed.owners) or None,
        kinds=set(feed.kinds) or None,
        code_version=feed.version,
        tags={POLL_TAG: ""},
        pool=feed.op,
        metadata=_metadata(feed),
    )
    def read(
        context: dg.AssetExecutionContext,
        config: ReadConfig,
        timeseries: TimeseriesStores,
        document_stores: DocumentStores,
    ) -> Handed | HandedDocuments:
        days = tuple(date.fromisoformat(key) for key in context.partition_keys)
        gone = frozenset(day for day in days if feed.pruned and feed.pruned(day))
        if config.replace:
            _refuse_pruned(feed, gone)
        trouble = feed.look() if feed.look else []
        if feed.take:
            feed.take(context.log.info)
        now = time.time_ns()
        ledger, kept_since = _known(feed, timeseries, document_stores, now)
        request = ask(feed.source, ledger, days, now, whole=config.mode == "whole" or config.replace)
        delivery = Delivery(
            asset=feed.asset,
            measurement=feed.measurement,
            days=days,
            recipe=feed.recipe,
            whole=not request.since,
            replace=config.replace,
            run=context.run.run_id,
            version=feed.version,
            stream_of=feed.source.stream_of if isinstance(feed.source, DatedSource) else None,
            gone=gone,
            by_receipt=feed.by_receipt,
            by_content=feed.by_content,
            indexes=feed.indexes,
        )
        given: Readings | Documents = Readings(iter(()))
        if kept_since is not None and request.window.end <= kept_since:
            context.log.info(f"{span_of(days)}: older than what store {feed.store!r} keeps; not read")
        else:
            given = _read(feed, request, trouble)
        if isinstance(given, Documents):
            return HandedDocuments(delivery, given, now, context, feed.store, feed.landed)
        return Handed(delivery, given, now, context, feed.store, feed.turns)

    return read


def _metadata(feed: Feed) -> dict[str, Any]:
    """Where the asset's rows are, for people and for assets downstream."""
    where = {
        "labmon/collection" if feed.documents else "labmon/measurement": feed.measurement,
        "labmon/store": feed.store,
        **({BY_RECEIPT: True} if feed.documents and feed.by_receipt else {}),
    }
    if not feed.measurement:  # rows of several, whose columns they bring: assets of one table are linked
        return where
    return {
        **where,
        "dagster/table_name": feed.measurement,
        "dagster/column_schema": column_schema(feed.fields, feed.tags, feed.recipe.rules),
    }


def _refuse_pruned(feed: Feed, gone: Collection[date]) -> None:
    """Raise ValueError for days whose rows could be removed, but not be read again."""
    if gone:
        raise ValueError(
            f"{feed.asset}: the journal {feed.journal!r} was pruned of {', '.join(map(str, sorted(gone)))}: "
            "what `replace: true` would remove could never be read again; leave these days out"
        )


def _known(
    feed: Feed, timeseries: TimeseriesStores, documents: DocumentStores, now: int
) -> tuple[Mapping[date, LedgerRow], int | None]:
    """Give the feed's ledger, and the earliest time its store keeps (ns; None: everything)."""
    if feed.documents:
        with documents.opened(feed.store) as collections:
            return collections.ledger(feed.asset), None
    with timeseries.opened(feed.store) as store:
        return store.ledger(feed.asset), store.kept_since(now)


def _read(feed: Feed, request: Request, trouble: Sequence[str]) -> Readings | Documents:
    """Begin to read. Raises TypeError where a source gives what its feed does not say."""
    given = feed.source.read(request)
    if isinstance(given, Documents) != feed.documents:
        raise TypeError(f"{feed.asset}: its source gives {type(given).__name__}, but its feed says otherwise")
    if not feed.stations:  # that a device is silent now says nothing of what was journalled before
        given.trouble.extend(trouble)
    if isinstance(given, Documents):
        return time_boxed(given, feed.patience, feed.asset)
    return time_boxed(given, feed.patience, feed.asset)
