"""Numbers of events that are missing, and those that were used again, run by run."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date

import dagster as dg
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster import settings
from labmon_dagster.components.event_numbers import EventNumbers, Numbers, redelivered
from labmon_dagster.components.feed import Verdict
from labmon_dagster.landing import Delivery, DocumentLanding
from labmon_dagster.landing.document_retry import retry_documents
from labmon_dagster.model import Mark, Reject
from labmon_dagster.model.documents import DocumentBatch, Documents
from labmon_dagster_tests.components.event_lab import ASSET, COLLECTION, FIRST, NOW, Event, keep
from labmon_dagster_tests.stores.documents.conftest import STORES, url

__all__ = ["url"]


@pytest.fixture(params=STORES)
def lab(request: pytest.FixtureRequest, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.url_variable(settings.DOCUMENTS), url)


def look(*days: date) -> Verdict:
    with closing(settings.open_documents()) as store:
        return EventNumbers(ASSET, COLLECTION)(store, list(days) or [FIRST])


def table(verdict: Verdict) -> list[list[str]]:
    shown = verdict.shown["runs"]
    assert isinstance(shown, dg.MarkdownMetadataValue)
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in str(shown.value).split("\n")[2:]
    ]


@pytest.mark.usefixtures("lab")
def test_numbers_that_are_missing_or_used_again_are_told() -> None:
    numbers = [*range(10), *range(12, 15), *range(100, 103)]
    keep([Event(number, number) for number in numbers])
    keep([Event(3, 500), Event(7, run=2), Event(8, run=2, detector=5)])
    verdict = look()
    assert not verdict.passed
    assert verdict.shown["events lost"] == 2 + 85
    assert verdict.shown["numbers used again"] == 1
    assert verdict.shown["runs looked at"] == 3
    worst, *others = table(verdict)
    assert worst == ["0", "1", "17", "0", "102", "87", "1", "10–11, 15–99"]
    assert others == [["0", "2", "1", "7", "7", "0", "0", ""], ["5", "2", "1", "8", "8", "0", "0", ""]]


@pytest.mark.usefixtures("lab")
def test_all_is_well_where_none_is_missing() -> None:
    keep([Event(number) for number in range(5)])
    keep([Event(number, received=1) for number in range(5, 9)])
    verdict = look(FIRST, FIRST.fromordinal(FIRST.toordinal() + 1))
    assert verdict.passed
    assert (verdict.shown["events lost"], verdict.shown["numbers used again"]) == (0, 0)


def test_only_runs_of_lately_are_looked_at() -> None:
    keep([Event(1), Event(5)])
    keep([Event(1, 3000, run=2, received=1)])
    assert look().shown["runs looked at"] == 1
    assert look(FIRST.fromordinal(FIRST.toordinal() + 1)).passed


def test_without_events_all_is_well() -> None:
    with closing(settings.open_documents()) as store:
        assert EventNumbers(ASSET, COLLECTION)(store, []).passed


@pytest.mark.usefixtures("lab")
def test_a_piece_that_was_stored_after_all_is_no_event_that_came_again() -> None:
    given_in = [Event(1), Event(2), Event(2), Event(3)]
    refused = Reject("no run", "{}", "f:4", FIRST)
    batch = DocumentBatch(
        COLLECTION, tuple(one.document for one in given_in[:3]), str(FIRST), Mark(4), (refused,)
    )
    delivery = Delivery(ASSET, COLLECTION, (FIRST,), by_receipt=True, by_content=True)
    with closing(settings.open_documents()) as store:
        DocumentLanding(store, delivery, NOW).land(Documents(iter([batch])))
        assert redelivered(store.ledger(ASSET).values()) == 1
        (piece,) = store.quarantined(ASSET)
        again = replace(batch, documents=(given_in[3].document,), rejects=())
        assert retry_documents(
            store, piece, [again], collection=COLLECTION, version="", by_receipt=True, by_content=True
        ).stored
        assert redelivered(store.ledger(ASSET).values()) >= 0


@given(
    st.lists(
        st.integers(-(2**40), 2**40) | st.integers(0, 30) | st.sampled_from([-(2**63), 2**63 - 1]),
        min_size=1,
        max_size=40,
    )
)
def test_counted_one_by_one_it_is_the_same(given_numbers: list[int]) -> None:
    found = Numbers.of(1, 2, pl.Series(sorted(given_numbers), dtype=pl.Int64))
    different = set(given_numbers)
    assert found.again == len(given_numbers) - len(different)
    assert found.lost == max(different) - min(different) + 1 - len(different)
    assert (found.first, found.last) == (min(different), max(different))
    assert all(
        first <= last and first - 1 in different and last + 1 in different for first, last in found.gaps
    )
    if len(found.gaps) < 5:
        assert sum(last - first + 1 for first, last in found.gaps) == found.lost
