"""Which columns the measurement tables of a SQLite file have, and how they come to be.

Value columns are declared without a type: with one, SQLite would turn -0.0 into 0.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from labmon_dagster.model import TIME, FieldType, Measurement
from labmon_dagster.stores.columns import HIDDEN, Column, lacking
from labmon_dagster.stores.sqlite.database import Database, quoted


class Columns:
    """The columns of all measurements of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def of(self, measurement: str) -> dict[str, Column]:
        """Give the columns of a measurement in the order they were added, none if it does not exist."""
        rows = self.database.connection.execute(
            "SELECT name, kind, type FROM labmon_columns WHERE measurement = ?", (measurement,)
        )
        known = {name: Column(name, kind, FieldType(text)) for name, kind, text in rows}
        return {name: known[name] for name in self._physical(measurement) if name in known} if known else {}

    def ensure(self, measurement: Measurement, rows: pl.DataFrame) -> dict[str, Column]:
        """Make the table, or add what it lacks, and give its columns. To be called in a transaction.

        Raises StoreError for a name or a type that cannot be kept.
        """
        known = self.of(measurement.name)
        new = lacking(measurement, rows, known, [] if known else self.measurements())
        if not new:
            return known
        self._add(measurement.name, known, new)
        self._describe(measurement, new)
        return self.of(measurement.name)

    def measurements(self) -> list[str]:
        """Names of all measurements."""
        rows = self.database.connection.execute("SELECT DISTINCT measurement FROM labmon_columns ORDER BY 1")
        return [name for (name,) in rows]

    def _physical(self, measurement: str) -> list[str]:
        rows = self.database.connection.execute(f"PRAGMA table_info({quoted(measurement)})")
        return [row[1] for row in rows]

    def _add(self, measurement: str, known: Mapping[str, Column], new: Iterable[Column]) -> None:
        tags = [column.name for column in new if column.is_tag]
        fields = [column.name for column in new if not column.is_tag]
        if not known:
            self._create(measurement, tags, fields)
            return
        if tags:
            held = [column.name for column in known.values() if column.is_tag]
            self._retag(measurement, [*held, *tags], [name for name in known if name not in held])
        for name in fields:
            self.database.connection.execute(f"ALTER TABLE {quoted(measurement)} ADD COLUMN {quoted(name)}")

    def _create(self, name: str, tags: Iterable[str], fields: Iterable[str]) -> None:
        columns = [f"{TIME} INTEGER NOT NULL", *(f"{quoted(tag)} TEXT NOT NULL DEFAULT ''" for tag in tags)]
        columns += [quoted(field) for field in fields]
        columns += [f"{hidden} INTEGER NOT NULL DEFAULT 0" for hidden in HIDDEN]
        key = ", ".join([TIME, *map(quoted, tags)])
        self.database.connection.execute(
            f"CREATE TABLE {quoted(name)} ({', '.join(columns)}, PRIMARY KEY ({key})) WITHOUT ROWID"
        )

    def _retag(self, name: str, tags: Iterable[str], fields: Iterable[str]) -> None:
        """Rebuild the table with more tags: they belong to its key."""
        old = f"labmon_old_{name}"
        kept = ", ".join(map(quoted, self._physical(name)))
        self.database.connection.execute(f"ALTER TABLE {quoted(name)} RENAME TO {quoted(old)}")
        self._create(name, tags, fields)
        self.database.connection.execute(
            f"INSERT INTO {quoted(name)} ({kept}) SELECT {kept} FROM {quoted(old)}"  # noqa: S608
        )
        self.database.connection.execute(f"DROP TABLE {quoted(old)}")

    def _describe(self, measurement: Measurement, columns: Iterable[Column]) -> None:
        about = {field.name: (field.unit, field.description) for field in measurement.fields}
        self.database.connection.executemany(
            "INSERT INTO labmon_columns VALUES (?, ?, ?, ?, ?, ?)",
            [(measurement.name, c.name, c.kind, c.type, *about.get(c.name, ("", ""))) for c in columns],
        )
