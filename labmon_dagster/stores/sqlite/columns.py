"""Which columns the measurement tables of a SQLite file have, and how they come to be.

Value columns are declared without a type: with one, SQLite would turn -0.0 into 0.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from labmon_dagster.model import ORDER, PLACE, TIME, FieldType, Measurement
from labmon_dagster.stores.base import READ, StoreError
from labmon_dagster.stores.sqlite.database import Database, quoted

HIDDEN = (ORDER, PLACE, READ)
_TAG, _FIELD, _FLAG = "tag", "field", "flag"
_TAKEN = ("labmon_", "sqlite_")
_POLARS: Mapping[str, pl.DataType] = {
    FieldType.FLOAT: pl.Float64(),
    FieldType.INTEGER: pl.Int64(),
    FieldType.BOOLEAN: pl.Boolean(),
    FieldType.TEXT: pl.String(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a measurement: a tag, a field, or the flag of a field."""

    name: str
    kind: str
    type: FieldType

    @property
    def is_tag(self) -> bool:
        """Whether it belongs to the identity."""
        return self.kind == _TAG

    @property
    def dtype(self) -> pl.DataType:
        """Its type in a frame."""
        return pl.Int8() if self.kind == _FLAG else _POLARS[self.type]


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
        wanted = _wanted(measurement, rows)
        known = self.of(measurement.name)
        _refuse_changes(measurement.name, wanted, known)
        new = [column for column in wanted if column.name not in known]
        if known and not new:
            return known
        self._refuse_names(measurement.name, known, new)
        self._add(measurement.name, known, new)
        self._describe(measurement, new)
        return self.of(measurement.name)

    def _physical(self, measurement: str) -> list[str]:
        rows = self.database.connection.execute(f"PRAGMA table_info({quoted(measurement)})")
        return [row[1] for row in rows]

    def _refuse_names(self, measurement: str, known: Mapping[str, Column], new: Sequence[Column]) -> None:
        if not known:
            if not new:
                raise StoreError(f"measurement {measurement!r} has neither tags nor fields")
            rows = self.database.connection.execute("SELECT DISTINCT measurement FROM labmon_columns")
            _refuse_name(f"measurement {measurement!r}", measurement, [name for (name,) in rows])
            if _folded(measurement).startswith(_TAKEN):
                raise StoreError(f"measurement {measurement!r}: names that begin with {_TAKEN} are taken")
        taken = [TIME, *HIDDEN, *known]
        for column in new:
            _refuse_name(f"{column.kind} {column.name!r} of {measurement}", column.name, taken)
            taken.append(column.name)

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


def _wanted(measurement: Measurement, rows: pl.DataFrame) -> list[Column]:
    """List the columns ``rows`` need; an Int8 column is a flag."""
    tags = [Column(tag, _TAG, FieldType.TEXT) for tag in measurement.tags]
    others = {n: kind for n, kind in rows.schema.items() if n not in {TIME, *measurement.tags, *HIDDEN}}
    fields = [Column(n, _FLAG if k == pl.Int8 else _FIELD, _type(n, k)) for n, k in others.items()]
    return [*tags, *fields]


def _type(name: str, dtype: pl.DataType) -> FieldType:
    if dtype.is_float():
        return FieldType.FLOAT
    if dtype.is_integer():
        return FieldType.INTEGER
    if dtype in {pl.Boolean, pl.String}:
        return FieldType.BOOLEAN if dtype == pl.Boolean else FieldType.TEXT
    raise StoreError(f"column {name!r} is {dtype}; allowed: numbers, truth values and text")


def _refuse_changes(measurement: str, wanted: Iterable[Column], known: Mapping[str, Column]) -> None:
    for column in wanted:
        held = known.get(column.name, column)
        if held != column:
            raise StoreError(
                f"{measurement}: {column.name!r} is a {held.kind} of type {held.type} there, "
                f"not a {column.kind} of type {column.type}"
            )


def _refuse_name(what: str, name: str, taken: Iterable[str]) -> None:
    if not name or "\0" in name:
        raise StoreError(f"{what}: a name has at least one character, and none is NUL")
    for other in taken:
        if other != name and _folded(other) == _folded(name):
            raise StoreError(f"{what} differs only in case from {other!r}: SQLite takes both for one name")
        if other == name:
            raise StoreError(f"{what}: this name is taken")


def _folded(name: str) -> str:
    """Give the name as SQLite compares it: only ASCII letters lose their case."""
    return name.encode(errors="surrogatepass").lower().decode(errors="surrogatepass")
