"""An archive in Oracle, by python-oracledb's thin mode: no Oracle client is needed."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import oracledb
import polars as pl
import pyarrow as pa

from labmon_dagster.model import SourceError
from labmon_dagster.sources.wincc_archive.archive import BATCH, LostError
from labmon_dagster.sources.wincc_archive.statements import DPID, ROWS, Bind, Dialect, Instant, Statement

_EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - Oracle's TIMESTAMP has no zone
_SESSION = ("ALTER SESSION SET TIME_ZONE = 'UTC'", "SET TRANSACTION READ ONLY")
_ADVICE: Mapping[str, str] = {
    "ORA-00942": "the account sees no such table; check `schema_name` and `tables` in the YAML",
    "ORA-00904": "the table has no such column; check `value` and `order_by` in the YAML",
    "ORA-01017": "the user in the URL or the password is wrong",
    "ORA-01005": "no password is given",
    "ORA-28000": "the account is locked",
    "ORA-28001": "the password has expired",
    "DPY-4024": "the statement took longer than `patience` allows",
    "DPY-6001": "the listener knows no such service; check the end of the URL",
    "DPY-6003": "the listener knows no such SID; check the end of the URL",
    "DPY-6005": "nothing answers there; check host, port and firewall",
    "DPY-3010": "the server is older than Oracle 12.1, which the thin mode cannot speak to",
    "DPY-3015": "the account has only a password verifier of Oracle 10g; a new password makes a newer one",
}
_PASSING: Mapping[str, str] = {
    "DPY-1001": "not connected",
    "DPY-4011": "closed by the database or the network",
    "DPY-4033": "lost while it was used",
    "DPY-6000": "refused by the listener",
    "DPY-6005": "nothing answers",
    "ORA-00028": "session killed",
    "ORA-01012": "not logged on any more",
    "ORA-01033": "database starts or stops",
    "ORA-01034": "database is down",
    "ORA-01089": "database stops",
    "ORA-01555": "snapshot too old",
    "ORA-02391": "too many sessions",
    "ORA-03113": "end of file on the connection",
    "ORA-03114": "not connected",
    "ORA-03135": "connection lost",
    "ORA-12514": "service not registered yet",
    "ORA-12516": "no handler free",
    "ORA-12520": "no handler free",
    "ORA-12528": "instance is not open yet",
    "ORA-25408": "call cannot be replayed",
}
Connect: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class OracleArchive:
    """An Oracle database. ``timeout`` (s) is how long one answer of a statement may take.

    ``connector`` stands in for `oracledb.connect`.
    """

    host: str
    port: int
    service: str
    user: str
    password: Callable[[], str] = field(repr=False)
    timeout: float = 300.0
    connector: Connect | None = field(default=None, repr=False)
    dialect: Dialect = Dialect.ORACLE

    @property
    def shown(self) -> str:
        """Name the database."""
        return f"Oracle at {self.host}:{self.port}/{self.service}"

    def connect(self) -> OracleConnection:
        """Open a session in UTC that only reads. Raises LostError, SourceError."""
        with _told(self.shown):
            connection = (self.connector or oracledb.connect)(
                user=self.user,
                password=self.password(),
                host=self.host,
                port=self.port,
                service_name=self.service,
            )
        opened = OracleConnection(connection, self.shown)
        try:
            with _told(self.shown):
                connection.call_timeout = int(self.timeout * 1000)
                with connection.cursor() as cursor:
                    for statement in _SESSION:
                        cursor.execute(statement)
        except BaseException:
            opened.close()
            raise
        return opened


@dataclass(frozen=True)
class OracleConnection:
    """A read-only transaction: all its statements see the archive as it was at the first."""

    connection: Any
    shown: str

    def frames(self, statement: Statement, size: int = BATCH) -> Iterator[pl.DataFrame]:
        """Give the result as Arrow, ``size`` rows at a time."""
        with _told(self.shown), self.connection.cursor() as cursor:
            binds = bound(cursor, statement.binds)
            for frame in self.connection.fetch_df_batches(statement.text, binds, size=size):
                yield _frame(frame)

    def close(self) -> None:
        """End the session."""
        with suppress(oracledb.Error):
            self.connection.close()


def bound(cursor: Any, binds: Mapping[str, Bind]) -> dict[str, object]:
    """Give the binds as Oracle takes them.

    A plain datetime would be bound as DATE, which has no fractions of a second.
    """
    return {
        name: _variable(cursor, bind) if isinstance(bind, Instant) else bind for name, bind in binds.items()
    }


def _variable(cursor: Any, instant: Instant) -> object:
    variable = cursor.var(oracledb.DB_TYPE_TIMESTAMP)
    variable.setvalue(0, _EPOCH + datetime.timedelta(microseconds=instant.ns // 1000))
    return variable


def _frame(given: oracledb.DataFrame) -> pl.DataFrame:
    """Give a frame of the driver; IDs and counts as whole numbers, though NUMBER may come as double."""
    names = given.column_names()
    whole = [pl.col(name).cast(pl.Int64) for name in (DPID, ROWS) if name in names]
    return pl.DataFrame(pl.from_arrow(_plain(pa.table(given)))).with_columns(whole)


def _plain(table: pa.Table) -> pa.Table:
    """Give decimals as numbers: whole ones as integers, if 64 bits hold them."""
    for number, column in enumerate(table.schema):
        if pa.types.is_decimal(column.type):
            kind = pa.int64() if column.type.scale == 0 and column.type.precision <= 18 else pa.float64()
            table = table.set_column(number, column.name, table.column(number).cast(kind))
    return table


@contextmanager
def _told(shown: str) -> Iterator[None]:
    """Say in plain words what Oracle or the driver has to say."""
    try:
        yield
    except OSError as error:
        said = f"{error.strerror or error}; check the host in the URL, and the name server"
        raise LostError(said) from error
    except oracledb.Error as error:
        code = str(getattr(error.args[0], "full_code", "")) if error.args else ""
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        said = f"{first.rstrip('.')}; {_ADVICE[code]}" if code in _ADVICE else first
        if code in _PASSING or getattr(error.args[0] if error.args else None, "isrecoverable", False):
            raise LostError(said) from error
        raise SourceError(f"{shown}: {said}") from error
