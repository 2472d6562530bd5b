"""Documents land as readings do: stored once, in the source's order, counted, and their days proven."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labmon_dagster.landing.document_judge import content_of
from labmon_dagster.landing.documents import DocumentLanding
from labmon_dagster.landing.tally import Tallies
from labmon_dagster.model import DAY, Mark, Reject
from labmon_dagster.model.documents import Documents
from labmon_dagster.model.window import instant_text
from labmon_dagster.stores import Counts, LedgerError, LedgerRow, StoreError
from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster.stores.documents.mongo import MongoDocuments
from labmon_dagster.stores.documents.sqlite import SqliteDocuments
from labmon_dagster_tests.landing.document_batches import Doc, DocumentWorld, batch, land, new_store, stored
from labmon_dagster_tests.landing.growing import DAYS, Growing, day
from labmon_dagster_tests.landing.rows import ASSET, FIRST, LATER, NAME, START, delivery
from labmon_dagster_tests.landing.test_collisions import cut
from labmon_dagster_tests.landing.test_days import ACTS, Act, play
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import mongo_url

Values: TypeAlias = tuple[int, str]
FRESH = count()


@pytest.fixture(params=["sqlite", "mongodb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DocumentStore]:
    one: DocumentStore
    if request.param == "sqlite":
        one = SqliteDocuments(tmp_path / "documents.db")
    else:
        server: Mongod = request.getfixturevalue("mongod")
        one = MongoDocuments(mongo_url(server, request.getfixturevalue("mongo_database")))
    yield one
    one.close()


def row_of(store: DocumentStore, number: int = 0) -> LedgerRow:
    return store.ledger(ASSET)[day(number)]


@dataclass
class Place:
    doc: Doc
    order: tuple[int, int]
    version: str
    read: int


@dataclass
class Model:
    """The rules, one document at a time."""

    places: dict[str, Place] = field(default_factory=dict)
    losers: set[tuple[str, Values]] = field(default_factory=set)
    counts: dict[int, Counts] = field(default_factory=dict)

    def count(self, doc: Doc, **fates: int) -> None:
        number = doc.time // DAY
        self.counts[number] = self.counts.get(number, Counts()) + Counts(**fates)

    def meet(self, doc: Doc, read: int, version: str = "") -> None:
        self.count(doc, read=1)
        order, held = (doc.order, doc.place), self.places.get(doc.id)
        if not doc.body:
            self.count(doc, empty=1)
        elif held is None:
            self.count(doc, stored=1)
            self.places[doc.id] = Place(doc, order, version, read)
        elif values(held.doc) == values(doc):
            self.count(doc, repeated=1)
            held.order = order if held.version != version else max(order, held.order)
            held.version = version
        elif held.version == version and order < held.order:
            self.count(doc, collided=1)
            self.losers.add((doc.id, values(doc)))
        else:
            self.take(doc, held, version, read)

    def take(self, doc: Doc, held: Place, version: str, read: int) -> None:
        order = (doc.order, doc.place)
        rival = held.version == version and order > held.order
        self.count(doc, stored=1)
        if held.read == read:
            self.count(held.doc, stored=-1, **{"collided" if rival else "repeated": 1})
        self.losers.discard((doc.id, values(doc)))
        if rival:
            self.losers.add((doc.id, values(held.doc)))
        self.places[doc.id] = Place(doc, order, version, read)


def values(doc: Doc) -> Values:
    return doc.time, json.dumps(doc.body, sort_keys=True)


DOCS = st.builds(
    Doc,
    st.sampled_from("abc"),
    st.sampled_from([0, 5, DAY - 1, DAY, DAY + 7]),
    st.sampled_from([{}, {"x": 1}, {"x": 1.0}, {"x": 2, "y": [None]}]),
    st.integers(0, 2),
    st.integers(0, 2),
)
READS = st.lists(st.lists(DOCS, max_size=8), min_size=1, max_size=4)


def agree(store: DocumentStore, model: Model) -> None:
    found = {
        one.id: ((one.time - START, json.dumps(one.body)), (one.order, one.place)) for one in stored(store)
    }
    assert found == {name: (values(place.doc), place.order) for name, place in model.places.items()}
    pieces = store.quarantined(ASSET)
    assert {piece.kind for piece in pieces} <= {"collided"}
    told = {(piece.identity, piece.raw) for piece in pieces}
    assert told == {
        (json.dumps({"_id": name, "time": instant_text(START + time)}), raw)
        for name, (time, raw) in model.losers
    }


@given(READS, st.lists(st.integers(1, 8), max_size=3))
@settings(max_examples=100)
def test_documents_end_as_if_they_had_come_one_by_one(reads: list[list[Doc]], cuts: list[int]) -> None:
    model = Model()
    with new_store() as store:
        for number, docs in enumerate(reads):
            model.counts = {}
            for doc in docs:
                model.meet(doc, number)
            ledger = land(store, delivery(0, 1), map(batch, cut_documents(docs, cuts)))
            assert [row.counts for row in ledger.values()] == [model.counts.get(n, Counts()) for n in (0, 1)]
            agree(store, model)
        assert all(row.proven for row in ledger.values())


def cut_documents(docs: Sequence[Doc], cuts: Sequence[int]) -> Iterator[Sequence[Doc]]:
    return cut(docs, cuts)  # type: ignore[arg-type, return-value]


@given(READS, st.lists(st.sampled_from(["one", "two"]), min_size=4, max_size=4))
@settings(max_examples=60)
def test_other_settings_correct_and_do_not_collide(reads: list[list[Doc]], versions: list[str]) -> None:
    model = Model()
    with new_store() as store:
        for number, (docs, version) in enumerate(zip(reads, versions, strict=False)):
            for doc in docs:
                model.meet(doc, number, version)
            land(store, delivery(0, 1, version=version), [batch(docs)])
            agree(store, model)


@given(READS, st.data())
@settings(max_examples=40)
def test_days_read_one_by_one_end_as_if_read_together(reads: list[list[Doc]], data: st.DataObject) -> None:
    """A document may move from one day to another: both days' reads must agree on where it is."""
    docs = [doc._replace(place=n) for n, doc in enumerate(one for docs in reads for one in docs)]
    outcomes = []
    for days in ([(0, 1)], data.draw(st.permutations([(0, 0), (1, 1)]))):
        with new_store() as store:
            for first, last in days:
                land(store, delivery(first, last), [batch(docs)])
            outcomes.append([one._replace(read=0) for one in stored(store)])
    assert outcomes[0] == outcomes[1]


