"""A real Oracle, where there is one: `CMS_MTD_ARCHIVE_URL=oracle://… pytest -m oracle`.

It only reads, unless LABMON_TEST_ORACLE_SCHEMA names a schema of the account in which three tables may be
made and dropped again: then values are written and read back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import oracledb
import pytest

from labmon_dagster.model import DAY
from labmon_dagster.model.window import day_of
from labmon_dagster.secret import secret
from labmon_dagster.sources.wincc_archive.address import Address
from labmon_dagster.sources.wincc_archive.oracle import OracleArchive
from labmon_dagster.sources.wincc_archive.reader import ArchiveReadings
from labmon_dagster_tests.sources.wincc_archive.archives import (
    MTRS,
    MTRS_NAME,
    PLC,
    SCHEMA,
    SPEC,
    START,
    read,
    request,
)

URL = os.environ.get("CMS_MTD_ARCHIVE_URL", "")
OWN_SCHEMA = os.environ.get("LABMON_TEST_ORACLE_SCHEMA", "")
pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(not URL.startswith("oracle:"), reason="CMS_MTD_ARCHIVE_URL names no Oracle"),
]


@pytest.fixture
def archive() -> OracleArchive:
    found = Address.parse(URL).archive(SCHEMA, Path(), lambda: secret("CMS_MTD_ORACLE_PASSWORD") or "", 300.0)
    assert isinstance(found, OracleArchive)
    return found


def test_the_archive_can_be_read(archive: OracleArchive) -> None:
    source = ArchiveReadings(archive, SPEC)
    assert source.datapoints(), "no datapoint of the YAML is there"
    newest = source.newest()
    assert newest is not None
    first = (newest - START) // DAY
    asked = request(first, first, now=newest)
    rows = sum(batch.rows.num_rows for batch in read(source, asked))
    counted = source.count_series(asked.window)["rows"].sum()
    assert 0 < counted <= rows, f"{day_of(newest)}: {counted} readings counted, {rows} rows read"


@pytest.fixture
def tables(archive: OracleArchive) -> Iterator[oracledb.Connection]:
    if not OWN_SCHEMA:
        pytest.skip("LABMON_TEST_ORACLE_SCHEMA names no schema to write to")
    connection = archive.connect().connection
    made = {
        "DP_NAME2ID": "ID NUMBER, DPNAME VARCHAR2(200)",
        "MTRSCHANNEL": "DPID NUMBER, CHANGE_DATE TIMESTAMP(9), ACTUAL_VALUE NUMBER",
        "TKPLCREADSENSOR": "DPID NUMBER, CHANGE_DATE TIMESTAMP(9), VALUE_CONVERTED BINARY_DOUBLE",
    }
    connection.rollback()
    with closing(connection), connection.cursor() as cursor, ExitStack() as dropped:
        for name, columns in made.items():
            cursor.execute(f"CREATE TABLE {OWN_SCHEMA}.{name} ({columns})")
            dropped.callback(cursor.execute, f"DROP TABLE {OWN_SCHEMA}.{name} PURGE")
        yield connection


def test_values_come_back_as_they_were_written(archive: OracleArchive, tables: oracledb.Connection) -> None:
    rows = [(1, "2025-06-01 12:00:00.123456789", 0.1), (1, "2025-06-01 12:00:00.123456790", None)]
    with tables.cursor() as cursor:
        cursor.execute(f"INSERT INTO {OWN_SCHEMA}.DP_NAME2ID VALUES (1, :1)", [MTRS_NAME.format(0, 0)])
        cursor.executemany(
            f"INSERT INTO {OWN_SCHEMA}.MTRSCHANNEL VALUES "
            "(:1, TO_TIMESTAMP(:2, 'YYYY-MM-DD HH24:MI:SS.FF9'), :3)",
            rows,
        )
    tables.commit()
    source = ArchiveReadings(archive, replace(SPEC, schema=OWN_SCHEMA, tables=(MTRS, PLC)))
    found = [row for batch in read(source) for row in batch.rows.to_pylist()]
    assert [(row["time"].value, row["value"]) for row in found] == [
        (START + DAY // 2 + 123_456_789, 0.1),
        (START + DAY // 2 + 123_456_790, None),
    ]
    assert source.count_series(request().window)["rows"].to_list() == [1]
