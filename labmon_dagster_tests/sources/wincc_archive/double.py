"""A stand-in for an Oracle server: python-oracledb's own frames and errors, the rows of an SQLite archive.

It takes what `oracledb.connect` takes and runs the very statements it is given. What it cannot tell is
whether Oracle would accept them: `test_live.py` asks a real one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import oracledb
import polars as pl
import pyarrow as pa
from oracledb import errors

from labmon_dagster_tests.sources.wincc_archive.archives import SCHEMA

_TYPES = {
    "CHANGE_DATE": pa.timestamp("ns"),
    **dict.fromkeys(("DPNAME", "DAY", "MINUTE_OF_ROWS"), pa.string()),
}


def lost() -> oracledb.Error:
    """The error of a connection that breaks."""
    return _raised(errors.ERR_CONNECTION_CLOSED)


def said(message: str) -> oracledb.Error:
    """An error as the server says it."""
    return oracledb.DatabaseError(errors._Error(message=message))


def _raised(number: int) -> oracledb.Error:
    try:
        errors._raise_err(number)
    except oracledb.Error as error:
        return error
    raise AssertionError


class Variable:
    """What `cursor.var` gives."""

    def __init__(self, kind: object) -> None:
        self.type = kind
        self.value: object = None

    def setvalue(self, position: int, value: object) -> None:
        assert position == 0
        self.value = value


class Cursor:
    """A cursor for session statements and bind variables."""

    def __init__(self, session: list[str]) -> None:
        self._session = session

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def var(self, kind: object) -> Variable:
        return Variable(kind)

    def execute(self, statement: str) -> None:
        self._session.append(statement)


@dataclass
class Oracle:
    """The server. ``troubles``: errors to be raised in turn, each after so many frames in all."""

    path: Path
    troubles: list[tuple[int, oracledb.Error]] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)
    logins: list[Mapping[str, Any]] = field(default_factory=list)
    session: list[str] = field(default_factory=list)
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    open: int = 0
    given: int = 0

    def connect(self, **login: Any) -> Session:
        """What `oracledb.connect` does."""
        self.logins.append(login)
        if self.refusals:
            raise self.refusals.pop(0)
        self.open += 1
        return Session(self)


class Session:
    """A connection."""

    call_timeout = 0

    def __init__(self, server: Oracle) -> None:
        self.server = server
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.execute(f"ATTACH DATABASE ? AS {SCHEMA}", (str(server.path),))
        self._db.create_function("TO_CHAR", 2, lambda text, form: text[: len(form)])

    def cursor(self) -> Cursor:
        return Cursor(self.server.session)

    def close(self) -> None:
        self.server.open -= 1
        self._db.close()

    def fetch_df_batches(
        self, statement: str, parameters: Mapping[str, Any], size: int
    ) -> Iterator[oracledb.DataFrame]:
        """Frames as the driver gives them: NUMBER as double, TIMESTAMP(9) as ns."""
        self.server.asked.append((statement, parameters))
        rows = self._db.execute(statement, {name: _text(value) for name, value in parameters.items()})
        names = [column[0] for column in rows.description]
        portion = rows.fetchmany(size)
        while True:
            self._maybe_break()
            self.server.given += 1
            batch = _batch(names, portion)
            yield oracledb.from_arrow(pa.RecordBatchReader.from_batches(batch.schema, [batch]))
            if not (portion := rows.fetchmany(size)):
                return

    def _maybe_break(self) -> None:
        troubles = self.server.troubles
        if troubles and self.server.given >= troubles[0][0]:
            raise troubles.pop(0)[1]


def _text(value: object) -> object:
    if not isinstance(value, Variable):
        return value
    assert value.type is oracledb.DB_TYPE_TIMESTAMP
    assert isinstance(value.value, datetime)
    # The double's archive has nine digits or six; fewer come first in the order of letters.
    return (
        f"{value.value:%Y-%m-%d %H:%M:%S.%f}"
        if value.value.microsecond
        else f"{value.value:%Y-%m-%d %H:%M:%S}"
    )


def _batch(names: list[str], rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.record_batch({name: _array(name, values) for name, values in zip(names, columns, strict=True)})


def _array(name: str, values: tuple[Any, ...]) -> pa.Array:
    kind = _TYPES.get(name, pa.float64())
    if pa.types.is_timestamp(kind):
        texts = pl.Series(list(values), dtype=pl.String)
        return texts.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ns").to_arrow().cast(kind)
    return pa.array(values, kind)