@given(st.integers(1, 4), ACTS)
@settings(max_examples=50)
def test_everything_is_stored_once_whatever_is_read_when(size: int, acts: list[Act]) -> None:
    with new_store() as store:
        _play(DocumentWorld(store, Growing(size)), acts)


@given(st.integers(1, 4), ACTS)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_everything_is_stored_once_in_mongodb_too(mongod: Mongod, size: int, acts: list[Act]) -> None:
    store = MongoDocuments(mongo_url(mongod, f"world_{next(FRESH)}"))
    _play(DocumentWorld(store, Growing(size)), acts)
    store.close()


def _play(world: DocumentWorld, acts: list[Act]) -> None:
    for act in acts:
        play(world, act)
        world.check()
    world.catch_up()
    rows, pieces = world.source.holds({day(n) for n in range(DAYS)}, world.source.end)
    assert sorted(world.rows) == sorted(rows), "everything once, nothing missing"
    assert {piece.raw for piece in world.documents.quarantined()} == pieces
    for row in world.documents.ledger(ASSET).values():
        row.counts.check(str(row.day))


RUN = {"run": 1, "started": datetime(2024, 5, 1, 1, 2, 3, 456_789, tzinfo=UTC), "raw": b"\0"}
DOCUMENTS = [Doc(f"run-{n}", n, {**RUN, "run": n}, place=n) for n in range(3)]


def test_a_past_day_read_as_a_whole_is_proven(store: DocumentStore) -> None:
    land(store, delivery(0, 1, run="r", version="v"), [batch([*DOCUMENTS, DOCUMENTS[0]], 7)])
    row, empty = row_of(store), row_of(store, 1)
    assert (row.proven, row.verdict, row.in_store) == (True, "stored", 3)
    assert row.counts == Counts(read=4, stored=3, repeated=1)
    assert (row.first, row.last, row.covered, row.read_until) == (
        START,
        START + 2,
        "whole day",
        {"s": Mark(7)},
    )
    assert (empty.proven, empty.verdict, empty.in_store) == (True, "empty", 0)
    body = stored(store)[1].body
    assert body["started_ns"] % 1_000_000_000 == 456_789_000 and body["raw"] == b"\0"


