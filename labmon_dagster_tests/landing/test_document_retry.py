"""A quarantined piece that is read again: its documents are stored, or nothing changes at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labmon_dagster.landing.document_retry import retry_documents
from labmon_dagster.landing.retry import Retried
from labmon_dagster.model import DAY, Reject
from labmon_dagster.model.documents import DocumentBatch
from labmon_dagster.stores import Quarantined
from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster_tests.landing.document_batches import Doc, batch, land, stored
from labmon_dagster_tests.landing.rows import ASSET, FIRST, NAME, delivery
from labmon_dagster_tests.stores.documents.conftest import opened, url

__all__ = ["url"]

GOOD, OTHER = Doc("a", 1, {"x": 1}), Doc("b", 2, {"x": 2})


@pytest.fixture
def store(url: str) -> Iterator[DocumentStore]:
    """A store in which a day was read: one document, one piece."""
    one = opened(url)
    land(one, delivery(), [batch([GOOD], rejects=[Reject("no", "?!", "f:2", FIRST)])])
    yield one
    one.close()


def tried(store: DocumentStore, *batches: DocumentBatch) -> Retried:
    (piece,) = store.quarantined(ASSET)
    return retry_documents(store, piece, batches, collection=NAME, version="")


def state(store: DocumentStore) -> tuple[list[object], list[Quarantined], object]:
    return [*stored(store)], store.quarantined(), store.ledger(ASSET)


def test_its_document_is_stored_and_the_piece_leaves(store: DocumentStore) -> None:
    before = store.ledger(ASSET)[FIRST]
    outcome = tried(store, batch([OTHER], mark=9))
    assert (outcome.stored, outcome.said) == (True, "stored")
    row = store.ledger(ASSET)[FIRST]
    assert (row.in_store, row.read_until, row.counts, row.proven) == (
        2,
        before.read_until,
        before.counts,
        True,
    )
    assert [one.id for one in stored(store)] == ["a", "b"]
    assert store.quarantined() == []


def test_one_that_is_there_and_one_without_content_only_leave(store: DocumentStore) -> None:
    assert tried(store, batch([GOOD])).said == "the store has this document already"
    land(store, delivery(), [batch([], rejects=[Reject("no", "?!", "f:2", FIRST)])])
    assert tried(store, batch([Doc("c")])).said == "an empty document, nothing to store"
    assert [one.id for one in stored(store)] == ["a"]


@pytest.mark.parametrize(
    ("batches", "said"),
    [
        ([batch([OTHER], rejects=[Reject("still no", "", "", FIRST)])], "still no"),
        ([batch([])], "it holds no document"),
        ([batch([OTHER, Doc("a", 1, {"x": 7})])], "the store holds another document of that id"),
        (
            [batch([Doc("b", 2, {"x": 1}), Doc("b", 2, {"x": 2}, place=1)])],
            "the store holds another document",
        ),
        ([batch([OTHER, Doc("c", 3, {"$x": 1})])], "the key '$x' begins with $"),
    ],
)
def test_one_that_cannot_be_stored_changes_nothing(
    store: DocumentStore, batches: list[DocumentBatch], said: str
) -> None:
    before = state(store)
    outcome = tried(store, *batches)
    assert not outcome.stored and said in outcome.said
    assert state(store) == before


def test_a_day_never_read_stays_unread(store: DocumentStore) -> None:
    assert tried(store, batch([Doc("b", DAY, {"x": 2})])).stored
    assert list(store.ledger(ASSET)) == [FIRST]


def test_what_the_database_refuses_stays(store: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state(store)
    monkeypatch.setattr(store, "write", lambda *_: {"b": "the disk is full"})
    assert tried(store, batch([OTHER])).said == "the disk is full"
    monkeypatch.undo()
    assert state(store) == before
