"""What the ledger says of a day after a read, and when it says that nothing is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from labmon_dagster.landing import ask
from labmon_dagster.landing.tally import Tallies
from labmon_dagster.model import DAY, Batch, Field, FieldType, Mark, Measurement, Reject, Window
from labmon_dagster.stores import Counts, LedgerError, LedgerRow, ReadingStore, SqliteStore
from labmon_dagster_tests.landing.growing import DiedError, Growing, World, day
from labmon_dagster_tests.landing.rows import (
    ASSET,
    FIRST,
    LATER,
    NAME,
    START,
    Row,
    batch,
    delivery,
    land,
    stored,
)

ROWS = [Row(n, "a", 1.0, place=n) for n in range(3)]


def row_of(store: ReadingStore, number: int = 0) -> LedgerRow:
    return store.ledger(ASSET)[day(number)]


def test_a_past_day_read_as_a_whole_is_proven(store: ReadingStore) -> None:
    land(store, delivery(0, 1, run="r", version="v"), [batch([*ROWS, ROWS[0]], 7)])
    row, empty = row_of(store), row_of(store, 1)
    assert (row.proven, row.verdict, row.in_store, row.tries) == (True, "stored", 3, 0)
    assert row.counts == Counts(read=4, stored=3, repeated=1)
    assert (row.first, row.last, row.covered) == (START, START + 2, "whole day")
    assert (row.read_until, row.run, row.version, row.written) == ({"s": Mark(7)}, "r", "v", LATER)
    assert (empty.proven, empty.verdict, empty.in_store) == (True, "empty", 0)


@pytest.mark.parametrize("now", [START, START + DAY - 1])
def test_a_day_that_is_not_over_is_not_proven(store: ReadingStore, now: int) -> None:
    land(store, delivery(), [batch(ROWS)], now)
    assert not row_of(store).proven
    land(store, delivery(), [batch(ROWS)], START + DAY)
    assert row_of(store).proven


def test_trouble_hinders_proof_and_is_counted(store: ReadingStore) -> None:
    for tries in (1, 2):
        land(store, delivery(), [batch(ROWS)], trouble=["f is away", "g too"])
        row = row_of(store)
        assert (row.proven, row.tries, row.trouble, row.in_store) == (False, tries, "f is away; g too", 3)
    land(store, delivery(), [batch(ROWS)])
    assert (row_of(store).proven, row_of(store).tries, row_of(store).trouble) == (True, 0, "")


def test_a_store_that_lacks_rows_hinders_proof(store: ReadingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "count", lambda *_: {})
    land(store, delivery(), [batch(ROWS)])
    assert row_of(store).trouble == "the store lacks 3 of 3 readings"
    assert not row_of(store).proven


def test_a_news_read_that_met_nothing_keeps_figures_and_proof(store: ReadingStore) -> None:
    land(store, delivery(run="first"), [batch(ROWS)])
    land(store, delivery(whole=False, run="second"), [batch([], 9)], LATER + 1)
    row = row_of(store)
    assert (row.counts, row.proven, row.verdict, row.run) == (
        Counts(read=3, stored=3),
        True,
        "stored",
        "first",
    )
    assert (row.read_until, row.written) == ({"s": Mark(9)}, LATER + 1)


def test_a_news_read_that_stored_nothing_keeps_the_proof(store: ReadingStore) -> None:
    land(store, delivery(), [batch(ROWS)])
    land(store, delivery(whole=False), [batch(ROWS[:1], 9)])
    assert row_of(store).proven
    assert row_of(store).counts == Counts(read=1, repeated=1)


def test_a_news_read_that_stored_something_must_be_proven_anew(store: ReadingStore) -> None:
    land(store, delivery(), [batch(ROWS)])
    land(store, delivery(whole=False), [batch([Row(9, "a", 1.0, place=9)], 9)])
    row = row_of(store)
    assert (row.proven, row.verdict, row.in_store) == (False, "", 4)
    assert (row.first, row.last) == (START, START + 9)


def test_the_pause_before_another_whole_read_is_not_stretched_by_news(store: ReadingStore) -> None:
    land(store, delivery(), [batch(ROWS)], trouble=["f is away"])
    land(store, delivery(whole=False), [batch([], 9)], LATER + 5)
    assert (row_of(store).written, row_of(store).tries, row_of(store).trouble) == (LATER, 1, "f is away")


def test_lost_rows_fail_the_read_and_leave_the_ledger(
    store: ReadingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tallies, "judged", lambda *_: None)
    with pytest.raises(LedgerError, match=r"lab/table 2024-05-01: 3 rows read, but 0 accounted for"):
        land(store, delivery(), [batch(ROWS)])
    assert store.ledger(ASSET) == {}
    if isinstance(store, SqliteStore):
        assert stored(store).is_empty(), "the last batch is taken back with it"


def test_a_row_lost_in_judging_fails_the_read(store: ReadingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = Tallies.judged
    monkeypatch.setattr(Tallies, "judged", lambda self, rows, *how: judged(self, rows.head(2), *how))
    with pytest.raises(LedgerError):
        land(store, delivery(), [batch(ROWS)])


def test_pieces_and_misfits_are_counted_and_kept_whole(store: ReadingStore) -> None:
    land(store, delivery(), [batch(ROWS)])
    textual = Measurement(NAME, ("site",), (Field("x", FieldType.TEXT), Field("y", FieldType.INTEGER)))
    odd = batch([Row(5, "a", "oops", 2), Row(6, "a", None, 3)], measurement=textual)  # type: ignore[arg-type]
    reject = Reject("not a row", "?!", "f:9", FIRST, "header")
    land(store, delivery(), [replace(odd, rejects=(reject,))])
    assert row_of(store).counts == Counts(read=3, stored=1, quarantined=2)
    unfit, unreadable = sorted(store.quarantined(ASSET), key=lambda piece: piece.kind)
    assert unfit.raw == '{"x": "oops", "y": 2}'
    assert unfit.reason == "oops in field x is text, but the store holds float"
    assert unfit.identity == '{"time": "2024-05-01T00:00:00.000000005Z", "site": "a"}'
    assert (unreadable.raw, unreadable.place, unreadable.context) == ("?!", "f:9", "header")


def test_rows_of_other_days_wait_and_are_found_by_news(store: ReadingStore) -> None:
    world = World(store, Growing(2, {"f": [0, 0, 1, 1, 2]}))
    world.deliver(0, 0, True)
    assert {n: (row.stale, row.was_read) for n in range(3) for row in [row_of(store, n)]} == {
        0: (False, True),
        1: (True, False),
        2: (True, False),
    }
    request = ask(world.source, store.ledger(ASSET), [day(2)], world.now, whole=False)
    assert {stream: mark.offset for stream, mark in request.since.items()} == {"f": 4}


def test_a_whole_read_does_not_unsettle_days_that_end_within_its_batches(store: ReadingStore) -> None:
    """A batch may begin in front of where a proven day was read to, and end behind it."""
    world = World(store, Growing(100, {"f": [0, 0, -1, 1]}))
    world.deliver(0, 1, True)
    world.source.streams["f"] += [2]
    world.deliver(2, 2, True)
    assert row_of(store, 0).proven and row_of(store, 1).proven
    world.source.streams["f"] += [0, -2]
    world.deliver(2, 2, True)
    assert row_of(store, 0).stale and row_of(store, 1).stale


def test_losers_and_misfits_met_again_do_not_unsettle_a_day(store: ReadingStore) -> None:
    integers = Measurement(NAME, ("site",), (Field("x", FieldType.INTEGER), Field("y", FieldType.INTEGER)))
    land(store, delivery(4, 4), [batch([Row(4 * DAY, "a", 1, 1)], 1, measurement=integers)])
    first = [Row(0, "a", 1, place=1), Row(0, "a", 2, place=2), Row(1, "a", 0.5)]
    land(store, delivery(), [batch(first, 3)])
    assert row_of(store).counts == Counts(read=3, stored=1, collided=1, quarantined=1)
    for more, stale in (([], False), ([Row(0, "a", 1.5, place=9)], True)):
        land(store, delivery(1, 1), [batch([*first, *more, Row(DAY, "a", 1)], 9)])
        assert row_of(store).stale is stale


def test_replace_takes_away_what_the_asset_wrote_and_nothing_else(store: ReadingStore) -> None:
    retagged = Measurement(NAME, ("other",), (Field("x"),))
    other = replace(delivery(), asset="lab/other")
    land(store, delivery(0, 1), [batch([*ROWS, Row(DAY, "a", 5.0)])])
    land(store, other, [batch([Row(1, "b", 2.0)])])
    columns = {"time": [START], "other": ["z"], "x": [9.0], "_order": [0], "_place": [0]}
    import pyarrow as pa

    rows = pa.RecordBatch.from_pydict(columns, schema=retagged.schema)
    land(store, delivery(replace=True), [Batch(retagged, rows, "s", Mark(2))])
    found = stored(store)
    assert sorted(zip(found["site"], found["other"], found["x"], strict=True)) == [
        ("", "z", 9.0),
        ("a", "", 5.0),
        ("b", "", 2.0),
    ]
    assert row_of(store).proven


def test_replace_that_dies_leaves_the_days_to_be_read(store: ReadingStore) -> None:
    world = World(store, Growing(1, {"f": [0, 1]}))
    world.deliver(0, 1, True)
    world.deliver(0, 0, True, replace=True, fails_after=0)
    assert world.rows == ["f1"]
    row = row_of(store)
    assert (row.stale, row.proven, row.read_until) == (True, False, {})
    world.catch_up()
    assert world.rows == ["f0", "f1"]


def test_no_removal_that_dies_leaves_a_day_proven_without_its_rows(
    store: ReadingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(store, delivery(), [batch(ROWS)])
    delete = store.delete

    def dies(owner: int, window: Window) -> None:
        delete(owner, window)
        raise DiedError

    monkeypatch.setattr(store, "delete", dies)
    with pytest.raises(DiedError):
        land(store, delivery(replace=True), [batch(ROWS)])
    row = row_of(store)
    if isinstance(store, SqliteStore):
        assert row.proven and stored(store).height == 3
    else:
        assert stored(store).is_empty()
        assert (row.stale, row.proven, row.read_until) == (True, False, {})


def test_the_source_is_closed_when_the_store_fails(
    store: ReadingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []

    def source() -> Iterator[Batch]:
        try:
            yield batch(ROWS)
            yield batch(ROWS)
        finally:
            closed.append(True)

    monkeypatch.setattr(store, "write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        land(store, delivery(), source())
    assert closed == [True]


def test_a_delivery_has_days_in_a_row() -> None:
    good = delivery(0, 2)
    for days in ((), (good.days[0], good.days[2]), good.days[::-1]):
        with pytest.raises(ValueError, match="days in a row"):
            replace(good, days=days)
