"""Documents known by their content: the first that was received stays, whatever is read when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labmon_dagster.landing import Delivery
from labmon_dagster.model import DAY, Mark, Reject
from labmon_dagster.model.documents import Document, DocumentBatch
from labmon_dagster.model.window import day_number, day_of
from labmon_dagster.stores import Counts
from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster.stores.documents.mongo import MongoDocuments
from labmon_dagster_tests.landing.document_batches import Doc, land, new_store, stored
from labmon_dagster_tests.landing.rows import ASSET, FIRST, NAME, START, delivery
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import mongo_url

ZERO = day_number(FIRST)
FRESH = count()
INDEXES = ("run number", "run time")

# What is known by its id: of another year than it was received in, with what differs from time to time.
EVENTS = st.builds(
    lambda known_by, day, place, told: Doc(
        known_by, -1000 * DAY + ord(known_by), {"run": 1, "told": told}, ZERO + day, place
    ),
    st.sampled_from("abcd"),
    st.integers(0, 1),
    st.integers(0, 9),
    st.integers(0, 2),
)
READS = st.lists(st.lists(EVENTS, max_size=6), min_size=1, max_size=4)


def first(number: int, last: int, **more: object) -> Delivery:
    made = delivery(number, last)
    return replace(made, **{"by_receipt": True, "by_content": True, "indexes": INDEXES} | more)  # type: ignore[arg-type]


def batches(docs: Sequence[Doc], size: int = 100) -> list[DocumentBatch]:
    """One stream a day, as journals have them."""
    made = []
    for order in sorted({doc.order for doc in docs}):
        own = [doc.document for doc in docs if doc.order == order]
        stream = str(day_of(order * DAY))
        for begin in range(0, len(own), size):
            made.append(DocumentBatch(NAME, tuple(own[begin : begin + size]), stream, Mark(begin + 1)))
    return made


def judge(store: DocumentStore, reads: Sequence[Sequence[Doc]], size: int) -> None:
    met: list[Doc] = []
    for docs in reads:
        before = {doc.id for doc in met}
        met += docs
        rows = land(store, first(0, 1), batches(docs, size))
        counts = sum((row.counts for row in rows.values()), Counts())
        new = {doc.id for doc in docs} - before
        assert counts == Counts(read=len(docs), stored=len(new), repeated=len(docs) - len(new))
        assert all(row.proven for row in rows.values()), rows
    earliest: dict[str, Doc] = {}
    for doc in met:
        held = earliest.setdefault(doc.id, doc)
        earliest[doc.id] = min(held, doc, key=lambda one: (one.order, one.place))
    found = {one.id: (one.order, one.place) for one in stored(store)}
    assert found == {known_by: (doc.order, doc.place) for known_by, doc in earliest.items()}
    assert not store.quarantined(ASSET)


@given(READS, st.integers(1, 3))
@settings(max_examples=60)
def test_the_first_received_stays(reads: list[list[Doc]], size: int) -> None:
    with new_store() as store:
        judge(store, reads, size)


@given(READS, st.integers(1, 3))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_mongodb_too(mongod: Mongod, reads: list[list[Doc]], size: int) -> None:
    store = MongoDocuments(mongo_url(mongod, f"first_{next(FRESH)}"))
    judge(store, reads, size)
    store.close()


def event(known_by: str, day: int, place: int = 0, told: int = 0) -> Doc:
    return Doc(known_by, -5 * DAY, {"run": 1, "told": told}, ZERO + day, place)


def test_days_may_be_read_in_any_order() -> None:
    docs = [event("a", 0), event("b", 0, 1), event("a", 1, told=1), event("c", 1, 1)]
    with new_store() as store:
        land(store, first(1, 1), batches(docs[2:]))
        land(store, first(0, 0), batches(docs[:2]))
        assert {one.id: one.order - ZERO for one in stored(store)} == {"a": 0, "b": 0, "c": 1}
        row = land(store, first(1, 1), batches(docs[2:]))[FIRST.fromordinal(FIRST.toordinal() + 1)]
        assert (row.proven, row.in_store, row.counts) == (True, 1, Counts(read=2, repeated=2))


def test_other_settings_write_it_anew() -> None:
    with new_store() as store:
        land(store, first(0, 0, version="one"), batches([event("a", 0)]))
        row = land(store, first(0, 0, version="two"), batches([event("a", 0, told=5)]))[FIRST]
        assert [one.body["told"] for one in stored(store)] == [5]
        assert row.counts == Counts(read=1, repeated=1)
        assert row.proven


def test_replace_takes_those_received_on_the_day() -> None:
    with new_store() as store:
        land(store, first(0, 1), batches([event("a", 0), event("b", 1)]))
        rows = land(store, first(0, 0, replace=True), batches([event("c", 0)]))
        assert [one.id for one in stored(store)] == ["b", "c"]
        assert rows[FIRST].in_store == 1


def test_two_assets_with_one_collection_prove_their_days_both() -> None:
    """Two hosts that hear the same events: either has them, and neither lacks them."""
    other = "lab/other_host"
    with new_store() as store:
        for number in range(2):
            one = land(store, first(0, 0), batches([event("a", 0, 5), event("b", 0, 6)]))[FIRST]
            two = land(store, first(0, 0, asset=other), batches([event("a", 0, 2), event("b", 0, 9)]))[FIRST]
            assert two.proven and two.in_store == 1
            assert one.proven and one.in_store == (1 if number else 2)
        assert {doc.id: doc.place for doc in stored(store)} == {"a": 2, "b": 6}


def test_what_is_none_is_filed_under_the_day_of_receipt_too() -> None:
    unfit = Doc("a", -3 * DAY, {"$run": 1}, ZERO, 0)
    given_up = Reject("no event", "garbage", "here", FIRST)
    with new_store() as store:
        batch = DocumentBatch(NAME, (unfit.document,), str(FIRST), Mark(1), (given_up,))
        row = land(store, first(0, 0), [batch])[FIRST]
        assert {piece.day for piece in store.quarantined(ASSET)} == {FIRST}
        assert (row.counts, row.proven) == (Counts(read=2, quarantined=2), True)


def test_a_document_says_its_own_time() -> None:
    with new_store() as store:
        row = land(store, first(0, 0), batches([event("a", 0)]))[FIRST]
        assert [one.time for one in stored(store)] == [START - 5 * DAY]
        assert (row.first, row.last) == (START - 5 * DAY, START - 5 * DAY)
        assert Document("a", 0, {}).order == 0
