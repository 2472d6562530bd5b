"""Readings as points: one per time and tags, its values the fields; `_read` says which read wrote it.

`_order` and `_place` are written only where they are not 0, to spare most points two more fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from labmon_dagster.model import DAY, ORDER, PLACE, TIME, FieldType, Measurement, Window
from labmon_dagster.model.window import UNITS
from labmon_dagster.stores.base import READ, WHY, Refusal, owned_by
from labmon_dagster.stores.columns import HIDDEN
from labmon_dagster.stores.influxdb.ahead import Ahead
from labmon_dagster.stores.influxdb.answers import Answers
from labmon_dagster.stores.influxdb.catalog import Catalog, kinds
from labmon_dagster.stores.influxdb.counting import ROWS, counted
from labmon_dagster.stores.influxdb.lines import Encoder, Lines, finite
from labmon_dagster.stores.influxdb.mending import Mending, overwritten, whole
from labmon_dagster.stores.influxdb.reads import Reads
from labmon_dagster.stores.influxdb.sender import Sender
from labmon_dagster.stores.influxdb.words import LATEST, complaint_about_tag, quoted, select, typed, where


@dataclass(frozen=True, slots=True)
class _UnderWay:
    measurement: str
    first: int
    last: int


class Points:
    """The measurements of one database."""

    def __init__(self, data: Answers, catalog: Catalog, mending: Mending, reads: Reads) -> None:
        self.data = data
        self._catalog = catalog
        self.mending = mending
        self.reads = reads
        self._precision = data.link.target.precision
        self._encoder = Encoder(self._precision)
        self.sender = Sender(data.link)
        self._ahead = Ahead()
        self._under_way: list[_UnderWay] = []
        self._refusals: list[Refusal] = []

    def measurements(self) -> list[str]:
        """Names of all measurements."""
        return self._catalog.measurements()

    def columns(self, measurement: str) -> tuple[tuple[str, ...], dict[str, FieldType]]:
        """Tags and fields (flags included) of a measurement, in the order they were added."""
        known = self._catalog.of(measurement).values()
        tags = tuple(column.name for column in known if column.is_tag)
        return tags, {column.name: column.type for column in known if not column.is_tag}

    def admit(self, measurement: Measurement, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Give rows without infinities, and apart from them those that cannot be points, with the reason."""
        why = pl.lit(None, dtype=pl.String)
        for tag in measurement.tags:
            bad = {text: said for text in rows[tag].unique() if (said := complaint_about_tag(text))}
            if bad:
                why = pl.coalesce(why, pl.col(tag).replace_strict(bad, default=None, return_dtype=pl.String))
        if self._precision != "ns":
            uneven = pl.col(TIME).cast(pl.Int64) % UNITS[self._precision] != 0
            said = f"its time is no whole number of {self._precision}, which this store is set to"
            why = pl.coalesce(why, pl.when(uneven).then(pl.lit(said)))
        judged = finite(rows).with_columns(why.alias(WHY))
        return judged.filter(pl.col(WHY).is_null()).drop(WHY), judged.filter(pl.col(WHY).is_not_null())

    def fetch(self, measurement: str, window: Window, tags: Mapping[str, str] | None = None) -> pl.DataFrame:
        """Give the rows of a window by time, then tags, with flags and hidden columns."""
        known = self._catalog.of(measurement)
        names, fields = kinds(known)
        fields |= dict.fromkeys(HIDDEN, pl.Int64())
        wanted = {tag: text for tag, text in (tags or {}).items() if tag in known or text}
        rows = pl.DataFrame(schema={TIME: pl.Int64(), **dict.fromkeys(names, pl.String()), **fields})
        there = known and all(tag in names for tag in wanted)
        if there and not self._ahead.is_empty(measurement, wanted, window):
            rows = self._selected(measurement, window, wanted, names, fields)
        whole = rows.sort(TIME, *names).with_columns(pl.col(name).fill_null(0) for name in HIDDEN)
        return self.reads.distrusted(whole).with_columns(pl.col(TIME).cast(pl.Datetime("ns", "UTC")))

    def _selected(
        self,
        measurement: str,
        window: Window,
        wanted: Mapping[str, str],
        tags: Sequence[str],
        fields: Mapping[str, pl.DataType],
    ) -> pl.DataFrame:
        self._wait_for(measurement, window)
        rows = self._rows(measurement, where(window, wanted), tags, fields)
        if rows.is_empty() and window.start < window.end:
            self.settle_all()
            later = where(Window(window.start, LATEST), wanted)
            beyond = f"{select('*', measurement, later, ())} LIMIT 1"
            self._ahead.empty(measurement, wanted, window, lambda: self._first(beyond))
        return rows

    def _rows(
        self, measurement: str, condition: str, tags: Sequence[str], fields: Mapping[str, pl.DataType]
    ) -> pl.DataFrame:
        return self.data.frame(select(typed(fields), measurement, condition, tags), tags, fields)

    def _first(self, query: str) -> int:
        """Give the time of the one row a query gives; the latest there can be if it gives none."""
        (found,) = self.data.ask(query)
        return next((int(row[0]) for series in found for row in series.rows()), LATEST)

    def write(self, measurement: Measurement, rows: pl.DataFrame, held: pl.DataFrame | None = None) -> None:
        """Hand rows to the senders; `settle` says what became of them. Columns not given stay as they are.

        ``held``: what `fetch` gave around them; without it they are fetched. A point that loses a value is
        removed and written anew, since InfluxDB cannot clear a field.
        """
        columns = self._catalog.ensure(measurement, rows)
        names, _ = kinds(columns)
        absent = [pl.lit("").alias(tag) for tag in names if tag not in rows.columns]
        frame = finite(rows).with_columns(absent)
        if frame.is_empty():
            return
        self.reads.wrote()
        if held is None:
            held = self.fetch(measurement.name, Window.spanning(frame[TIME]))
        new, over, cleared = overwritten(frame, held, names)
        if not cleared.is_empty():
            self._mend(measurement.name, names, held, cleared)
        sparing = new.with_columns(pl.when(pl.col(n) != 0).then(pl.col(n)).alias(n) for n in _hidden(new))
        for part in (sparing, over):
            if not part.is_empty():
                self._send(measurement.name, names, part)

    def _mend(self, measurement: str, tags: Sequence[str], held: pl.DataFrame, rows: pl.DataFrame) -> None:
        """Write rows first as if they took no value away: those refused leave their points as they are."""
        self.settle_all()
        self.mending.refuse_copies(measurement)
        full = whole(rows, held, tags)
        refused = self._send(measurement, tags, full, rows)
        self.settle_all()
        taken = full.with_row_index("_number").filter(~pl.col("_number").is_in(refused)).drop("_number")
        if not taken.is_empty():
            self.mending.mend(measurement, tags, held, taken)

    def _send(
        self, measurement: str, tags: Sequence[str], rows: pl.DataFrame, told: pl.DataFrame | None = None
    ) -> list[int]:
        """Hand rows over; the list given has the numbers of those refused, once they are settled.

        ``told``: the rows as they are told of where they are refused.
        """
        given = rows if told is None else told
        gone: list[int] = []
        span = Window.spanning(rows[TIME])
        self._under_way.append(_UnderWay(measurement, span.start, span.end))
        self._ahead.wrote(measurement, span)

        def refused(numbers: list[int], why: str) -> None:
            lost = given[numbers].with_columns(pl.col(name).fill_null(0) for name in _hidden(given))
            self._refusals.append(Refusal(measurement, lost, why))
            gone.extend(numbers)

        lines: Lines = self._encoder.encode(measurement, tags, rows)
        self.sender.send(lines, self.data.place, self._precision, refused)
        return gone

    def settle(self) -> list[Refusal]:
        """Wait until all that was written is acknowledged; give the rows the server refused since."""
        self.settle_all()
        refusals, self._refusals = self._refusals, []
        return refusals

    def forget(self) -> None:
        """Let go of what an earlier, failed read left: lines under way, refusals, empty stretches."""
        self.sender.close()
        self._under_way.clear()
        self._refusals.clear()
        self._ahead.forget()

    def settle_all(self) -> None:
        """Wait until all that was written is acknowledged. Raises StoreError where it is not."""
        self.sender.settle()
        self._under_way.clear()

    def _wait_for(self, measurement: str, window: Window) -> None:
        """Wait for what is under way to where one is about to look."""
        for one in self._under_way:
            if one.measurement == measurement and one.first < window.end and window.start < one.last:
                self.settle_all()
                return

    def delete(self, owner: int, window: Window) -> None:
        """Remove the rows an asset wrote in a window, in every measurement."""
        self.settle_all()
        for measurement in self.measurements():
            self._remove(measurement, window, owned_by(owner))

    def _remove(self, measurement: str, window: Window, which: pl.Expr) -> None:
        tags, fields = kinds(self._catalog.of(measurement))
        own = {READ: pl.Int64(), ORDER: pl.Int64()}
        rows = self._rows(measurement, where(window, {}), tags, {**fields, **own})
        self.mending.remove(measurement, tags, rows, which.fill_null(False))

    def count_received(self, window: Window, owner: int, day: int) -> int:
        """Count an asset's rows with the ``_order`` ``day`` whose time is in a window."""
        self.settle_all()
        counts = (self._received(name, window, owner, day)[ROWS].sum() for name in self.measurements())
        return sum(map(int, counts))

    def _received(self, measurement: str, window: Window, owner: int, order: int) -> pl.DataFrame:
        """Count the rows of an asset with an ``_order`` by the days of their time."""
        narrowed = f"{where(window, {})} AND {quoted(ORDER)} = {order}"
        return counted(self.data, measurement, narrowed, DAY, (), owner)

    def delete_received(self, owner: int, window: Window, day: int) -> None:
        """Remove an asset's rows with the ``_order`` ``day`` whose time is in a window."""
        self.settle_all()
        for measurement in self.measurements():
            for start in self._received(measurement, window, owner, day)[TIME].cast(pl.Int64):
                first = start - DAY if start <= 0 else start  # InfluxDB divides towards zero
                part = Window(max(first, window.start), min(start + DAY, window.end))
                self._remove(measurement, part, owned_by(owner) & (pl.col(ORDER) == day))

    def count(
        self, measurement: str, window: Window, bucket: int, owner: int | None = None
    ) -> dict[int, int]:
        """Rows per bucket of ``bucket`` ns, of one owner or of all."""
        found = self.count_series(measurement, window, bucket, (), owner)
        return dict(found.select(pl.col(TIME).cast(pl.Int64), ROWS).iter_rows())

    def count_series(
        self, measurement: str, window: Window, bucket: int, tags: Sequence[str], owner: int | None = None
    ) -> pl.DataFrame:
        """Rows per bucket of ``bucket`` ns and series, of one owner or of all."""
        self._wait_for(measurement, window)
        return counted(self.data, measurement, where(window, {}), bucket, tags, owner)


def _hidden(rows: pl.DataFrame) -> list[str]:
    return [name for name in (ORDER, PLACE) if name in rows.columns]
