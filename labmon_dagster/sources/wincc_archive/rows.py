"""From the rows of an archive to rows of the measurement, and what cannot become one."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date

import polars as pl
import pyarrow as pa

from labmon_dagster.model import ORDER, PLACE, Measurement, Reject
from labmon_dagster.model import TIME as STAMP
from labmon_dagster.model.stamps import Trust
from labmon_dagster.model.window import day_of
from labmon_dagster.sources.wincc_archive.datapoints import Datapoints
from labmon_dagster.sources.wincc_archive.spec import ArchiveSpec, Table
from labmon_dagster.sources.wincc_archive.statements import DPID, DPNAME, READING, TIME
from labmon_dagster.sources.wincc_archive.statements import ORDER as ORDER_KEY
from labmon_dagster.sources.wincc_archive.times import instants

_EXACT = 1 << 53


@dataclass(frozen=True, slots=True)
class Rows:
    """Makes rows of one table. ``day``: what pieces without a time are filed under, a day that is read."""

    spec: ArchiveSpec
    table: Table
    datapoints: Datapoints
    trust: Trust
    day: date

    @property
    def nothing(self) -> pa.RecordBatch:
        """No rows at all."""
        return pa.RecordBatch.from_pylist([], schema=self.spec.shape.schema)

    def made(self, frame: pl.DataFrame) -> tuple[pa.RecordBatch, tuple[Reject, ...]]:
        """Give the rows of datapoints that are read, and the pieces that cannot be readings."""
        frame = frame.with_columns(pl.col(DPID).cast(pl.Int64, strict=False))
        self.datapoints.check_known(frame[DPID])
        found = frame.join(self.datapoints.series, on=DPID, how="inner", maintain_order="left")
        order = found[ORDER_KEY if ORDER_KEY in found.columns else ORDER]
        judged = found.with_columns(
            instants(found[TIME]).alias(STAMP),
            found[READING].cast(pl.Float64, strict=False).alias(self.spec.field.name),
            _whole(order).alias(ORDER),
            pl.lit(0, dtype=pl.Int64).alias(PLACE),
        )
        wrong = self._wrong(judged)
        judged = judged.with_columns(pl.col(ORDER).fill_null(0))
        if not wrong.any():
            return _batch(judged, self.spec.shape), ()
        return _batch(judged.filter(~wrong), self.spec.shape), tuple(self._rejects(judged.filter(wrong)))

    def _wrong(self, judged: pl.DataFrame) -> pl.Series:
        believed = pl.Series(self.trust.mask(judged[STAMP].cast(pl.Int64)))
        no_number = ~judged[self.spec.field.name].is_finite().fill_null(False) & judged[READING].is_not_null()
        return ~believed | no_number | (judged[ORDER].is_null() & judged[READING].is_not_null())

    def _rejects(self, wrong: pl.DataFrame) -> list[Reject]:
        times, values = wrong[STAMP].cast(pl.Int64), wrong[self.spec.field.name]
        shown = wrong.with_columns(pl.col(TIME).cast(pl.String)).select(DPID, DPNAME, *self._columns(wrong))
        return [
            Reject(
                self._complaint(row, time, value),
                json.dumps({name: _plain(cell) for name, cell in row.items()}),
                f"{self.spec.stream(self.table)} DPID {row[DPID]} at {row[TIME]}",
                _day_of(time, self.day),
                context=self.table.name,
            )
            for row, time, value in zip(shown.iter_rows(named=True), times, values, strict=True)
        ]

    def _columns(self, frame: pl.DataFrame) -> list[str]:
        return [name for name in (TIME, READING, ORDER_KEY) if name in frame.columns]

    def _complaint(self, row: dict[str, object], time: int | None, value: float | None) -> str:
        if time is None:
            return f"CHANGE_DATE {row[TIME]!r} is no time; it is written 2025-07-04 10:24:10.092000"
        if said := self.trust.complaint(time):
            return said
        if value is None or not math.isfinite(value):
            return f"{self.table.value} {row[READING]!r} is no number"
        return f"{self.table.order_by} {row[ORDER_KEY]!r} is no whole number"


def _day_of(time: int | None, otherwise: date) -> date:
    return otherwise if time is None else day_of(time)


def _plain(value: object) -> object:
    """Write a number in one form, whatever the frame had it as: of its text a piece is known again."""
    if not isinstance(value, int | float | str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    if number.is_integer() and abs(number) < _EXACT:
        return int(number)
    return number if str(number) == str(value) else value


def _whole(order: pl.Series) -> pl.Series:
    """Give whole numbers as integers, and null for anything else."""
    found = order.cast(pl.Int64, strict=False)
    fits = found.cast(pl.Float64) == order.cast(pl.Float64, strict=False)
    return found.set(~fits.fill_null(False), None) if order.dtype.is_float() else found


def _batch(rows: pl.DataFrame, measurement: Measurement) -> pa.RecordBatch:
    schema = measurement.schema
    table = rows.select(schema.names).to_arrow().cast(schema).combine_chunks()
    batches = table.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=schema)