def test_reading_again_changes_nothing_whatever_the_order_of_keys(store: DocumentStore) -> None:
    land(store, delivery(), [batch(DOCUMENTS, 7)])
    once = stored(store)
    turned = [doc._replace(body=dict(reversed(doc.body.items()))) for doc in DOCUMENTS]
    land(store, delivery(), [batch(turned, 7)])
    assert stored(store) == once
    assert row_of(store).counts == Counts(read=3, repeated=3)
    assert row_of(store).proven


def test_a_later_document_of_the_same_id_wins_and_the_other_is_kept(store: DocumentStore) -> None:
    first, second = Doc("a", 1, {"x": 1}, order=1), Doc("a", DAY + 1, {"x": 2}, order=2)
    for portions in ([[first, second]], [[second], [first]], [[second, first]]):
        land(store, delivery(0, 1, replace=True), map(batch, portions))
        assert [(one.time - START, one.body) for one in stored(store)] == [(DAY + 1, {"x": 2})]
        (piece,) = store.quarantined(ASSET)
        assert (piece.kind, piece.raw, piece.day) == ("collided", '{"x": 1}', FIRST)
        assert piece.identity == '{"_id": "a", "time": "2024-05-01T00:00:00.000000001Z"}'
        assert [row_of(store, n).in_store for n in (0, 1)] == [0, 1]
        assert row_of(store, 0).counts == Counts(read=1, collided=1)
        assert [row_of(store, n).proven for n in (0, 1)] == [True, True]


def test_documents_that_cannot_be_kept_are_counted_and_kept_whole(store: DocumentStore) -> None:
    bad = [
        Doc("naive", 5, {"t": datetime(2024, 5, 1)}, place=7),
        Doc("big", 6, {"n": 2**70, "b": b"\xff", "s": "\ud800", "x": float("nan"), 3: {1, 2}}),  # type: ignore[dict-item]
    ]
    reject = Reject("not a record", "?!", "f:9", FIRST, "header")
    for _ in range(2):
        land(store, delivery(), [batch([*DOCUMENTS, *bad, Doc("none", 9)], rejects=[reject])])
        assert len(store.quarantined(ASSET)) == 3
    assert row_of(store).counts == Counts(read=7, repeated=3, quarantined=3, empty=1)
    assert row_of(store).proven
    pieces = {piece.kind + piece.identity[9:12]: piece for piece in store.quarantined(ASSET)}
    assert pieces["unfitnai"].raw == '{"t": {"$date": "2024-05-01 00:00:00"}}'
    assert "has no zone" in pieces["unfitnai"].reason
    assert pieces["unfitnai"].place == f"{NAME} order 0 place 7"
    assert json.loads(pieces["unfitbig"].raw) == {
        "3": "{1, 2}",
        "b": {"$binary": {"base64": "/w==", "subType": "00"}},
        "n": 2**70,
        "s": "\ud800",
        "x": {"$numberDouble": "nan"},
    }
    assert (pieces["unreadable"].raw, pieces["unreadable"].context) == ("?!", "header")


def test_replace_takes_away_what_the_asset_wrote_and_nothing_else(store: DocumentStore) -> None:
    land(store, delivery(0, 1), [batch([*DOCUMENTS, Doc("next", DAY, {"x": 5})])])
    land(store, replace(delivery(), asset="lab/other"), [batch([Doc("other", 1, {"x": 2})])])
    land(store, delivery(replace=True), [batch([Doc("new", 3, {"x": 9})], 2)])
    assert [one.id for one in stored(store)] == ["other", "new", "next"]
    assert row_of(store).proven and row_of(store).in_store == 1


def test_a_replaced_day_that_was_not_read_again_is_to_be_read(store: DocumentStore) -> None:
    land(store, delivery(), [batch(DOCUMENTS)])

    def dies() -> Iterator[Any]:
        raise ZeroDivisionError
        yield

    with pytest.raises(ZeroDivisionError):
        land(store, delivery(replace=True), dies())
    assert (row_of(store).stale, row_of(store).proven, stored(store)) == (True, False, [])


def test_a_store_that_lacks_documents_hinders_proof(
    store: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "count", lambda *_: {})
    land(store, delivery(), [batch(DOCUMENTS)])
    assert row_of(store).trouble == "the store lacks 3 of 3 readings"


