"""Readings in SQLite: one wide table per measurement, keyed by time and tags, readable by any SQL tool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Any

import polars as pl

from labmon_dagster.model import ORDER, TIME, FieldType, Measurement, Window
from labmon_dagster.stores.base import WHY, StoreError
from labmon_dagster.stores.columns import HIDDEN
from labmon_dagster.stores.sqlite.columns import Columns
from labmon_dagster.stores.sqlite.database import OWNED, Database, quoted, start_of

_FETCHED, _WRITTEN = 2048, 4096
_RECEIVED = f"WHERE {TIME} >= ? AND {TIME} < ? AND {OWNED} AND {ORDER} = ?"


class Tables:
    """The measurement tables of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._columns = Columns(database)

    def measurements(self) -> list[str]:
        """Names of all measurements."""
        return self._columns.measurements()

    def columns(self, measurement: str) -> tuple[tuple[str, ...], dict[str, FieldType]]:
        """Tags and fields (flags included) of a measurement, in the order they were added."""
        known = self._columns.of(measurement).values()
        tags = tuple(column.name for column in known if column.is_tag)
        return tags, {column.name: column.type for column in known if not column.is_tag}

    def fetch(self, measurement: str, window: Window, tags: Mapping[str, str] | None = None) -> pl.DataFrame:
        """Give the rows of a window by time, then tags, with flags and hidden columns."""
        known = self._columns.of(measurement)
        wanted = {tag: text for tag, text in (tags or {}).items() if tag in known or text}
        names = sorted(column.name for column in known.values() if column.is_tag)
        fields = {column.name: column.dtype for column in known.values() if not column.is_tag}
        hidden = dict.fromkeys(HIDDEN, pl.Int64())
        kinds = {TIME: pl.Int64(), **dict.fromkeys(names, pl.String()), **fields, **hidden}
        rows = pl.DataFrame(schema=kinds)
        if known and all(tag in names for tag in wanted):
            listed = {name: kind for name, kind in kinds.items() if name not in wanted}
            order = [TIME, *(name for name in names if name not in wanted)]
            found = self._select(measurement, window, wanted, listed, order)
            fixed = [pl.lit(text).alias(tag) for tag, text in wanted.items()]
            rows = pl.concat([rows.select(listed.keys()), *found]).with_columns(fixed).select(kinds.keys())
        return rows.with_columns(pl.col(TIME).cast(pl.Datetime("ns", "UTC")))

    def _select(
        self,
        measurement: str,
        window: Window,
        tags: Mapping[str, str],
        listed: Mapping[str, pl.DataType],
        order: Iterable[str],
    ) -> Iterator[pl.DataFrame]:
        where = "".join(f" AND {quoted(tag)} = ?" for tag in tags)
        cursor = self.database.connection.execute(
            f"SELECT {_listed(listed)} FROM {quoted(measurement)} "  # noqa: S608
            f"WHERE {TIME} >= ? AND {TIME} < ?{where} ORDER BY {_listed(order)}",
            (window.start, window.end, *tags.values()),
        )
        while rows := cursor.fetchmany(_FETCHED):
            columns = zip(listed.items(), zip(*rows, strict=True), strict=True)
            yield pl.DataFrame([_series(name, kind, values) for (name, kind), values in columns])

    def admit(self, measurement: Measurement, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Give the rows as they are: SQLite keeps any value."""
        return rows, rows.clear().with_columns(pl.lit("").alias(WHY))

    def write(self, measurement: Measurement, rows: pl.DataFrame, held: pl.DataFrame | None = None) -> None:
        """Insert or replace rows by time and tags. Columns the frame does not have stay as they are.

        What is ``held`` need not be known. Raises StoreError, and writes nothing, where a name or a
        type cannot be kept.
        """
        with self.database.transaction():
            tags = [c.name for c in self._columns.ensure(measurement, rows).values() if c.is_tag]
            absent = [pl.lit("").alias(tag) for tag in tags if tag not in rows.columns]
            frame = rows.with_columns(*absent, pl.col(TIME).cast(pl.Int64))
            sql = _upsert(measurement.name, frame.columns, [TIME, *tags])
            given = chain.from_iterable(map(_tuples, frame.iter_slices(_WRITTEN)))
            done = self.database.connection.executemany(sql, given).rowcount
            if done != frame.height:
                raise StoreError(f"{measurement.name}: {frame.height} rows to write, SQLite says {done}")

    def delete(self, owner: int, window: Window) -> None:
        """Remove the rows an asset wrote in a window, in every measurement."""
        with self.database.transaction():
            for measurement in self.measurements():
                self.database.connection.execute(
                    f"DELETE FROM {quoted(measurement)} "  # noqa: S608
                    f"WHERE {TIME} >= ? AND {TIME} < ? AND {OWNED}",
                    (window.start, window.end, owner),
                )

    def count_received(self, window: Window, owner: int, day: int) -> int:
        """Count an asset's rows with the ``_order`` ``day`` whose time is in a window."""
        counted = (
            self.database.connection.execute(
                f"SELECT count(*) FROM {quoted(measurement)} {_RECEIVED}",  # noqa: S608
                (window.start, window.end, owner, day),
            ).fetchone()[0]
            for measurement in self.measurements()
        )
        return sum(counted)

    def delete_received(self, owner: int, window: Window, day: int) -> None:
        """Remove an asset's rows with the ``_order`` ``day`` whose time is in a window."""
        with self.database.transaction():
            for measurement in self.measurements():
                self.database.connection.execute(
                    f"DELETE FROM {quoted(measurement)} {_RECEIVED}",  # noqa: S608
                    (window.start, window.end, owner, day),
                )

    def count(
        self, measurement: str, window: Window, bucket: int, owner: int | None = None
    ) -> dict[int, int]:
        """Rows per bucket of ``bucket`` ns, of one owner or of all."""
        return dict(self._counted(measurement, window, bucket, (), owner))

    def count_series(
        self, measurement: str, window: Window, bucket: int, tags: Sequence[str], owner: int | None = None
    ) -> pl.DataFrame:
        """Rows per bucket of ``bucket`` ns and series, of one owner or of all."""
        rows = self._counted(measurement, window, bucket, tags, owner)
        schema = {TIME: pl.Int64(), **dict.fromkeys(tags, pl.String()), "rows": pl.Int64()}
        found = pl.DataFrame(rows, schema=schema, orient="row")
        return found.with_columns(pl.col(TIME).cast(pl.Datetime("ns", "UTC")))

    def _counted(
        self, measurement: str, window: Window, bucket: int, tags: Sequence[str], owner: int | None
    ) -> list[tuple[Any, ...]]:
        """Give buckets, tags and numbers of rows, in this order."""
        known = self._columns.of(measurement)
        if not known:
            return []
        series = [quoted(tag) if tag in known and known[tag].is_tag else "''" for tag in tags]
        order = ", ".join(str(number) for number in range(1, len(series) + 2))
        owned, values = ("", ()) if owner is None else (f" AND {OWNED}", (owner,))
        rows = self.database.connection.execute(
            f"SELECT {', '.join([start_of(bucket), *series])}, count(*) FROM {quoted(measurement)} "  # noqa: S608
            f"WHERE {TIME} >= ? AND {TIME} < ?{owned} GROUP BY {order} ORDER BY {order}",
            (window.start, window.end, *values),
        )
        return rows.fetchall()


def _tuples(rows: pl.DataFrame) -> Iterator[tuple[object, ...]]:
    return zip(*map(_values, rows), strict=True)


def _values(column: pl.Series) -> Iterable[object]:
    """Give the values of a column; one value in all rows (tags, mostly) is made once."""
    if column.dtype == pl.String and column.n_unique() == 1:
        return repeat(column[0], len(column))
    return column.to_list()


def _series(name: str, kind: pl.DataType, values: Sequence[object]) -> pl.Series:
    """Make a column of what SQLite gave; truth values come as numbers."""
    if kind == pl.Boolean:
        return pl.Series(name, values, dtype=pl.Int64).cast(pl.Boolean)
    return pl.Series(name, values, dtype=kind)


def _upsert(table: str, names: Sequence[str], key: Sequence[str]) -> str:
    updates = [f"{quoted(name)} = excluded.{quoted(name)}" for name in names if name not in key]
    return (
        f"INSERT INTO {quoted(table)} ({_listed(names)}) VALUES ({', '.join('?' * len(names))}) "  # noqa: S608
        f"ON CONFLICT ({_listed(key)}) DO UPDATE SET {', '.join(updates)}"
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(quoted, names))
