"""`bin: 1s` on tables and archives: whatever comes when, the bins are those of one full read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labmon_dagster.binning.gathered import Gathered
from labmon_dagster.components import Feed
from labmon_dagster.landing.recount import recount
from labmon_dagster.model import NOWHERE, SECOND, DatedSource, Request, SourceError, TimedSource, Window
from labmon_dagster.model.window import DAY, day_number
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests import tables
from labmon_dagster_tests.components import archive_lab
from labmon_dagster_tests.components.binned_lab import (
    at_once,
    audit,
    bins,
    deliver,
    new_store,
    settle,
    source_of,
    tick,
)
from labmon_dagster_tests.labs import materialize, tower
from labmon_dagster_tests.sources.wincc_archive.archives import FIRST, START, Archive, after, small

Line: TypeAlias = tuple[int, int, float]

MIDNIGHT = datetime(2021, 6, 25)
DAYS = [date(2021, 6, 25 + n) for n in range(3)]
ZERO = day_number(DAYS[0]) * DAY
NOON = ZERO + 2 * DAY + 12 * 3600 * SECOND  # of the third day, on which there are rows up to then
LATER = ZERO + 4 * DAY
# A few spans of a few seconds, so that rows meet in bins and stand at their edges and those of days.
SECONDS = st.sampled_from([0, 40_000, 86_370, 86_400, 172_780, 172_800, 200_000]).flatmap(
    lambda base: st.integers(base, base + 25)
)
LINES = st.lists(st.tuples(SECONDS, st.integers(0, 3), st.floats(-100, 100)), min_size=1, max_size=6)
GROW = st.tuples(st.just("grow"), st.sampled_from(["46m_a.dat", "46m_b.dat"]), LINES)
READ = st.tuples(st.just("read"), st.integers(0, 2), st.booleans())
TICK = st.tuples(st.just("tick"))
FIELDS = {"PPFD": {"unit": "umol/m^2/s"}, "RECORD": {"type": "integer"}, "Solar": {"column": "Solar_inci"}}


def binned(folder: Path, bin: object = "10s", **changes: object) -> Feed:  # noqa: A002
    given = {
        "zone": "UTC",
        "start": str(DAYS[0]),
        "fields": FIELDS,
        "unlisted": "drop",
        "quality": {},
        **changes,
    }
    return tower(folder, bin=bin, **given)


def grow(path: Path, lines: Sequence[Line]) -> None:
    """Add rows to a table: seconds since the first midnight, RECORD, value."""
    new = "" if path.exists() else tables.header()
    rows = [tables.row(MIDNIGHT + timedelta(seconds=s), record, v, 2, 3, 7999, -v) for s, record, v in lines]
    with path.open("a", newline="") as file:
        file.write(new + "".join(rows))


def values(store: SqliteStore, feed: Feed) -> list[tuple[float, object]]:
    return [((row["time"] - ZERO) / SECOND, row.get("PPFD")) for row in bins(store, feed)]


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(st.one_of(GROW, GROW, READ, TICK, TICK), min_size=1, max_size=9))
def test_any_sequence_of_reads_leads_to_the_bins_of_one(acts: list[tuple[object, ...]]) -> None:
    with TemporaryDirectory() as name, new_store() as store:
        feed = binned(Path(name))
        for act in [("grow", "46m_a.dat", [(7, 1, 1.0)]), *acts]:
            match act:
                case ("grow", str(file), list(lines)):
                    grow(Path(name) / file, lines)
                case ("read", int(day), bool(whole)):
                    deliver(store, feed, DAYS[day], DAYS[day], NOON, whole=whole)
                case _:
                    tick(store, feed, NOON)
        settle(store, feed, NOON)
        assert bins(store, feed) == at_once(feed, NOON)
        settle(store, feed, LATER)
        audit(store, feed, LATER)
        assert bins(store, feed) == at_once(feed, LATER)
        assert all(row.proven for day, row in store.ledger(feed.asset).items() if day in DAYS)
        assert store.quarantined(feed.asset) == []


def test_a_bin_is_stored_when_it_is_over(tmp_path: Path, embedded: SqliteStore) -> None:
    feed = binned(tmp_path)
    grow(tmp_path / "46m_a.dat", [(172_805, 1, 2.0), (172_815, 2, 4.0)])
    settle(embedded, feed, NOON)
    assert values(embedded, feed) == [(172_800, 3.0)]
    grow(tmp_path / "46m_a.dat", [(172_821, 3, 6.0)])
    settle(embedded, feed, NOON)
    assert values(embedded, feed) == [(172_800, 3.0), (172_810, 5.0)]
    audit(embedded, feed, LATER)
    assert values(embedded, feed) == [(172_800, 3.0), (172_810, 5.0), (172_820, 6.0)], "ended by midnight"


def test_a_late_row_corrects_its_bin_on_whatever_day(tmp_path: Path, embedded: SqliteStore) -> None:
    feed = binned(tmp_path)
    grow(tmp_path / "46m_a.dat", [(5, 1, 2.0), (15, 2, 4.0), (172_805, 3, 1.0)])
    settle(embedded, feed, NOON)
    audit(embedded, feed, NOON)
    assert embedded.ledger(feed.asset)[DAYS[0]].proven
    grow(tmp_path / "46m_a.dat", [(2, 4, 12.0), (172_815, 5, 1.0)])
    tick(embedded, feed, NOON)
    assert embedded.ledger(feed.asset)[DAYS[0]].stale, "seen by the bins of a day that was not read"
    settle(embedded, feed, NOON)
    assert values(embedded, feed)[:2] == [(0, 12 * 0.2 + 2 * 0.3 + 4 * 0.5), (10, 4.0)]
    assert embedded.quarantined(feed.asset) == []


def test_rows_of_a_read_day_that_change_no_bin_open_nothing(tmp_path: Path, embedded: SqliteStore) -> None:
    feed = binned(tmp_path, fields={"PPFD": {}})
    grow(tmp_path / "46m_a.dat", [(5, 1, 2.0), (15, 2, 2.0), (172_805, 3, 1.0)])
    audit(embedded, feed, NOON)
    settle(embedded, feed, NOON)
    for late, opened in ((2.0, False), (3.0, True)):
        grow(tmp_path / "46m_a.dat", [(7, 4, late)])
        deliver(embedded, feed, DAYS[2], DAYS[2], NOON)
        row = embedded.ledger(feed.asset)[DAYS[0]]
        assert (row.stale, row.proven) == (opened, not opened)


def test_fields_are_floats_and_rules_work_on_bins(tmp_path: Path, embedded: SqliteStore) -> None:
    grow(tmp_path / "46m_a.dat", [(5, 1, 100.0), (10, 2, 200.0)])
    rules = {"PPFD": {"range": {"fail": [0, 140]}}}
    feed = binned(tmp_path, {"every": "10s", "longest": "1min"}, quality=rules, computed={"Half": "PPFD / 2"})
    assert [(one.name, one.type, one.unit) for one in feed.fields] == [
        ("PPFD", "float", "umol/m^2/s"),
        ("RECORD", "float", ""),
        ("Solar", "float", ""),
    ]
    assert feed.interval == 10 * SECOND
    result = materialize(feed, str(DAYS[0]))
    rows = embedded.fetch("Fastdata", Window.of_days(DAYS[0], DAYS[0]))
    names = ["PPFD", "PPFD_qc", "Half", "RECORD"]
    assert rows.select(names).rows() == [(150.0, 4, 75.0, 1.5), (200.0, 4, 100.0, 2.0)]
    (shown,) = result.asset_materializations_for_node("umbs__tower")
    assert shown.metadata["source files"].value == "46m_a.dat"


def test_a_bin_of_another_length_is_another_version(tmp_path: Path) -> None:
    versions = {
        binned(tmp_path, one).version for one in (None, "1s", "10s", {"every": "1s", "longest": "2s"})
    }
    assert len(versions) == 4


def test_pieces_stay_in_quarantine_and_are_told_what_to_do(tmp_path: Path, embedded: SqliteStore) -> None:
    path = tmp_path / "46m_a.dat"
    grow(path, [(5, 1, 2.0)])
    path.write_text(path.read_text() + tables.row(MIDNIGHT, 2, "broken", 2, 3, 7999, 5))
    feed = binned(tmp_path)
    for _ in range(2):
        deliver(embedded, feed, DAYS[0], DAYS[0], LATER, whole=True)
    (piece,) = embedded.quarantined(feed.asset)
    counts = embedded.ledger(feed.asset)[DAYS[0]].counts
    assert (counts.read, counts.repeated, counts.quarantined) == (2, 1, 1)
    (reject,) = [r for b in source_of(feed).read(_asked()).batches for r in b.rejects]
    assert piece.reason == reject.reason
    (again,) = source_of(feed).again(reject, LATER).batches
    assert again.rejects[0].reason == reject.reason
    with pytest.raises(SourceError, match="materialize 2021-06-25 with `replace: true`"):
        source_of(binned(tmp_path, fields={"PPFD": {"type": "text"}})).again(reject, LATER)


def test_many_rows_lie_on_disk_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(tmp_path / "46m_a.dat", [(s, s, float(s % 7)) for s in range(0, 200_000, 900)])
    feed = binned(tmp_path)
    in_memory = at_once(feed, LATER)
    monkeypatch.setattr(Gathered.__init__, "__defaults__", (0,))
    assert at_once(feed, LATER) == in_memory != []


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return small(tmp_path / "archive.db")


def test_an_archive_is_read_by_days_and_counted_in_bins(archive: Archive, embedded: SqliteStore) -> None:
    archive.mtrs((101, after(1), 1.0), (101, after(3), 3.0), (102, after(1), 5.0))
    archive.plc((201, after(90_000), 7.0))
    feed = archive_lab.feed_of(archive, bin="2s")
    source = feed.source
    assert isinstance(source, TimedSource) and not isinstance(source, DatedSource)
    assert source.tags == ("channel", "chip", "module", "source")
    now = START + 40 * DAY
    deliver(embedded, feed, FIRST, FIRST + timedelta(days=1), now, whole=True)
    counted = source.count_series(Window(START, START + 3 * DAY))
    assert sorted(counted.select("channel", "rows").rows()) == [("0", 2), ("1", 1), ("1", 1)]
    days = [FIRST, FIRST + timedelta(days=1)]
    found = recount(embedded, source, feed.asset, feed.measurement, days, now)
    assert (found.in_source, found.in_store, dict(found.reopened)) == (4, 4, {})
    archive.mtrs((101, after(7), 1.0))
    found = recount(embedded, source, feed.asset, feed.measurement, days, now)
    assert dict(found.reopened) == {FIRST: 2}
    deliver(embedded, feed, FIRST, FIRST, now)
    assert not recount(embedded, source, feed.asset, feed.measurement, days, now).reopened
    assert bins(embedded, feed) == at_once(feed, now)


def test_of_rivals_in_an_archive_the_larger_counts_in_any_order(
    archive: Archive, embedded: SqliteStore
) -> None:
    feed = archive_lab.feed_of(archive, bin="1min")
    now = START + 40 * DAY
    for value in (4.0, 8.0, 6.0):
        archive.mtrs((101, after(30), value))
        deliver(embedded, feed, FIRST, FIRST, now)
        assert bins(embedded, feed) == at_once(feed, now)
    assert [row["value"] for row in bins(embedded, feed)] == [8.0]
    assert embedded.quarantined(feed.asset) == [], "a bin that changes is a correction"


def _asked() -> Request:
    return Request(Window.of_days(DAYS[0], DAYS[0]), NOWHERE, NOWHERE, LATER)
