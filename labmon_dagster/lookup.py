"""Looking into the store without changing or creating anything: what is there, and portions of it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from labmon_dagster import settings
from labmon_dagster.model import DAY, SECOND, TIME, FieldType, Window
from labmon_dagster.quality import FLAG_SUFFIX, Flag, nanoseconds
from labmon_dagster.stores import DocumentStore, InfluxStore, ReadingStore, SqliteStore
from labmon_dagster.stores.documents.sqlite import SqliteDocuments
from labmon_dagster.stores.influxdb.create import look
from labmon_dagster.stores.records import RecordStore, SqliteRecords

EARLIEST, LATEST = -(2**63) + DAY, 2**63 - 1 - DAY
CHUNK = 100_000
_BUCKETS = (DAY, 3600 * SECOND, 60 * SECOND, SECOND)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMS = "write 2021-06-25, 2021-06-25T15:50:05.5Z or, relative to now, -6h or -2d"
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII
)


class NothingStoredError(ValueError):
    """There is no file yet."""


def existing_store(name: str = settings.TIMESERIES) -> ReadingStore:
    """Open a store of readings to look into it: that creates nothing.

    Raises NothingStoredError where there is no file yet, StoreError for an InfluxDB that is away or has no
    such database.
    """
    store = settings.open_store(name)
    if isinstance(store, SqliteStore):
        _check_there(store.database.path, name)
    if isinstance(store, InfluxStore):
        look(store.link.target)
    return store


def existing_documents(name: str = settings.DOCUMENTS) -> DocumentStore:
    """Open a store of documents to look into it: that creates nothing.

    Raises NothingStoredError where there is no file yet, StoreError for a MongoDB that is away.
    """
    store = settings.open_documents(name)
    if isinstance(store, SqliteDocuments):
        _check_there(store.database.path, name)
    store.clock()
    return store


def existing_records(name: str = settings.DOCUMENTS) -> RecordStore:
    """Open the records in a store of documents to look at them: that creates nothing.

    Raises NothingStoredError where there is no file yet.
    """
    store = settings.open_records(name)
    if isinstance(store, SqliteRecords):
        _check_there(store.database.path, name)
    return store


def existing_any(key: settings.StoreKey) -> ReadingStore | DocumentStore:
    """Open a store of either kind to look into it. Raises as `existing_store` and `existing_documents` do."""
    return existing_documents(key.name) if key.documents else existing_store(key.name)


def _check_there(path: Path, name: str) -> None:
    if not path.is_file():
        raise NothingStoredError(
            f"nothing is stored yet: there is no file {path} "
            f"({settings.HOME} or {settings.url_variable(name)} say where it is)"
        )


def columns_of(store: ReadingStore, measurement: str) -> tuple[tuple[str, ...], dict[str, FieldType]]:
    """Tags and fields of a measurement. Raises ValueError that names the measurements there are."""
    check_known("measurement", [measurement], store.measurements())
    return store.columns(measurement)


def check_known(kind: str, asked: Iterable[str], there: Iterable[str]) -> None:
    """Raise ValueError, naming what there is, if something of what is asked is not there."""
    names = sorted(there)
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise ValueError(
            f"no {kind} {', '.join(map(repr, unknown))}; there are: {', '.join(names) or 'none'}"
        )


def instant(text: str, now: int | None = None) -> int:
    """Understand an instant (UTC ns): a day, an RFC 3339 time (UTC if it says no zone), or -6h.

    Instants that 64 bits cannot hold become the earliest or latest they can. Raises ValueError.
    """
    given = text.strip()
    if given.startswith("-"):
        return (time.time_ns() if now is None else now) - nanoseconds(given[1:])
    match = _INSTANT.fullmatch(given)
    if match is None:
        raise ValueError(f"{text!r} is no time; {_FORMS}")
    day, minutes, seconds, fraction, zone = match.groups()
    offset = "+00:00" if zone in {None, "Z", "z"} else zone
    try:
        moment = datetime.fromisoformat(f"{day}T{minutes or '00:00'}:{seconds or '00'}{offset}")
    except ValueError as error:
        raise ValueError(f"{text!r} is no time ({error}); {_FORMS}") from error
    passed = moment - _EPOCH
    ns = (passed.days * 86_400 + passed.seconds) * SECOND + int((fraction or "0").ljust(9, "0"))
    return min(max(ns, EARLIEST), LATEST)


def chunks(store: ReadingStore, measurement: str, window: Window, limit: int = CHUNK) -> Iterator[Window]:
    """Give the parts of a window that have rows, in order, each with about ``limit`` rows at most."""
    return _parts(store, measurement, window, limit, _BUCKETS)


def good_values(
    store: ReadingStore, measurement: str, field: str, window: Window, tags: Mapping[str, str]
) -> pl.DataFrame:
    """Give the finite numbers of a field by time (columns ``time`` and ``field``), not those flagged fail.

    There are none where the measurement or field is not there yet.
    """
    flag = f"{field}{FLAG_SUFFIX}"
    found = [pl.DataFrame(schema={TIME: pl.Datetime("ns", "UTC"), field: pl.Float64()})]
    _, fields = store.columns(measurement)
    if field in fields:
        found += [
            _good(store.fetch(measurement, part, tags), field, flag)
            for part in chunks(store, measurement, window)
        ]
    return pl.concat(found)


def _good(rows: pl.DataFrame, field: str, flag: str) -> pl.DataFrame:
    good = pl.col(field).is_finite()
    if flag in rows.columns:
        good &= pl.col(flag).ne_missing(Flag.FAIL.value)
    return rows.filter(good).select(TIME, pl.col(field).cast(pl.Float64()))


def _parts(
    store: ReadingStore, measurement: str, window: Window, limit: int, buckets: tuple[int, ...]
) -> Iterator[Window]:
    size, *finer = buckets
    behind = window.start
    for start, rows in sorted(store.count(measurement, window, size).items()):
        # Databases divide towards zero: buckets up to 1970 may begin one length earlier.
        first = start - size if start <= 0 else start
        part = Window(max(behind, first), min(start + size, window.end))
        behind = part.end
        if rows > limit and finer:
            yield from _parts(store, measurement, part, limit, tuple(finer))
        elif part.start < part.end:
            yield part
