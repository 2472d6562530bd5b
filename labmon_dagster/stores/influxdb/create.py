"""Makes the database (1.x) or bucket (2.x) of a store, and a place for labmon's books where it forgets.

What is there already stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from labmon_dagster.model import DAY, SECOND
from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.influxdb import buckets
from labmon_dagster.stores.influxdb.answers import Answers
from labmon_dagster.stores.influxdb.link import Place, connect
from labmon_dagster.stores.influxdb.retention import BOOKS, Retention, policies
from labmon_dagster.stores.influxdb.target import Target
from labmon_dagster.stores.influxdb.words import quoted

EVER = 0
_SHORTEST = 3600 * SECOND


def create(target: Target, kept: int = EVER) -> list[str]:
    """Make what is not there of the place that keeps points for ``kept`` ns; say what was made.

    Raises StoreError where there is one of another retention, or the server refuses.
    """
    if 0 < kept < _SHORTEST:
        raise StoreError(f"a retention of {told(kept)} is too short; InfluxDB allows 1h and longer")
    with _asking(target) as data:
        return list(_buckets(data, kept) if target.api == 2 else _database(data, kept))


def look(target: Target) -> None:
    """Raise StoreError where a store cannot be used: server away, nothing there, no place for the books.

    A server that is away is not waited for: somebody is looking.
    """
    with _asking(target) as data:
        retention = Retention(data)
        if retention.kept is None or _has_books(data, retention.books):
            return
        books = retention.books
        place = f"bucket {books.database!r}" if target.api == 2 else f"retention policy {books.policy!r}"
        kept = told(retention.kept)
        raise StoreError(
            f"InfluxDB at {target.base}: {target.database!r} keeps {kept}, and the {place} for the ledger "
            f"is not there; `labmon create-store --retention {kept}` makes it"
        )


def _has_books(data: Answers, place: Place) -> bool:
    if place.policy:
        return place.policy in {name for name, _, _ in policies(data)}
    try:
        return buckets.kept_by(data.link, place.database) is not None
    except buckets.NoBucketsError:
        return True


def told(kept: int) -> str:
    """Write a retention as people do: 30d, 36h, inf."""
    if kept == EVER:
        return "inf"
    return f"{kept // DAY}d" if kept % DAY == 0 else f"{kept // SECOND / 3600:g}h"


@contextmanager
def _asking(target: Target) -> Iterator[Answers]:
    """Ask once: what a person asks for is not tried again, unlike what a run asks for."""
    link = connect(replace(target, patience=0.0))
    with closing(link):
        yield Answers(link, Place(target.database))


def _database(data: Answers, kept: int) -> Iterator[str]:
    name = data.place.database
    (found,) = data.ask("SHOW DATABASES")
    if name not in {str(row[0]) for series in found for row in series.rows()}:
        data.command(f"CREATE DATABASE {quoted(name)} WITH DURATION {_duration(kept)}")
        yield f"database {name!r}, which keeps {told(kept)}"
    there = policies(data)
    _compare(f"database {name!r}", next((ns for _, ns, default in there if default), EVER), kept)
    books = {policy: ns for policy, ns, _ in there}
    if kept == EVER:
        return
    if BOOKS in books:
        _compare(f"retention policy {BOOKS!r} of database {name!r}", books[BOOKS], EVER)
        return
    data.command(f"CREATE RETENTION POLICY {quoted(BOOKS)} ON {quoted(name)} DURATION INF REPLICATION 1")
    yield f"its retention policy {BOOKS!r}, which keeps inf"


def _buckets(data: Answers, kept: int) -> Iterator[str]:
    name = data.place.database
    wanted = {name: kept} | ({f"{name}_{BOOKS}": EVER} if kept else {})
    try:
        for bucket, duration in wanted.items():
            there = buckets.kept_by(data.link, bucket)
            if there is None:
                buckets.make(data.link, bucket, duration)
                yield f"bucket {bucket!r}, which keeps {told(duration)}"
            else:
                _compare(f"bucket {bucket!r}", there, duration)
    except buckets.NoBucketsError as error:
        raise StoreError(
            f"InfluxDB at {data.link.target.base} has no API for buckets; if it is 1.x, write "
            f"influxdb1+http(s):// in the URL, else make {', '.join(map(repr, wanted))} by its own means"
        ) from error


def _compare(what: str, there: int, wanted: int) -> None:
    if there != wanted:
        raise StoreError(
            f"{what} is there, but keeps {told(there)}, not {told(wanted)} as is asked; it was left as it is"
        )


def _duration(kept: int) -> str:
    return f"{kept // SECOND}s" if kept else "INF"
