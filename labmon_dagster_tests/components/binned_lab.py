"""Feeds of bins without Dagster: what the schedules ask for, tick by tick, and what one full read gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from labmon_dagster.automation.plan import audit_spans, news_span
from labmon_dagster.components import Feed
from labmon_dagster.landing import Delivery, Landing, ask, news_position
from labmon_dagster.model import SECOND, DatedSource, Source, Window
from labmon_dagster.model.window import day_of, days_between
from labmon_dagster.stores import SqliteStore

_ENOUGH = 12
_PASSED = count(1)


def source_of(feed: Feed) -> Source:
    """The source of a feed of readings."""
    return feed.source  # type: ignore[return-value]


def deliver(
    store: SqliteStore,
    feed: Feed,
    first: date,
    last: date,
    now: int,
    *,
    whole: bool = False,
    anew: bool = False,
) -> None:
    """Read days as a run does, each a little later than the one before; ``anew``: replacing all."""
    now += next(_PASSED)
    days = tuple(days_between(first, last))
    source = source_of(feed)
    request = ask(source, store.ledger(feed.asset), days, now, whole=whole)
    delivery = Delivery(
        feed.asset,
        feed.measurement,
        days,
        feed.recipe,
        whole=not request.since,
        replace=anew,
        version=feed.version,
        stream_of=source.stream_of if isinstance(source, DatedSource) else None,
    )
    Landing(store, delivery, now).land(source.read(request))


def tick(store: SqliteStore, feed: Feed, now: int) -> bool:
    """Do what the schedule does every five minutes; say whether there was anything to do."""
    ledger, at = store.ledger(feed.asset), _moment(now)
    news = feed.source.news(news_position(feed.source, ledger, at.date()))
    span = news_span(ledger, feed.start, at, news=news)
    if span:
        deliver(store, feed, span.first, span.last, now)
    return span is not None


def settle(store: SqliteStore, feed: Feed, now: int) -> None:
    """Tick until nothing is left to do, which must come to an end."""
    for _ in range(_ENOUGH):
        if not tick(store, feed, now):
            return
    raise AssertionError("the ticks never end")


def audit(store: SqliteStore, feed: Feed, now: int) -> None:
    """Read every past day that is not proven as a whole."""
    for span in audit_spans(store.ledger(feed.asset), feed.start, _moment(now + SECOND)):
        deliver(store, feed, span.first, span.last, now, whole=True)


def bins(store: SqliteStore, feed: Feed) -> list[dict[str, Any]]:
    """Everything the asset has, without what only landing needs."""
    found = store.fetch(feed.measurement, Window(0, 2**62))
    hidden = [name for name in found.columns if name.startswith("_")]
    values = found.drop(hidden).with_columns(pl.col("time").cast(pl.Int64))
    return values.select(sorted(values.columns)).sort(values.columns).to_dicts()


def at_once(feed: Feed, now: int) -> list[dict[str, Any]]:
    """What one read of everything gives to an empty store."""
    with new_store() as store:
        deliver(store, feed, feed.start, day_of(now), now, whole=True)
        return bins(store, feed)


@contextmanager
def new_store() -> Iterator[SqliteStore]:
    """A store for one example."""
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "readings.db")
        store.database.connection.execute("PRAGMA synchronous=OFF")
        try:
            yield store
        finally:
            store.close()


def _moment(now: int) -> datetime:
    return datetime.fromtimestamp(now // 10**9, UTC)
