"""Points into a store, each in its place by measurement, tags and time: doing it again changes nothing.

As in InfluxDB, a field that a point does not have stays as it is, and of points of one identity the last
one's values count.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import polars as pl

from labmon_dagster.landing.pieces import Pieces
from labmon_dagster.lookup import EARLIEST, LATEST
from labmon_dagster.model import ORDER, PLACE, TIME, Measurement, Reject, Window
from labmon_dagster.model.points import BadLine, Points
from labmon_dagster.model.window import day_of
from labmon_dagster.replay.fitting import Fitter, merged, unused
from labmon_dagster.stores import InfluxStore, ReadingStore
from labmon_dagster.stores.base import WHY

_UNDER_WAY = 8  # more frames than a store ever has under way at once
_ABSENT = "absent "
_NO_TIME = "no time: what is stored has one"
_FAR = "the time lies in the first or last day of those that 64 bits of ns can tell; no store keeps these"


class RefusedError(ValueError):
    """The first line that cannot be loaded, where none may be skipped."""


@dataclass(slots=True)
class Loaded:
    """What became of the points so far: rows written, refused (and why), measurements."""

    points: int = 0
    refused: int = 0
    measurements: set[str] = field(default_factory=set)
    reasons: dict[str, int] = field(default_factory=dict)

    def refuse(self, reason: str, rows: int = 1) -> None:
        """Count what was refused."""
        self.refused += rows
        self.reasons[reason] = self.reasons.get(reason, 0) + rows


@dataclass(frozen=True, slots=True)
class _Sent:
    """A frame that may still be under way: its span, and a hash of the identity of each row."""

    window: Window
    seen: pl.Series

    def meets(self, other: _Sent) -> bool:
        """Whether both hold points of one identity (or, very seldom, only seem to)."""
        apart = self.window.end <= other.window.start or other.window.end <= self.window.start
        return not apart and bool(self.seen.is_in(other.seen.implode()).any())


class Loader:
    """Loads the points of one file into a store.

    ``asset`` is the name its refused lines have in quarantine. With ``skip``, what cannot be loaded goes
    there; without, the first such line raises RefusedError. What the store refuses only when it is
    settled goes there in any case.
    """

    def __init__(self, store: ReadingStore, asset: str, loaded: Loaded, *, skip: bool) -> None:
        self.store = store
        self.loaded = loaded
        self.skip = skip
        self._pieces = Pieces(asset, "", "", time.time_ns())
        self._day: date = datetime.now(UTC).date()
        self._fitters: dict[Measurement, Fitter] = {}
        self._sent: deque[_Sent] = deque(maxlen=_UNDER_WAY)

    def take(self, found: Points | BadLine) -> None:
        """Load points; the store may still be writing them when this returns.

        Raises RefusedError, and StoreError where the store is away.
        """
        if isinstance(found, BadLine):
            self._refuse_line(found)
            return
        timed = found.rows[TIME].to_physical().is_between(EARLIEST, LATEST, closed="left").fill_null(False)
        for line in _timeless(found.measurement, found.rows.filter(~timed)):
            self._refuse_line(line)
        rows = found.rows.filter(timed)
        if rows.is_empty():
            return
        fitter = self._fitter(found.measurement)
        rows, unfit = fitter.fitted(rows, found.measurement.tags, self.store)
        self._refuse_rows(found.measurement, unfit)
        if not rows.is_empty():
            self._write(fitter.measurement, rows)

    def settle(self) -> None:
        """Wait until all points are safe; what the store refuses goes to quarantine."""
        for refusal in self.store.settle():
            zero = pl.lit(0, dtype=pl.Int64())
            rows = refusal.rows.with_columns(
                pl.lit(refusal.reason).alias(WHY), zero.alias(ORDER), zero.alias(PLACE)
            )
            tags, fields = self.store.columns(refusal.measurement)
            there = [name for name in fields if name in rows.columns]
            self.store.quarantine(self._pieces.unfit(rows, refusal.measurement, tags, there))
            self.loaded.points -= rows.height
            self.loaded.refuse(refusal.reason, rows.height)
        self._sent.clear()

    def _fitter(self, measurement: Measurement) -> Fitter:
        """Give how rows of this shape fit into the store."""
        fitter = self._fitters.get(measurement)
        if fitter is None:
            fitter = self._fitters[measurement] = Fitter.of(measurement, self.store)
        return fitter

    def _write(self, measurement: Measurement, rows: pl.DataFrame) -> None:
        # Order, place and read are those of a source: a row that some read stored keeps its own.
        seen = rows.select(TIME, *measurement.tags).hash_rows()
        rows = merged(rows.drop(ORDER, PLACE), measurement.tags, seen)
        sent = _Sent(Window.spanning(rows[TIME]), seen)
        if any(sent.meets(other) for other in self._sent):
            self.settle()
        self._sent.append(sent)
        for part in self._parts(measurement, rows):
            self.store.write(measurement, part, held=part.clear())
        self.loaded.points += rows.height
        self.loaded.measurements.add(measurement.name)
        self._day = day_of(sent.window.end - 1)

    def _parts(self, measurement: Measurement, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Give the rows without the columns they have no value in, where nulls would clear what is there."""
        sparse = [field.name for field in measurement.fields if rows[field.name].null_count()]
        if not sparse or isinstance(self.store, InfluxStore):
            yield rows
            return
        mark = unused(_ABSENT, rows)
        absent = [rows[name].is_null().alias(f"{mark}{name}") for name in sparse]
        names = [one.name for one in absent]
        for part in rows.with_columns(absent).partition_by(names, maintain_order=True, include_key=False):
            yield part.drop(name for name in sparse if part[name].null_count())

    def _refuse_line(self, line: BadLine) -> None:
        if not self.skip:
            raise RefusedError(str(line))
        place = f"{self._pieces.asset}:{line.line}"
        self.store.quarantine(self._pieces.unreadable([Reject(str(line), line.raw, place, self._day)]))
        self.loaded.refuse(line.reason)

    def _refuse_rows(self, measurement: Measurement, rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        if not self.skip:
            raise RefusedError(f"line {rows[PLACE][0]}: {rows[WHY][0]}")
        fields = [field.name for field in measurement.fields]
        self.store.quarantine(self._pieces.unfit(rows, measurement.name, measurement.tags, fields))
        for reason, count in rows[WHY].value_counts().iter_rows():
            self.loaded.refuse(reason, count)


def _timeless(measurement: Measurement, rows: pl.DataFrame) -> Iterator[BadLine]:
    """Give rows without a time that is kept as lines; their text is that of their values."""
    names = [TIME, *measurement.tags, *(field.name for field in measurement.fields)]
    for row in rows.with_columns(rows[TIME].to_physical()).iter_rows(named=True):
        raw = json.dumps({"measurement": measurement.name} | {n: row[n] for n in names if row[n] is not None})
        yield BadLine(row[PLACE], 0, _NO_TIME if row[TIME] is None else _FAR, raw)
