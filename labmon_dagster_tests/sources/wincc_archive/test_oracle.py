"""The Oracle side against a double that gives the driver's own frames and errors."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
import stamina
from hypothesis import given, settings
from hypothesis import strategies as st

from labmon_dagster.model import DAY, Batch, SourceError
from labmon_dagster.sources.wincc_archive.oracle import OracleArchive, _plain
from labmon_dagster.sources.wincc_archive.reader import ArchiveReadings
from labmon_dagster_tests.sources.wincc_archive.archives import (
    MTRS,
    SPEC,
    START,
    Archive,
    after,
    read,
    request,
    small,
)
from labmon_dagster_tests.sources.wincc_archive.double import Oracle, lost, said


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=6)
    yield
    stamina.set_testing(False)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return small(tmp_path / "archive.db")


def source_of(server: Oracle, size: int = 1000) -> ArchiveReadings:
    archive = OracleArchive("db", 1521, "srv", "reader", lambda: "top secret", 12.5, server.connect)
    return ArchiveReadings(archive, SPEC, size, clock=lambda: START + 40 * DAY)


def values(batches: list[Batch]) -> list[float | None]:
    return [value for batch in batches for value in batch.rows.column("value").to_pylist()]


def test_the_session_reads_only_in_utc_and_takes_only_so_long(archive: Archive) -> None:
    server = Oracle(archive.path)
    source = source_of(server)
    session = source.archive.connect()
    assert server.session == ["ALTER SESSION SET TIME_ZONE = 'UTC'", "SET TRANSACTION READ ONLY"]
    assert session.connection.call_timeout == 12_500  # type: ignore[attr-defined]
    (login,) = server.logins
    assert login == {
        "user": "reader",
        "password": "top secret",
        "host": "db",
        "port": 1521,
        "service_name": "srv",
    }
    session.close()
    assert server.open == 0


def test_the_password_shows_nowhere(archive: Archive) -> None:
    server = Oracle(
        archive.path, refusals=[said("ORA-01017: invalid credential or not authorized; logon denied")]
    )
    source = source_of(server)
    with pytest.raises(SourceError) as refused:
        read(source)
    assert str(refused.value).startswith("Oracle at db:1521/srv: ORA-01017")
    assert "the user in the URL or the password is wrong" in str(refused.value)
    for shown in (repr(source), str(refused.value), source.archive.shown):
        assert "top secret" not in shown


def test_numbers_nanoseconds_and_nulls_come_exactly(archive: Archive) -> None:
    archive.mtrs((101, "2025-06-01 12:00:00.123456789", 0.1), (102, "2025-06-01 12:00:00.123456790", None))
    rows = pl.concat([pl.DataFrame(one.rows) for one in read(source_of(Oracle(archive.path)))])
    noon = START + DAY // 2
    assert rows["time"].cast(pl.Int64).to_list() == [noon + 123_456_789, noon + 123_456_790]
    assert rows["value"].to_list() == [0.1, None]


def test_decimals_become_numbers() -> None:
    table = pa.table(
        {"DPID": pa.array([7], pa.decimal128(18, 0)), "READING": pa.array(["1.25"]).cast(pa.decimal128(9, 4))}
    )
    assert _plain(table).to_pydict() == {"DPID": [7], "READING": [1.25]}


def test_all_connections_are_closed(archive: Archive) -> None:
    archive.mtrs((101, after(0), 1.0))
    server = Oracle(archive.path)
    source = source_of(server)
    source.news({})
    source.count_series(request().window)
    batches = source.read(request()).batches
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    read(source)
    assert server.open == 0


@settings(max_examples=60)
@given(
    seconds=st.lists(st.integers(0, 12), min_size=1, max_size=40),
    size=st.integers(1, 7),
    breaks=st.lists(st.integers(0, 12), max_size=4),
)
def test_each_row_comes_once_however_often_the_connection_breaks(
    tmp_path_factory: pytest.TempPathFactory, seconds: list[int], size: int, breaks: list[int]
) -> None:
    archive = small(tmp_path_factory.mktemp("a") / "a.db")
    archive.mtrs(*((101 + n % 12, after(second), float(n)) for n, second in enumerate(seconds)))
    server = Oracle(archive.path, troubles=[(frames, lost()) for frames in sorted(breaks)])
    batches = read(source_of(server, size))
    assert sorted(values(batches)) == [float(n) for n in range(len(seconds))]  # type: ignore[type-var]
    times = [pl.DataFrame(batch.rows)["time"] for batch in batches if batch.rows.num_rows]
    assert pl.concat(times).is_sorted()
    assert sum(one.n_unique() for one in times) == len(set(seconds)), "rows of one time are never parted"
    assert server.open == 0


def test_rows_finer_than_microseconds_come_once_too(archive: Archive) -> None:
    texts = [f"2025-06-01 12:00:00.1234567{n:02d}" for n in range(20)]
    archive.mtrs(*((101, text, float(n)) for n, text in enumerate(texts)))
    server = Oracle(archive.path, troubles=[(7, lost())])
    assert values(read(source_of(server, 3))) == [float(n) for n in range(20)]


def test_a_connection_that_stays_lost_is_told(archive: Archive) -> None:
    archive.mtrs((101, after(0), 1.0))
    server = Oracle(archive.path, troubles=[(0, lost())] * 20)
    with pytest.raises(SourceError, match=r"Oracle at db:1521/srv: DPY-4011: .* \(tried 6 times\)"):
        read(source_of(server))
    assert server.open == 0


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ('ORA-00942: table or view "S"."T" does not exist', "check `schema_name` and `tables`"),
        ('ORA-00904: "R"."VALU": invalid identifier', "check `value` and `order_by`"),
        ("ORA-28000: the account is locked", "the account is locked"),
        ("DPY-4024: call timeout of 300 ms exceeded", "took longer than `patience` allows"),
        ("DPY-6001: Service x is not registered", "the listener knows no such service"),
        ("DPY-3015: password verifier type 0x939 is not supported", "a new password makes a newer one"),
    ],
)
def test_errors_say_what_to_do(archive: Archive, code: str, advice: str) -> None:
    server = Oracle(archive.path, troubles=[(0, said(code))])
    with pytest.raises(SourceError) as told:
        read(source_of(server))
    assert code.split(":")[0] in str(told.value)
    assert advice in str(told.value)
    assert len(server.logins) == 1, "trying again would change nothing"


def test_a_name_that_is_not_known_for_a_moment_is_asked_for_again(archive: Archive) -> None:
    archive.mtrs((101, after(0), 1.0))
    unknown = socket.gaierror(-2, "Name or service not known")
    server = Oracle(archive.path, refusals=[unknown])
    assert values(read(source_of(server))) == [1.0]
    server.refusals = [unknown] * 20
    with pytest.raises(
        SourceError, match=r"Oracle at db:1521/srv: Name or service not known; check the host"
    ):
        read(source_of(server))


def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        archive = OracleArchive("127.0.0.1", bound.getsockname()[1], "srv", "u", lambda: "p", 5.0)
        with pytest.raises(
            SourceError, match=r"DPY-6005.*nothing answers there; check host, port and firewall"
        ):
            ArchiveReadings(archive, SPEC).news({})


def test_a_whole_read_asks_one_statement_for_all_datapoints(archive: Archive) -> None:
    archive.mtrs(*((101 + n % 12, after(n), float(n)) for n in range(100)))
    server = Oracle(archive.path)
    source = source_of(server)
    read(replace(source, spec=replace(SPEC, tables=(MTRS,))))
    assert sum("ORDER BY" in text for text, _ in server.asked) == 1