def test_documents_lost_in_counting_fail_the_read(
    store: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tallies, "judged", lambda *_: None)
    with pytest.raises(LedgerError, match="3 rows read, but 0 accounted for"):
        land(store, delivery(), [batch(DOCUMENTS)])
    assert store.ledger(ASSET) == {}


def test_an_asset_delivers_to_one_collection(store: DocumentStore) -> None:
    with pytest.raises(ValueError, match="but its source gave documents for elsewhere"):
        land(store, delivery(), [batch(DOCUMENTS, collection="elsewhere")])


def test_what_the_database_refuses_is_quarantined_and_the_rest_goes_on(
    store: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a validator of MongoDB: of one id another document may be accepted."""
    land(store, delivery(0, 1), [batch([Doc("held", 3, {"x": 1}, order=1)])])
    write = store.write

    def picky(collection: str, documents: Any) -> dict[str, str]:
        refused = {one.id: "it says no" for one in documents if one.body["x"] == 13}
        return refused | write(collection, [one for one in documents if one.id not in refused])

    monkeypatch.setattr(store, "write", picky)
    given = [
        Doc("a", 1, {"x": 13}),
        Doc("b", 2, {"x": 2}),
        Doc("held", 3, {"x": 13}, order=2),
        Doc("c", 4, {"x": 1}, order=1),
        Doc("c", 5, {"x": 2}, order=2),
        Doc("c", 6, {"x": 13}, order=3),
        Doc("c", 6, {"x": 13}, order=4),
        Doc("d", DAY, {"x": 4}),
    ]
    for again in (False, True):
        land(store, delivery(0, 1), [batch(given)])
        assert {one.id: one.body["x"] for one in stored(store)} == {"b": 2, "held": 1, "c": 2, "d": 4}
        kinds = sorted((piece.kind, piece.raw, piece.reason) for piece in store.quarantined(ASSET))
        assert [(kind, raw) for kind, raw, _ in kinds] == [
            ("collided", '{"x": 1}'),
            *[("unfit", '{"x": 13}')] * 3,
        ]
        assert all(reason == "it says no" for kind, _, reason in kinds if kind == "unfit")
        kept = {"repeated": 2} if again else {"stored": 2}
        assert row_of(store).counts == Counts(read=7, collided=1, quarantined=4, **kept)
        assert row_of(store).proven and row_of(store, 1).proven


def test_content_is_the_same_in_whatever_form_a_store_gives_it() -> None:
    assert content_of(1, {"a": 1, "b": [1.5]}) == content_of(1, {"b": [1.5], "a": 1})
    different: list[tuple[int, dict[str, Any]]] = [
        (1, {"a": 1}), (2, {"a": 1}), (1, {"a": 1.0}), (1, {"a": True}), (1, {"a": "1"}), (1, {"a": b"1"}),
        (1, {"a": None}), (1, {"a": -0.0}), (1, {"a": 0.0}), (1, {"a": [1]}), (1, {"a": {}}), (1, {"a": []}),
    ]  # fmt: skip
    assert len({content_of(time, body) for time, body in different}) == len(different)
    assert content_of(1, {}) is None


def test_memory_stays_that_of_a_batch(tmp_path: Path) -> None:
    """The landing keeps no batch beyond the next one."""
    import weakref

    alive: list[weakref.ref[Any]] = []

    class Body(dict[str, Any]):
        pass

    def batches() -> Iterator[Any]:
        for number in range(20):
            body = Body(x=number)
            alive.append(weakref.ref(body))
            yield batch([Doc(f"{number}", number, body, place=number)], number + 1)
            del body
            assert sum(ref() is not None for ref in alive) <= 3

    store = SqliteDocuments(tmp_path / "documents.db")
    DocumentLanding(store, delivery(), LATER).land(Documents(batches()))
    assert len(stored(store)) == 20
    store.close()


def test_a_server_that_is_away_leaves_the_days_unread() -> None:
    store = MongoDocuments("mongodb://127.0.0.1:9/lab")
    with pytest.raises(StoreError, match="is away"):
        land(store, delivery(), [batch(DOCUMENTS)])


def test_the_day_of_a_document_is_its_time(store: DocumentStore) -> None:
    land(store, delivery(1, 1), [batch([Doc("a", DAY - 1, {"x": 1}), Doc("b", DAY, {"x": 1})], 5)])
    assert [one.id for one in stored(store)] == ["b"]
    ledger = store.ledger(ASSET)
    assert ledger[date(2024, 5, 1)].stale and ledger[date(2024, 5, 2)].proven
