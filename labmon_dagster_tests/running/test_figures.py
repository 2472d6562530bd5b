"""The figures `labmon up` shows: what the lab's own stores hold, and what has come since the start."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from labmon_dagster.running.figures import Books, Figures
from labmon_dagster.running.lab import in_words
from labmon_dagster.settings import DOCUMENTS, StoreKey, open_documents, open_store
from labmon_dagster.stores import Counts, LedgerRow, StoreError

DAY = date(2024, 5, 1)


def enter(*, documents: int | None = None, readings: int | None = None, written: int = 1) -> None:
    """Write what the ledgers say of a day: of one asset in each store."""
    for opened, asset, rows in ((open_documents, "x/notes", documents), (open_store, "x/levels", readings)):
        if rows is not None:
            with closing(opened()) as store:
                counts = Counts(read=rows, stored=rows)
                store.enter([LedgerRow(asset, DAY, {}, "news", counts, 0, rows, rows, written=written)])


@pytest.mark.usefixtures("home")
def test_rows_and_documents_are_counted_together() -> None:
    books = Books(since=100)
    assert books.look() == Figures()
    enter(documents=2)
    assert books.look() == Figures(2, ("x/notes",), 2, 2)
    enter(documents=2, readings=5)
    assert books.look() == Figures(7, ("x/levels", "x/notes"), 7, 5)


@pytest.mark.usefixtures("home")
def test_what_was_there_before_the_start_is_not_new() -> None:
    enter(documents=2, readings=5)
    books = Books(since=100)
    assert books.look() == Figures(0, (), 7, 5)
    enter(documents=3, written=200)
    assert books.look() == Figures(1, ("x/notes",), 8, 5)


def test_a_store_that_is_away_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", "mongodb://127.0.0.1:1/lab")
    with pytest.raises(StoreError, match="is away"):
        Books(0, [StoreKey(DOCUMENTS, True)]).look()
    assert not home.exists()
    enter(readings=5)
    figures = Books(since=100).look()
    assert figures.rows_in_store == 5 and "is away" in figures.trouble
    assert in_words(figures).startswith("0 rows stored since the start, 5 in all")
    assert "is away" in in_words(figures)


@pytest.mark.usefixtures("home")
def test_a_store_that_goes_away_meanwhile_keeps_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    enter(documents=2, readings=5)
    books = Books(since=100)
    books.look()
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", "mongodb://127.0.0.1:1/lab")
    enter(readings=6)
    figures = books.look()
    assert (figures.rows, figures.rows_in_store, figures.assets) == (1, 8, ("x/levels",))
    monkeypatch.delenv("LABMON_DOCUMENTS_URL")
    assert books.look() == Figures(1, ("x/levels",), 8, 6)
