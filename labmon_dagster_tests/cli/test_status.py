from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from labmon_dagster.cli.hours import hours_of
from labmon_dagster.model import SECOND
from labmon_dagster.stores import LedgerRow, SqliteStore
from labmon_dagster_tests.cli.lab import ASSET, DAY, labmon, land, line, table, told

JUNE = ["status", "--until", "2021-06-30", "--days", "30"]


@pytest.fixture
def ledger(embedded: SqliteStore) -> SqliteStore:
    """One day in each state."""
    states = {
        10: {"proven": True, "verdict": "stored", "in_store": 5},
        11: {"proven": True, "verdict": "empty"},
        12: {"proven": True, "verdict": "not kept"},
        13: {},
        14: {"stale": True},
        15: {"trouble": "the disk is full"},
        16: {"trouble": "the disk is full"},
    }
    rows = [
        LedgerRow("x/y", date(2021, 6, n), covered="news", written=n, **more) for n, more in states.items()
    ]  # type: ignore[arg-type]
    embedded.enter([*rows, LedgerRow("x/a", date(2021, 6, 1))])
    return embedded


@pytest.mark.usefixtures("ledger")
def test_the_calendar_tells_states_apart_without_colour() -> None:
    shown = told(*JUNE, "x/y")
    assert "  2021-06  .........#o-rw!!..............\n" in shown
    assert "1 stored, 1 empty, 1 not kept, 1 read, 1 waiting, 2 trouble, 23 unread; 5 rows" in shown
    assert "last read 1970-01-01T00:00:00.000000016Z" in shown
    reasons = shown[shown.index("not proven:") :].splitlines()[1:]
    assert [" ".join(one.split()) for one in reasons if one] == [
        "2021-06-01 to 2021-06-09 never read, nor was any day before",
        "2021-06-13 read, but not yet as a whole after its end",
        "2021-06-14 the source holds rows of the day that have not been read",
        "2021-06-15 to 2021-06-16 the disk is full",
        "2021-06-17 to 2021-06-30 never read",
    ]


@pytest.mark.usefixtures("ledger")
def test_all_assets_and_months() -> None:
    shown = told("status", "--until", "2021-07-02", "--days", "33")
    assert [one for one in shown.splitlines() if one.startswith("x/")] == ["x/a", "x/y"]
    assert "  2021-07  ..\n" in shown
    assert f"  2021-05  {' ' * 30}.\n" in shown


@pytest.mark.usefixtures("ledger")
def test_json() -> None:
    told_of = json.loads(told(*JUNE, "--format", "json"))
    assert list(told_of) == ["x/a", "x/y"]
    days = {one["day"]: one for one in told_of["x/y"]["days"]}
    assert days["2021-06-10"] == {
        "day": "2021-06-10",
        "state": "stored",
        "rows": 5,
        "why": "",
        "proven": True,
    }
    assert len(told_of["x/y"]["unproven"]) == 27


def test_today_is_no_missing_day(ledger: SqliteStore) -> None:
    today = datetime.now(UTC).date()
    ledger.enter(
        [LedgerRow("x/b", today - timedelta(days=1), proven=True, verdict="stored", covered="whole day")]
    )
    assert "not proven" not in told("status", "x/b", "--days", 2)


@pytest.mark.usefixtures("ledger")
def test_errors() -> None:
    result = labmon("status", "x/z")
    assert (result.exit_code, result.stderr) == (1, "labmon: no asset 'x/z'; there are: x/a, x/y\n")
    assert labmon("status", "--day", "tuesday").exit_code == 2
    assert labmon("status", "--day", DAY, "--expected", "often").exit_code == 2


def test_the_hours_of_a_day(embedded: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMERIFLUX_UMBS_DIR", str(tmp_path))
    table(tmp_path, *(line(5 * n, n) for n in range(700)), line(3600, 1000))
    land(embedded)
    hours = hours_of(embedded, ASSET, DAY, 5 * SECOND)
    assert [(one.hour, one.rows, one.expected) for one in hours if one.rows] == [(15, 700, 720), (16, 1, 720)]
    shown = told("status", ASSET, "--day", DAY)
    assert f"{ASSET} on 2021-06-25 (UTC): 701 rows of 17280 expected\n" in shown
    assert "  15h  700  of 720  ######################################..\n" in shown
    assert "  16h    1  of 720  #.......................................\n" in shown
    of_minutes = json.loads(told("status", ASSET, "--day", DAY, "--expected", "1min", "--format", "json"))
    assert of_minutes[ASSET]["hours"][15] == {"hour": 15, "rows": 700, "expected": 60}
