"""Ledger, quarantine and transactions of the stores of documents: the same as those of readings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster_tests.stores.documents.records import document, everything, put
from labmon_dagster_tests.stores.test_books import (
    FULL,
    ONE,
    PIECE,
    test_a_ledger_row_replaces_the_one_before,
    test_a_piece_met_again_keeps_when_it_was_first_met,
    test_ledger_rows_come_back_as_they_were,
    test_pieces_are_found_by_asset_and_day,
)

__all__ = [
    "test_a_ledger_row_replaces_the_one_before",
    "test_a_piece_met_again_keeps_when_it_was_first_met",
    "test_ledger_rows_come_back_as_they_were",
    "test_pieces_are_found_by_asset_and_day",
]


def test_what_is_written_in_a_transaction_is_there_behind_it(store: DocumentStore) -> None:
    with store.transaction():
        put(store, "runs", [document("a")])
        with store.transaction():
            store.quarantine([PIECE])
        store.enter([FULL])
    assert len(everything(store)) == 1
    assert (store.ledger("lab/table"), store.quarantined()) == ({ONE: FULL}, [PIECE])


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_transaction_of_sqlite_is_kept_whole_or_not_at_all(store: DocumentStore) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction():
        put(store, "runs", [document("a")])
        store.enter([FULL])
        raise ZeroDivisionError
    assert (store.collections(), store.ledger("lab/table")) == ([], {})
    put(store, "runs", [document("a")])
    assert store.collections() == ["runs"]


def test_pieces_are_kept_whole_however_long_they_are(store: DocumentStore) -> None:
    """A record of MongoDB has at most 16 MB, a piece of a source may be longer."""
    long = replace(PIECE, id="long", raw="ü" * 20_000_000 + "end")
    store.quarantine([long, PIECE])
    store.quarantine([long])
    assert store.quarantined() == [PIECE, long]
    store.release(["long"])
    assert store.quarantined() == [PIECE]


def test_the_books_are_no_collections(store: DocumentStore) -> None:
    store.enter([FULL])
    store.quarantine([PIECE])
    assert store.collections() == []
