"""When a record began and ended, to the nanosecond, and what was going on during it."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import TypeVar

from labmon_dagster import settings
from labmon_dagster.lookup import EARLIEST, LATEST, existing_records
from labmon_dagster.model import Window
from labmon_dagster.records.lab import LabRecords
from labmon_dagster.records.managers import M, Records
from labmon_dagster.records.models import START, STOP, Dated
from labmon_dagster.stores.documents.plain import EXACT, date_of

D = TypeVar("D", bound=Dated)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMED = 10


@contextmanager
def existing_lab(store: str = settings.DOCUMENTS) -> Iterator[LabRecords]:
    """The records in a store of documents, to look at: nothing is created.

    Raises NothingStoredError where there is no file yet, ValueError, StoreError.
    """
    with closing(existing_records(store)) as opened:
        yield LabRecords.of(opened)


def begins(record: Dated) -> int | None:
    """Give when a record began (UTC ns); None: it has not."""
    return _exact(record, START, record.start_date)


def ends(record: Dated) -> int | None:
    """Give when a record ended (UTC ns); None: it has not."""
    return _exact(record, STOP, record.stop_date)


def window_of(record: Dated, now: int | None = None) -> Window | None:
    """Give the instants of a record, the one it began and the one it ended at included; None: not begun.

    One that is running goes on until ``now`` (UTC ns). Other programs may have written the years 1 to 9999:
    what 64 bits cannot hold is the earliest or the latest instant that they can.
    """
    start, stop = begins(record), ends(record)
    if start is None:
        return None
    end = stop if stop is not None else max(start, time.time_ns() if now is None else now)
    return Window(_held(start), _held(end) + 1)


def run_window(name: str, store: str = settings.DOCUMENTS) -> Window:
    """Give the instants of a run of the lab (see `window_of`).

    Raises ValueError for a run that is not known, naming some that are, or that has not begun.
    """
    with existing_lab(store) as lab:
        run = known(lab.runs, name)
    window = window_of(run)
    if window is None:
        raise ValueError(f"run {name!r} has not begun yet: it has no {START}")
    return window


def known(records: Records[M], name: str) -> M:
    """Give a record. Raises ValueError that names some of those there are."""
    if records.store.find(records.collection, name) is not None:
        return records.get(name)
    there = [one.name for one in records.store.select(records.collection, ("name",))]
    near = list(dict.fromkeys([*get_close_matches(name, there, _NAMED), *there[::-1]]))[:_NAMED]
    more = f" and {len(there) - len(near)} more" if len(there) > len(near) else ""
    kind = records.model.kind
    raise ValueError(
        f"no {kind} {name!r} in {records.collection}; there are: {', '.join(near) or 'none'}{more}"
    )


def spanned(records: Iterable[D], now: int | None = None) -> list[tuple[Window, D]]:
    """Give the records that have begun with their instants, by when they began, then by name."""
    found = ((span, one) for one in records if (span := window_of(one, now)) is not None)
    return sorted(found, key=lambda pair: (pair[0].start, pair[1].name))


def during(window: Window | None, records: Sequence[tuple[Window, D]]) -> list[D]:
    """Give those of some `spanned` records that were going on at some instant of a window."""
    if window is None:
        return []
    begun = records[: bisect_left(records, window.end, key=lambda pair: pair[0].start)]
    return [one for span, one in begun if window.start < span.end]


def _held(ns: int) -> int:
    return min(max(ns, EARLIEST), LATEST)


def _exact(record: Dated, field: str, when: datetime | None) -> int | None:
    """Give an instant with the nanoseconds that stand beside it, where they belong to it."""
    if when is None:
        return None
    beside = (record.model_extra or {}).get(f"{field}{EXACT}")
    if isinstance(beside, int) and date_of(beside) == when:
        return beside
    return (when - _EPOCH) // timedelta(microseconds=1) * 1000
