"""Several processes and one file: nobody is refused, and the outcome is exact."""

from __future__ import annotations

import multiprocessing as mp
import sqlite3
from concurrent.futures import ProcessPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import pytest

from labmon_dagster.stores import SqliteStore
from labmon_dagster.stores.sqlite.database import Database
from labmon_dagster_tests.landing.rows import ASSET, NAME, stored
from labmon_dagster_tests.stores.frames import EVER, frame, measurement
from labmon_dagster_tests.stores.test_books import FULL as ROW
from labmon_dagster_tests.stores.test_books import PIECE
from labmon_dagster_tests.stores.worker import ROWS, land_all, open_new

XS = measurement("xs", [], x=float)


def test_two_landings_and_a_reader_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "readings.db"
    with ProcessPoolExecutor(2, mp.get_context("spawn")) as pool, closing(SqliteStore(path)) as reader:
        runs = [pool.submit(land_all, str(path)) for _ in range(2)]
        seen = [0]
        while wait(runs, timeout=0.01).not_done:
            seen.append(reader.fetch(NAME, EVER).height)
        assert [run.result() for run in runs] == ["", ""]
        assert seen == sorted(seen)
        found = stored(reader)
        assert found.height == ROWS
        assert found["x"].to_list() == [-1.0 if n % 100 == 0 else float(n) for n in range(ROWS)]
        assert len(reader.quarantined(ASSET)) == ROWS // 100


def test_a_file_that_several_processes_make_at_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, mp.get_context("spawn")) as pool:
        runs = [pool.submit(open_new, str(tmp_path / "readings.db")) for _ in range(4)]
        assert [run.result() for run in runs] == [""] * 4


def test_a_transaction_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "readings.db")
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.write(XS, frame(XS, [(1, 1.0)]))
        store.enter([ROW])
        with store.transaction():
            store.quarantine([PIECE])
        raise ZeroDivisionError
    assert (store.measurements(), store.ledger("lab/table"), store.quarantined()) == ([], {}, [])
    with store.transaction():
        store.write(XS, frame(XS, [(1, 1.0)]))
        store.enter([ROW])
    assert store.fetch("xs", EVER).height == 1
    assert store.ledger("lab/table") == {ROW.day: ROW}
    store.close()


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    with closing(SqliteStore(path)) as store:
        store.database.connection.execute("UPDATE labmon_format SET version = 99")
    with closing(SqliteStore(path)) as store, pytest.raises(sqlite3.DatabaseError, match="has format 99"):
        store.measurements()


def test_a_commit_that_fails_takes_everything_back(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "readings.db")) as database:
        connection = database.connection
        connection.execute("CREATE TABLE a (x PRIMARY KEY)")
        connection.execute("CREATE TABLE b (x REFERENCES a DEFERRABLE INITIALLY DEFERRED)")
        connection.execute("PRAGMA foreign_keys=ON")
        with pytest.raises(sqlite3.IntegrityError), database.transaction():
            connection.execute("INSERT INTO b VALUES (1)")
        assert not connection.in_transaction
        with database.transaction():
            assert connection.execute("SELECT count(*) FROM b").fetchone() == (0,)
