"""Events are counted by the minute in which they happened, whenever they came, and each one once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from itertools import chain

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from labmon_dagster import settings
from labmon_dagster.landing import Delivery, DocumentLanding
from labmon_dagster.landing.document_retry import retry_documents
from labmon_dagster.model import DAY, Mark, Reject, Window
from labmon_dagster.model.documents import DocumentBatch, Documents
from labmon_dagster.stores import SqliteStore
from labmon_dagster.stores.documents.sqlite import SqliteDocuments
from labmon_dagster_tests.components.binned_lab import audit, bins, deliver, new_store, settle, tick
from labmon_dagster_tests.components.event_lab import (
    ASSET,
    COLLECTION,
    FIRST,
    MINUTE,
    NOW,
    START,
    Event,
    keep,
    rates,
)
from labmon_dagster_tests.stores.documents.conftest import STORES, url

__all__ = ["url"]

HOUR = 60
Row = tuple[int, str, str, str, int]


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    with new_store() as made:
        yield made


def rows(store: SqliteStore) -> list[Row]:
    """Minute, detector, trigger bit, block and number of events."""
    return [
        (
            (one["time"] - START) // MINUTE,
            one["detector"],
            one["trigger_bit"],
            one["block"],
            one["events"],
        )
        for one in bins(store, rates())
    ]


def expected(events: Sequence[Event]) -> list[Row]:
    counts: Counter[tuple[int, str, str, str]] = Counter()
    for one in events:
        detector = str(one.detector)
        counts[one.minute, detector, "", ""] += 1
        if one.block is not None:
            counts[one.minute, detector, "", str(one.block)] += 1
        for bit in range(63):
            if one.bits is not None and one.bits > 0 and one.bits >> bit & 1:
                counts[one.minute, detector, str(bit), ""] += 1
    return sorted((*key, count) for key, count in counts.items())


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_events_are_counted_by_detector_bit_and_block(
    url: str, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.url_variable(settings.DOCUMENTS), url)
    events = [
        Event(1, bits=0x47, block=2),
        Event(2, bits=0x10, block=2),
        Event(3, 1, bits=None, block=0),
        Event(4, 1, detector=7, bits=1 << 62),
        Event(5, 2, bits=-1),
        Event(6, 2, bits=0),
    ]
    keep(events)
    settle(store, rates(), NOW)
    found = rows(store)
    assert sorted(found) == expected(events)
    assert (0, "0", "", "", 2) in found
    assert (0, "0", "6", "", 1) in found
    assert (1, "7", "62", "", 1) in found
    assert (0, "0", "", "2", 2) in found
    ledger = store.ledger("cosmic/rates")
    assert ledger[FIRST].in_store == len(found)
    assert not store.quarantined()


def test_the_interval_is_that_of_the_yaml(store: SqliteStore) -> None:
    keep([Event(1), Event(2, 59), Event(3, 60)])
    feed = rates(interval="1h")
    settle(store, feed, NOW)
    total = [(one["time"] - START, one["events"]) for one in bins(store, feed) if not one["trigger_bit"]]
    assert total == [(0, 2), (60 * MINUTE, 1)]
    assert feed.version != rates().version


@pytest.mark.parametrize("interval", ["7s", "25h", "2d"])
def test_an_interval_divides_a_day(interval: str) -> None:
    with pytest.raises(ValueError, match="a day must be a whole number of them"):
        rates(interval=interval)


def test_nothing_new_is_no_news(store: SqliteStore) -> None:
    assert tick(store, rates(), NOW)  # the days that were never read
    assert not tick(store, rates(), NOW)
    keep([Event(1, 4 * 24 * HOUR)])
    assert tick(store, rates(), NOW)
    assert not tick(store, rates(), NOW)


def test_late_events_correct_the_counts_of_their_day(store: SqliteStore) -> None:
    """A dump of old events comes days later: nothing collides, and the days are proven once more."""
    early = [Event(1), Event(2, 30)]
    keep(early)
    settle(store, rates(), NOW)
    audit(store, rates(), NOW)
    assert store.ledger("cosmic/rates")[FIRST].proven
    late = [Event(3, received=4), Event(4, 31, received=4)]
    keep(late, NOW + 1)
    settle(store, rates(), NOW)
    audit(store, rates(), NOW)
    assert sorted(rows(store)) == expected([*early, *late])
    assert store.ledger("cosmic/rates")[FIRST].proven
    assert not store.quarantined()


def test_what_comes_while_the_store_of_counts_is_away_is_not_forgotten(store: SqliteStore) -> None:
    keep([Event(1)])
    settle(store, rates(), NOW)
    audit(store, rates(), NOW)
    for week in range(1, 9):  # old events come, others later; nothing is counted meanwhile
        keep([Event(100 + week, week, received=week)], NOW + week * 7 * DAY)
    settle(store, rates(), NOW)
    audit(store, rates(), NOW)
    assert {minute for minute, *_ in rows(store)} == set(range(9))


def test_what_leaves_quarantine_is_counted_however_late(store: SqliteStore) -> None:
    reject = Reject("no detector", "{}", "f:1", FIRST)
    batch = DocumentBatch(COLLECTION, (Event(1).document,), str(FIRST), Mark(1), (reject,))
    delivery = Delivery(
        ASSET, COLLECTION, (FIRST,), by_receipt=True, by_content=True, stream_of=date.isoformat
    )
    with closing(settings.open_documents()) as documents:
        DocumentLanding(documents, delivery, NOW).land(Documents(iter([batch])))
    keep([Event(2, 4 * 24 * HOUR, received=4)], NOW + 3 * DAY)
    settle(store, rates(), NOW)
    with closing(settings.open_documents()) as documents:
        (piece,) = documents.quarantined(ASSET)
        told = replace(batch, documents=(Event(3, 30).document,), rejects=())
        assert retry_documents(
            documents, piece, [told], collection=COLLECTION, version="", by_receipt=True, by_content=True
        ).stored
    settle(store, rates(), NOW)
    assert {minute for minute, *_ in rows(store)} == {0, 30, 4 * 24 * HOUR}


def test_events_decoded_anew_are_counted_anew_with_replace(store: SqliteStore) -> None:
    """Another epoch moves them: the rows of where they were go, as the run's `replace` says."""
    keep([Event(1), Event(2, 30)])
    settle(store, rates(), NOW)
    moved = tuple(replace(one.document, time=one.document.time + DAY) for one in (Event(1), Event(2, 30)))
    delivery = Delivery(
        ASSET, COLLECTION, (FIRST,), version="new", by_receipt=True, by_content=True, stream_of=date.isoformat
    )
    with closing(settings.open_documents()) as documents:
        batch = DocumentBatch(COLLECTION, moved, str(FIRST), Mark(1))
        DocumentLanding(documents, delivery, NOW).land(Documents(iter([batch])))
    deliver(store, rates(), FIRST, FIRST.fromordinal(FIRST.toordinal() + 1), NOW, whole=True, anew=True)
    assert {minute for minute, *_ in rows(store)} == {24 * HOUR, 24 * HOUR + 30}


