"""Writing many records at once, and reading the answer: what is there, what was refused, what is unsure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.documents.mongo.server import Record, Server, UnacknowledgedError, passes_code

Operation: TypeAlias = InsertOne[Record] | ReplaceOne[Record] | UpdateOne
_TAKEN = 11000
_SAID = 500


def write_all(
    collection: Collection[Record], operations: Sequence[Operation]
) -> dict[int, Mapping[str, Any]]:
    """Write in any order; give what the server would not do: number of the operation → its words.

    Raises UnacknowledgedError unless it says of all others that they are safe, and pymongo's errors.
    """
    errors: list[Mapping[str, Any]] = []
    try:
        done = collection.bulk_write(operations, ordered=False)
        safe = done.inserted_count + done.matched_count + done.upserted_count
    except BulkWriteError as partly:
        answer: Mapping[str, Any] = partly.details or {}
        errors = answer["writeErrors"]
        unsure = [*answer["writeConcernErrors"], *(one for one in errors if passes_code(one["code"]))]
        if unsure:
            raise UnacknowledgedError(str(unsure[0].get("errmsg", unsure[0]))[:_SAID]) from partly
        safe = sum(answer[name] for name in ("nInserted", "nMatched", "nUpserted"))
    if safe + len(errors) != len(operations):
        raise UnacknowledgedError(f"{safe} of {len(operations)} writes were acknowledged")
    return {error["index"]: error for error in errors}


def is_taken(error: Mapping[str, Any]) -> bool:
    """Whether a record of this ``_id`` was there already, or came at the same moment."""
    return error.get("code") == _TAKEN and list(error.get("keyPattern", {"_id": 1})) == ["_id"]


def said(error: Mapping[str, Any]) -> str:
    """What the server says of one operation."""
    return f"MongoDB refuses it: {str(error.get('errmsg', ''))[:_SAID]} (code {error.get('code')})"


def upsert(server: Server, collection: str, operations: Iterable[Operation]) -> None:
    """Do operations that none may fail. Raises StoreError."""
    wanted = list(operations)
    if not wanted:
        return

    def write(records: Collection[Record]) -> None:
        refused = write_all(records, wanted)
        if any(map(is_taken, refused.values())):
            raise UnacknowledgedError("another process wrote the same at the same moment")
        for error in refused.values():
            raise StoreError(f"{collection}: {said(error)}")

    server.do(lambda database: write(database[collection]))
