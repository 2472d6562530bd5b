"""What every store does with ledger, quarantine and transactions."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from labmon_dagster.model import Mark
from labmon_dagster.stores import Counts, LedgerRow, Quarantined, ReadingStore

ONE, TWO = date(2024, 5, 1), date(2024, 5, 2)
FULL = LedgerRow(
    asset="lab/table",
    day=ONE,
    read_until={"f": Mark(9, {"name": "ü", "size": 3, "open": True, "last": None}), "g": Mark(2**62)},
    covered="whole day",
    counts=Counts(21, 1, 2, 3, 7, 8),
    first=-5,
    last=2**62,
    in_store=4,
    stale=True,
    proven=True,
    verdict="stored",
    tries=3,
    trouble='it\'s "odd"',
    run="run",
    version="v",
    written=17,
)
PIECE = Quarantined("i1", "lab/table", ONE, "unfit", "why", "raw\0\n", "f:1", "head", '{"t": 1}', "run", 5)


def test_ledger_rows_come_back_as_they_were(store: ReadingStore) -> None:
    bare = LedgerRow("lab/table", TWO)
    store.enter([bare, FULL, replace(FULL, asset="lab/other")])
    assert list(store.ledger("lab/table").items()) == [(ONE, FULL), (TWO, bare)]
    assert store.assets() == ["lab/other", "lab/table"]
    assert store.ledger("nobody") == {}


def test_a_ledger_row_replaces_the_one_before(store: ReadingStore) -> None:
    store.enter([FULL])
    store.enter([LedgerRow("lab/table", ONE, covered="news")])
    assert store.ledger("lab/table") == {ONE: LedgerRow("lab/table", ONE, covered="news")}


def test_a_piece_met_again_keeps_when_it_was_first_met(store: ReadingStore) -> None:
    store.quarantine([PIECE])
    store.quarantine([replace(PIECE, run="later", met=9, place="f:2", reason="still")])
    assert store.quarantined() == [replace(PIECE, place="f:2", reason="still")]


def test_pieces_are_found_by_asset_and_day(store: ReadingStore) -> None:
    later, other = replace(PIECE, id="i2", day=TWO, met=1), replace(PIECE, id="i3", asset="lab/other")
    store.quarantine([later, PIECE, other])
    assert store.quarantined() == [other, PIECE, later]
    assert store.quarantined("lab/table") == [PIECE, later]
    assert store.quarantined(days=[ONE]) == [other, PIECE]
    assert store.quarantined("lab/table", [TWO]) == [later]
    assert store.quarantined("lab/table", []) == []
    store.release(["i1", "i3", "unknown"])
    assert store.quarantined() == [later]


def test_a_closed_store_opens_again(store: ReadingStore) -> None:
    store.enter([FULL])
    store.close()
    store.close()
    assert store.ledger("lab/table") == {ONE: FULL}
