"""Readings in SQLite: one wide table per measurement, keyed by time and tags, readable by any SQL tool.

Value columns are declared without a type: with one, SQLite would turn -0.0 into 0.0.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from labmon_dagster.model import ORDER, PLACE, TIME, FieldType, Measurement, Window
from labmon_dagster.stores.base import READ, StoreError
from labmon_dagster.stores.sqlite.database import Database, quoted

_HIDDEN = (ORDER, PLACE, READ)
_POLARS = {
    FieldType.FLOAT: pl.Float64,
    FieldType.INTEGER: pl.Int64,
    FieldType.BOOLEAN: pl.Boolean,
    FieldType.TEXT: pl.String,
}
_FETCHED = 16_384


class Readings:
    """The measurement tables of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def measurements(self) -> list[str]:
        """Names of all measurements."""
        rows = self.database.connection.execute("SELECT DISTINCT measurement FROM labmon_columns ORDER BY 1")
        return [name for (name,) in rows]

    def columns(self, measurement: str) -> tuple[tuple[str, ...], dict[str, FieldType]]:
        """Tags and fields of a measurement, in the order they were added."""
        rows = self.database.connection.execute(
            "SELECT name, kind, type FROM labmon_columns WHERE measurement = ?", (measurement,)
        ).fetchall()
        order = {name: n for n, name in enumerate(self._physical(measurement))}
        rows.sort(key=lambda row: order[row[0]])
        tags = tuple(name for name, kind, _ in rows if kind == "tag")
        return tags, {name: FieldType(kind) for name, what, kind in rows if what == "field"}

    def _physical(self, measurement: str) -> list[str]:
        rows = self.database.connection.execute(f"PRAGMA table_info({quoted(measurement)})")
        return [row[1] for row in rows]

    def units(self, measurement: str) -> dict[str, str]:
        """Field → unit."""
        rows = self.database.connection.execute(
            "SELECT name, unit FROM labmon_columns WHERE measurement = ? AND kind = 'field'", (measurement,)
        )
        return dict(rows.fetchall())

    def fetch(self, measurement: str, window: Window, tags: Mapping[str, str] | None = None) -> pl.DataFrame:
        """The rows of a window by time, then tags, with flags and hidden columns."""
        names, fields = self.columns(measurement)
        schema = _schema(names, fields)
        if not names and not fields:
            return pl.DataFrame(schema=schema)
        where, values = _where(window, tags or {}, names)
        if where is None:
            return pl.DataFrame(schema=schema)
        listed = ", ".join(quoted(name) for name in schema)
        order = ", ".join(quoted(name) for name in (TIME, *sorted(names)))
        cursor = self.database.connection.execute(
            f"SELECT {listed} FROM {quoted(measurement)} WHERE {where} ORDER BY {order}",  # noqa: S608
            values,
        )
        raw = {name: pl.Int64 if kind == pl.Boolean or name == TIME else kind for name, kind in schema.items()}
        parts = []
        while rows := cursor.fetchmany(_FETCHED):
            parts.append(pl.DataFrame(rows, schema=raw, orient="row").cast(schema))  # type: ignore[arg-type]
        return pl.concat(parts) if parts else pl.DataFrame(schema=schema)

    def write(self, measurement: Measurement, rows: pl.DataFrame) -> None:
        """Insert or replace rows by time and tags. Columns the frame does not have stay as they are."""
        self._ensure(measurement, rows)
        tags, fields = self.columns(measurement.name)
        absent = [pl.lit("").alias(tag) for tag in tags if tag not in rows.columns]
        flags = [name for name in rows.columns if name in fields]
        key = [TIME, *tags]
        values = [*flags, *_HIDDEN]
        listed = [*key, *values]
        frame = rows.with_columns(*absent, pl.col(TIME).cast(pl.Int64)).select(listed)
        updates = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in values)
        sql = (
            f"INSERT INTO {quoted(measurement.name)} ({', '.join(map(quoted, listed))}) "  # noqa: S608
            f"VALUES ({', '.join('?' * len(listed))}) "
            f"ON CONFLICT ({', '.join(map(quoted, key))}) DO UPDATE SET {updates}"
        )
        with self.database.transaction():
            done = self.database.connection.executemany(sql, frame.iter_rows(buffer_size=4096)).rowcount
        if done != frame.height:
            raise StoreError(f"{measurement.name}: {frame.height} rows were to be written, SQLite says {done}")

    def delete(self, owner: int, window: Window) -> None:
        """Remove the rows an asset wrote in a window, in every measurement."""
        with self.database.transaction():
            for measurement in self.measurements():
                self.database.connection.execute(
                    f"DELETE FROM {quoted(measurement)} "  # noqa: S608
                    f"WHERE time >= ? AND time < ? AND ({READ} >> 23) & 16777215 = ?",
                    (window.start, window.end, owner),
                )

    def count(self, measurement: str, window: Window, bucket: int, owner: int | None = None) -> dict[int, int]:
        """Rows per bucket of ``bucket`` ns, of one owner or of all."""
        if measurement not in self.measurements():
            return {}
        owned, values = ("", ()) if owner is None else (f" AND ({READ} >> 23) & 16777215 = ?", (owner,))
        rows = self.database.connection.execute(
            f"SELECT time / {bucket:d} * {bucket:d}, count(*) FROM {quoted(measurement)} "  # noqa: S608
            f"WHERE time >= ? AND time < ?{owned} GROUP BY 1",
            (window.start, window.end, *values),
        )
        return dict(rows.fetchall())

    def _ensure(self, measurement: Measurement, rows: pl.DataFrame) -> None:
        """Make the table, or add to it the tags and fields it does not have."""
        tags, fields = self.columns(measurement.name)
        wanted = {name: _kind(rows.schema[name]) for name in rows.columns if name not in _not_fields(measurement)}
        new_tags = [tag for tag in measurement.tags if tag not in tags]
        new_fields = {name: kind for name, kind in wanted.items() if name not in fields}
        if not new_tags and not new_fields:
            return
        with self.database.transaction():
            tags, fields = self.columns(measurement.name)
            self._describe(measurement, new_tags, new_fields)
            if not tags and not fields:
                self._create(measurement.name, measurement.tags, list(new_fields))
                return
            if set(new_tags) - set(tags):
                self._retag(measurement.name, (*tags, *(tag for tag in new_tags if tag not in tags)), list(fields))
            for name in new_fields:
                if name not in fields:
                    self.database.connection.execute(
                        f"ALTER TABLE {quoted(measurement.name)} ADD COLUMN {quoted(name)}"
                    )

    def _describe(self, measurement: Measurement, tags: list[str], fields: dict[str, FieldType]) -> None:
        if measurement.name.startswith(("labmon_", "sqlite_")):
            raise StoreError(f"measurement {measurement.name!r}: names that begin with labmon_ or sqlite_ are taken")
        known = {field.name: field for field in measurement.fields}
        entries = [(measurement.name, tag, "tag", FieldType.TEXT, "", "") for tag in tags]
        for name, kind in fields.items():
            field = known.get(name)
            about = (field.unit, field.description) if field else ("", "")
            entries.append((measurement.name, name, "field", kind, *about))
        self.database.connection.executemany(
            "INSERT OR IGNORE INTO labmon_columns VALUES (?, ?, ?, ?, ?, ?)", entries
        )

    def _create(self, name: str, tags: tuple[str, ...], fields: list[str]) -> None:
        columns = [f"{TIME} INTEGER NOT NULL", *(f"{quoted(tag)} TEXT NOT NULL DEFAULT ''" for tag in tags)]
        columns += [quoted(field) for field in fields]
        columns += [f"{hidden} INTEGER NOT NULL DEFAULT 0" for hidden in _HIDDEN]
        key = ", ".join([TIME, *map(quoted, tags)])
        self.database.connection.execute(
            f"CREATE TABLE {quoted(name)} ({', '.join(columns)}, PRIMARY KEY ({key})) WITHOUT ROWID"
        )

    def _retag(self, name: str, tags: tuple[str, ...], fields: list[str]) -> None:
        """Rebuild the table with more tags: they belong to its key."""
        old = f"labmon_old_{name}"
        kept = self._physical(name)
        self.database.connection.execute(f"ALTER TABLE {quoted(name)} RENAME TO {quoted(old)}")
        self._create(name, tags, fields)
        listed = ", ".join(map(quoted, kept))
        self.database.connection.execute(
            f"INSERT INTO {quoted(name)} ({listed}) SELECT {listed} FROM {quoted(old)}"  # noqa: S608
        )
        self.database.connection.execute(f"DROP TABLE {quoted(old)}")


