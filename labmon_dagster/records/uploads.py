"""Any documents into a collection of a MongoDB, each of them once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import bson
from bson import ObjectId
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne
from pymongo.collection import Collection

from labmon_dagster.records.errors import RecordError
from labmon_dagster.stores import StoreError
from labmon_dagster.stores.documents.mongo.bulk import is_taken, said, write_all
from labmon_dagster.stores.documents.mongo.collections import LARGEST
from labmon_dagster.stores.documents.mongo.server import Record, Server

_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
_UNFIT = (BSONError, OverflowError, ValueError, TypeError, RecursionError)


def upload(server: Server, collection: str, data: Iterable[Mapping[str, Any]], bulk_size: int) -> None:
    """Insert documents, ``bulk_size`` at a time; they are on the server's disk when this returns.

    Nothing is sent unless all can be. They are given their ids before, in copies, so that what is sent again
    because an answer was lost is there once; so is one with an ``_id`` of its own that is there already, with
    the same content. Instants without a zone are UTC. Raises RecordError that names the document and says how
    many are stored.
    """
    if isinstance(bulk_size, bool) or not isinstance(bulk_size, int) or bulk_size < 1:
        raise RecordError(f"bulk_size {bulk_size!r}: a number of documents, at least 1; nothing was stored")
    if isinstance(data, Mapping | str | bytes):
        raise RecordError(f"a list of dicts is uploaded, not a {type(data).__name__}; nothing was stored")
    documents = [_fitting(number, one) for number, one in enumerate(data)]
    for first in range(0, len(documents), bulk_size):
        _Bulk(documents[first : first + bulk_size], first, len(documents)).send(server, collection)


def _fitting(number: int, document: object) -> Record:
    if not isinstance(document, Mapping):
        raise RecordError(f"document {number}: is a {type(document).__name__}, no dict; nothing was stored")
    made = {"_id": document.get("_id", ObjectId()), **document}
    try:
        size = len(bson.encode(made))
    except _UNFIT as error:
        raise RecordError(f"document {number}: {error}; nothing was stored") from error
    if size > LARGEST:
        raise RecordError(f"document {number}: {size} bytes, {LARGEST} are allowed; nothing was stored")
    return made


class _Bulk:
    """Documents that are sent at once: from the number ``first`` on, of ``total`` in all."""

    def __init__(self, documents: Sequence[Record], first: int, total: int) -> None:
        self.documents = documents
        self.first = first
        self.total = total
        self._sent = False

    def send(self, server: Server, collection: str) -> None:
        """Raises RecordError unless all of them are stored."""
        try:
            refused = server.do(lambda mongo: self._insert(mongo[collection]))
        except StoreError as error:
            unsure = f"those from {self.first} on may be stored or not" if self._sent else "no more was sent"
            raise RecordError(
                f"{error}; {self.first} of {self.total} documents are stored, {unsure}"
            ) from error
        for number, why in refused.items():
            stored = self.first + len(self.documents) - len(refused)
            raise RecordError(
                f"document {self.first + number}: {why}; {stored} of {self.total} documents are stored"
            )

    def _insert(self, collection: Collection[Record]) -> dict[int, str]:
        """Insert all; give those the server refused. What is there already, just so, was sent before."""
        self._sent = True
        errors = write_all(collection, [InsertOne(one) for one in self.documents])
        return {
            number: said(error)
            for number, error in errors.items()
            if not (is_taken(error) and _is_there(collection, self.documents[number]))
        }


def _is_there(collection: Collection[Record], document: Record) -> bool:
    found = collection.with_options(codec_options=_RAW).find_one({"_id": document["_id"]})
    return found is not None and found.raw == bson.encode(document)
