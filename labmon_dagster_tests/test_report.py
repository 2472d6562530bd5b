"""What the ledger says to people."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from labmon_dagster.landing import Recipe
from labmon_dagster.model import DAY
from labmon_dagster.quality import FieldRules, Range
from labmon_dagster.report import DayReport, State, calendar, flag_counts, report_day, unproven
from labmon_dagster.stores import LedgerRow, SqliteStore
from labmon_dagster_tests.landing.rows import NAME, Row, batch, delivery, land

MAY = [date(2024, 5, n) for n in range(1, 7)]


def ledger_row(**more: object) -> LedgerRow:
    return LedgerRow("lab/table", MAY[0], in_store=3, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("row", "state", "proven", "why"),
    [
        (None, State.UNREAD, False, "never read"),
        (ledger_row(covered="whole day", proven=True, verdict="stored"), State.STORED, True, ""),
        (ledger_row(covered="whole day", proven=True, verdict="empty"), State.EMPTY, True, ""),
        (ledger_row(covered="whole day", proven=True, verdict="not kept"), State.NOT_KEPT, True, ""),
        (ledger_row(covered="whole day", trouble="f is away", tries=2), State.TROUBLE, False, "f is away"),
        (ledger_row(covered="news", stale=True), State.STALE, False, "have not been read"),
        (ledger_row(stale=True), State.STALE, False, "have not been read"),
        (ledger_row(covered="news"), State.READ, False, "not yet as a whole"),
    ],
)
def test_how_far_a_day_has_come(row: LedgerRow | None, state: State, proven: bool, why: str) -> None:
    report = report_day(MAY[0], row)
    assert (report.day, report.state, report.proven) == (MAY[0], state, proven)
    assert report.rows == (3 if row else 0)
    assert why in report.why
    assert bool(report.why) is not proven


def test_a_calendar_has_every_day() -> None:
    ledger = {MAY[1]: ledger_row(covered="news")}
    assert [one.state for one in calendar(ledger, MAY[0], MAY[2])] == [State.UNREAD, State.READ, State.UNREAD]
    assert calendar(ledger, MAY[0], MAY[0]) == [DayReport(MAY[0], State.UNREAD, why="never read")]
    assert calendar(ledger, MAY[1], MAY[0]) == []


def test_unproven_days_are_past_days() -> None:
    ledger = {MAY[1]: ledger_row(covered="whole day", proven=True, verdict="stored")}
    assert [one.day for one in unproven(ledger, MAY[0], MAY[4])] == [MAY[0], MAY[2], MAY[3]]
    assert unproven(ledger, MAY[4], MAY[4]) == []


def test_flags_are_counted_by_name(embedded: SqliteStore) -> None:
    recipe = Recipe(rules={"x": FieldRules(range=Range(suspect=(0, 5), fail=(0, 9)))})
    rows = [Row(n * DAY // 4, "a", x, 1, place=n) for n, x in enumerate([1.0, 7.0, 11.0, None, 2.0])]
    land(embedded, delivery(0, 1, recipe), [batch(rows)])
    assert flag_counts(embedded, NAME, MAY[:1]) == {"x": {"pass": 1, "suspect": 1, "fail": 1, "missing": 1}}
    assert flag_counts(embedded, NAME, MAY[:3])["x"]["pass"] == 2
    assert flag_counts(embedded, NAME, []) == {}
    assert flag_counts(embedded, "none", MAY) == {}


def test_a_field_of_the_source_is_no_flag_whatever_its_name(tmp_path: Path) -> None:
    import polars as pl

    from labmon_dagster_tests.stores.frames import frame, measurement

    store = SqliteStore(tmp_path / "readings.db")
    one = measurement("one", [], battery_qc=float)
    start = int(pl.datetime(2024, 5, 1).dt.epoch("ns").pipe(pl.select).item())
    store.write(one, frame(one, [(start, 12.5)]))
    assert flag_counts(store, "one", MAY) == {}
    store.close()
