"""The temperature during a stream, out of the readings of a thermometer, and which streams want one.

Mean and standard deviation are of the readings from a stream's start to its stop, both included. Left out
are those that are flagged fail, and what is no finite number. All readings there are make up the stream: the
deviation is that of the population (divided by n, not n - 1), and 0 for a single reading.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from time import monotonic

import polars as pl

from labmon_dagster.lookup import good_values
from labmon_dagster.model import DAY, Window
from labmon_dagster.records.models import Stream, Temperature
from labmon_dagster.records.spans import window_of
from labmon_dagster.stores import LedgerRow, ReadingStore

Ledger = Mapping[date, LedgerRow]
UNIT = "K"


@dataclass(frozen=True, slots=True)
class Thermometer:
    """Where a temperature (K) is read: a field of a measurement, of the series with some tags.

    ``asset`` is the key of the asset that stores its readings; the ledger says how far it has come.
    """

    asset: str
    measurement: str
    field: str
    tags: Mapping[str, str]

    def values(self, store: ReadingStore, window: Window) -> pl.DataFrame:
        """Give the good readings of a window: ``time`` and `field`."""
        return good_values(store, self.measurement, self.field, window, self.tags)

    def rows(self, store: ReadingStore, window: Window) -> int:
        """Count the rows of a window, good or not."""
        names = sorted(self.tags)
        counted = store.count_series(self.measurement, window, DAY, names)
        wanted = [pl.col(name) == self.tags[name] for name in names]
        return int(counted.filter(*wanted)["rows"].sum())

    def signature(self, ledger: Ledger, window: Window) -> str:
        """Give a text that changes with the window, the thermometer, and all that is read of these days."""
        days = [ledger[day] for day in window.days if day in ledger]
        known = [(str(row.day), row.written, row.in_store, row.version, row.proven) for row in days]
        said = repr((self.asset, self.measurement, self.field, sorted(self.tags.items()), window, known))
        return hashlib.blake2b(said.encode(errors="backslashreplace"), digest_size=8).hexdigest()

    def measured(self, store: ReadingStore, ledger: Ledger, window: Window) -> Temperature | None:
        """Give the temperature of a window; None where there is no good reading.

        ``ledger`` was read before: rows that came since are found by the next look.
        """
        rows = self.rows(store, window)
        found = self.values(store, window)[self.field]
        if found.is_empty():
            return None
        return Temperature.model_validate(
            {
                **mean_and_std(found),
                "readings": len(found),
                "unit": UNIT,
                "asset": self.asset,
                "rows": rows,
                "ledger": self.signature(ledger, window),
            }
        )


def mean_and_std(values: pl.Series) -> dict[str, float]:
    """Give mean and standard deviation (of the population) of some numbers; there is at least one."""
    mean, std = values.mean(), values.std(ddof=0)
    assert isinstance(mean, float) and isinstance(std, float)
    return {"mean": mean, "std": std}


@dataclass(slots=True)
class Wanting:
    """Streams by what they want: ``due`` a temperature, ``bare`` of readings, not looked at for want of time.

    ``foreign``: another program gave them one, which stays.
    """

    due: list[Stream] = field(default_factory=list)
    bare: list[Stream] = field(default_factory=list)
    foreign: list[Stream] = field(default_factory=list)
    left: int = 0


class Watch:
    """Looks for streams that want a temperature, and remembers where there is nothing to do.

    A stream costs nothing while the ledger says the same of its days. Where it says something else, the
    rows are counted; once all days are proven, the temperature is made once more, for good.
    """

    def __init__(self, thermometer: Thermometer, since: int) -> None:
        self.thermometer = thermometer
        self.since = since
        self._settled: dict[str, str] = {}

    def look(
        self,
        streams: Iterable[Stream],
        ledger: Ledger,
        store: ReadingStore,
        patience: float | None = None,
    ) -> Wanting:
        """Sort the streams that ended after ``since`` (ns).

        With ``patience`` (s) it only looks whether there is anything to do: it ends at the first stream that
        is due, and counts no longer than that.
        """
        found = Wanting()
        deadline = monotonic() + (float("inf") if patience is None else patience)
        for stream in streams:
            window = window_of(stream) if stream.stop_date is not None else None
            if window is not None and window.end > self.since:
                self._sort(stream, window, ledger, store, found, deadline)
            if found.due and patience is not None:
                break
        return found

    def _sort(
        self,
        stream: Stream,
        window: Window,
        ledger: Ledger,
        store: ReadingStore,
        found: Wanting,
        deadline: float,
    ) -> None:
        signature = self.thermometer.signature(ledger, window)
        if stream.temperature is not None and _kept(stream, "ledger") is None:
            found.foreign.append(stream)
        elif _kept(stream, "ledger") == signature or self._settled.get(stream.name) == signature:
            if stream.temperature is None:
                found.bare.append(stream)
        elif stream.temperature is None and not _any_rows(ledger, window):
            found.bare.append(stream)
        elif stream.temperature is not None and is_final(ledger, window):
            found.due.append(stream)
        elif monotonic() > deadline:
            found.left += 1
        elif self._changed(stream, window, store):
            found.due.append(stream)
        else:
            self._settled[stream.name] = signature
            if stream.temperature is None:
                found.bare.append(stream)

    def _changed(self, stream: Stream, window: Window, store: ReadingStore) -> bool:
        if stream.temperature is None:
            return not self.thermometer.values(store, window).is_empty()
        return _kept(stream, "rows") != self.thermometer.rows(store, window)


def _kept(stream: Stream, name: str) -> object:
    """Give what was noted with a temperature."""
    told = stream.temperature
    return None if told is None else (told.model_extra or {}).get(name)


def _any_rows(ledger: Ledger, window: Window) -> bool:
    return any(ledger[day].in_store for day in window.days if day in ledger)


def is_final(ledger: Ledger, window: Window) -> bool:
    """Whether all days of a window are proven."""
    return all(day in ledger and ledger[day].proven for day in window.days)
