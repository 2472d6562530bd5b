"""Rows of some days on their way into bins: sorted by day as they come, on disk once they are many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa

from labmon_dagster.binning.frames import bin_readings
from labmon_dagster.binning.pieces import Grid
from labmon_dagster.model import DAY, ORDER, PLACE, TIME, Batch, Field, FieldType, Measurement

IN_MEMORY = 64 << 20
_AT_ONCE = 50_000
_DAY = "_day"


def averaged(fields: Collection[Field]) -> tuple[Field, ...]:
    """Give the fields that have a mean, as fields of bins."""
    numbers = [one for one in fields if one.type in {FieldType.FLOAT, FieldType.INTEGER}]
    return tuple(replace(one, type=FieldType.FLOAT) for one in numbers)


class Gathered:
    """The rows of one measurement, by UTC day. ``folder`` takes what is more than ``limit`` bytes."""

    def __init__(self, folder: Path, grid: Grid, limit: int = IN_MEMORY) -> None:
        self.left_out: set[str] = set()
        self.infinite = 0
        self._folder, self._grid, self._limit = folder, grid, limit
        self._shapes: dict[str, Measurement] = {}
        self._parts: defaultdict[int, list[pl.DataFrame]] = defaultdict(list)
        self._files: defaultdict[int, list[Path]] = defaultdict(list)
        self._size = 0

    def add(self, batch: Batch, days: Collection[int]) -> None:
        """Keep the rows of some days, counted since 1970. Raises ValueError for a second measurement."""
        shape = self._widened(batch.measurement)
        rows = pl.DataFrame(batch.rows)
        number = (rows[TIME].cast(pl.Int64) // DAY).alias(_DAY)
        known = {TIME, *batch.measurement.tags, *(one.name for one in shape.fields), ORDER, PLACE}
        floats = [one.name for one in shape.fields if one.name in rows.columns]
        kept = rows.with_columns(number, pl.col(floats).cast(pl.Float64)).filter(number.is_in(list(days)))
        for (day,), part in kept.group_by(_DAY, maintain_order=True):
            found = part.select(name for name in rows.columns if name in known)
            self._parts[int(str(day))].append(found)
            self._size += int(found.estimated_size())
        if self._size > self._limit:
            self._put_aside()

    @property
    def days(self) -> list[int]:
        """The days of which there are rows, in order."""
        return sorted({*self._parts, *self._files})

    def bins(self, day: int, now: int) -> Iterator[tuple[Measurement, pa.RecordBatch]]:
        """Give the bins of a day, some at a time, and forget its rows. ``now``: UTC ns.

        The last bin of a series is ended by midnight; as long as the day lasts, it is withheld.
        """
        (shape,) = self._shapes.values()
        over = (day + 1) * DAY
        means = bin_readings(
            self._taken(day, shape),
            shape.tags,
            self._grid.interval,
            longest=self._grid.longest,
            until=over if over <= now else None,
            order=(ORDER, PLACE, *shape.ranked_by),
        )
        self.infinite += means.infinite
        # All from one place of the source: a bin that has changed is a correction and not a rival.
        rows = means.rows.with_columns(pl.lit(0, pl.Int64).alias(name) for name in (ORDER, PLACE))
        whole = Measurement(shape.name, shape.tags, shape.fields)
        for some in rows.iter_slices(_AT_ONCE):
            yield whole, some.select(whole.schema.names).to_arrow().cast(whole.schema).to_batches()[0]

    def _widened(self, shape: Measurement) -> Measurement:
        """Take in tags and fields that were not met before."""
        known = self._shapes.get(shape.name, Measurement(shape.name, ranked_by=shape.ranked_by))
        fields = averaged(shape.fields)
        self.left_out |= {one.name for one in shape.fields} - {one.name for one in fields}
        whole = replace(
            known,
            tags=tuple(dict.fromkeys((*known.tags, *shape.tags))),
            fields=tuple({one.name: one for one in (*known.fields, *fields)}.values()),
        )
        self._shapes[shape.name] = whole
        if len(self._shapes) > 1:
            raise ValueError(f"bins are made of one measurement, not of {', '.join(sorted(self._shapes))}")
        return replace(whole, fields=fields)

    def _taken(self, day: int, shape: Measurement) -> pl.DataFrame:
        files = self._files.pop(day, [])
        parts = [pl.read_ipc(path) for path in files] + self._parts.pop(day, [])
        for path in files:
            path.unlink()
        rows = pl.concat(parts, how="diagonal")
        absent: Sequence[str] = [one.name for one in shape.fields if one.name not in rows.columns]
        return rows.with_columns(
            *(pl.lit(None, pl.Float64).alias(name) for name in absent),
            *(
                pl.col(tag).fill_null("") if tag in rows.columns else pl.lit("").alias(tag)
                for tag in shape.tags
            ),
        )

    def _put_aside(self) -> None:
        for day, parts in self._parts.items():
            path = self._folder / f"{day}.{len(self._files[day])}"
            pl.concat(parts, how="diagonal").write_ipc(path, compression="lz4")
            self._files[day].append(path)
        self._parts.clear()
        self._size = 0