def test_a_dump_of_months_ago_is_looked_for_once_a_day(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A detector whose clock is not set has events of years ago every day: not all is counted each minute."""
    later = NOW + 60 * DAY
    keep([Event(1)])
    settle(store, rates(), NOW)
    audit(store, rates(), NOW)
    today = [Event(8, 65 * 24 * HOUR, received=65), Event(9, 65 * 24 * HOUR + 1, received=65)]
    keep(today[:1], later)
    settle(store, rates(), later)
    keep([Event(2, 30, received=65), today[1]], later + 1)
    asked: list[Window] = []
    count = SqliteDocuments.count

    def counted(self: SqliteDocuments, collection: str, window: Window, bucket: int) -> dict[int, int]:
        asked.append(window)
        return count(self, collection, window, bucket)

    monkeypatch.setattr(SqliteDocuments, "count", counted)
    settle(store, rates(), later)
    assert asked and all(window.start >= later - 40 * DAY for window in asked)
    audit(store, rates(), later + DAY)  # finds it
    audit(store, rates(), later + DAY)
    assert {minute for minute, *_ in rows(store)} == {0, 30, 65 * 24 * HOUR, 65 * 24 * HOUR + 1}


EVENTS = st.builds(
    Event,
    st.integers(0, 10**6),
    st.integers(0, 3 * 24 * HOUR - 1),
    detector=st.integers(0, 2),
    run=st.just(1),
    bits=st.none() | st.integers(-3, 2**63 - 1),
    block=st.none() | st.integers(0, 3),
    received=st.integers(0, 4),
)


@given(st.lists(st.lists(EVENTS, max_size=6), min_size=1, max_size=4), st.booleans())
@examples(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_event_counts_once_whatever_comes_when(
    tmp_path_factory: pytest.TempPathFactory, given_in: list[list[Event]], proven_between: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch, new_store() as store:
        patch.setenv(settings.HOME, str(tmp_path_factory.mktemp("home")))
        for number, events in enumerate(given_in):
            keep(events, NOW + number)
            settle(store, rates(), NOW)
            if proven_between:
                audit(store, rates(), NOW)
        audit(store, rates(), NOW)
        assert sorted(rows(store)) == expected(list(dict.fromkeys(chain.from_iterable(given_in))))
        ledger = store.ledger("cosmic/rates")
        assert all(ledger[day].proven for day in ledger if day < FIRST.fromordinal(FIRST.toordinal() + 5))


def test_a_day_read_whole_again_changes_nothing(store: SqliteStore) -> None:
    keep([Event(1), Event(2)])
    deliver(store, rates(), FIRST, FIRST, NOW, whole=True)
    once = rows(store)
    deliver(store, rates(), FIRST, FIRST, NOW, whole=True)
    assert rows(store) == once
    assert store.ledger("cosmic/rates")[FIRST].counts.repeated == len(once)