def _not_fields(measurement: Measurement) -> set[str]:
    return {TIME, *measurement.tags, *_HIDDEN}


def _schema(tags: tuple[str, ...], fields: Mapping[str, FieldType]) -> dict[str, pl.DataType | type[pl.DataType]]:
    flags = {name: pl.Int8 if name.endswith("_qc") else _POLARS[kind] for name, kind in fields.items()}
    return {
        TIME: pl.Datetime("ns", "UTC"),
        **dict.fromkeys(sorted(tags), pl.String),
        **flags,
        **dict.fromkeys(_HIDDEN, pl.Int64),
    }


def _kind(dtype: pl.DataType) -> FieldType:
    if dtype == pl.Boolean:
        return FieldType.BOOLEAN
    if dtype == pl.String:
        return FieldType.TEXT
    return FieldType.INTEGER if dtype.is_integer() else FieldType.FLOAT


def _where(window: Window, tags: Mapping[str, str], known: tuple[str, ...]) -> tuple[str | None, list[int | str]]:
    """The condition for a window and tags; None when no row can match (a tag the table does not have)."""
    if any(text and tag not in known for tag, text in tags.items()):
        return None, []
    present = {tag: text for tag, text in tags.items() if tag in known}
    where = " AND ".join(["time >= ?", "time < ?", *(f"{quoted(tag)} = ?" for tag in present)])
    return where, [window.start, window.end, *present.values()]
