"""Processing output in the store: a document for each record, and for each stream which version is newest.

A *version* of a stream is what one processing made of it, known by the time at which it did. Earlier versions
are kept. Each stream has a record in the collection beside (``<collection>_streams``), its *head*, which is
set when all documents of a version are safe: who begins there never sees half of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from labmon_dagster.model.documents import Document
from labmon_dagster.model.window import instant_text, moment
from labmon_dagster.records.errors import RecordError
from labmon_dagster.stores import DocumentStore
from labmon_dagster.stores.documents.admission import admit
from labmon_dagster.stores.documents.mongo.collections import LARGEST, Collections
from labmon_dagster.stores.documents.plain import EXACT, RESERVED, date_of, exact
from labmon_dagster.stores.records import Change, Record, RecordStore

STREAM, MADE, NUMBER, OWN = "stream_id", "file_ts", "number", "record"
_EXACT_MADE = f"{MADE}{EXACT}"
_ADDED = frozenset({STREAM, MADE, _EXACT_MADE, NUMBER, OWN})
_TAKEN = _ADDED | RESERVED
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = date_of(0)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a stream: when it was made (UTC ns), how many records it has, from which file."""

    stream: str
    made: int
    records: int
    file: str

    @property
    def ids(self) -> Iterator[str]:
        """The ids of its documents, in the order of the records."""
        return (_known_by(self.stream, self.made, number) for number in range(self.records))


def documents(
    stream: str, made: int, records: Sequence[Mapping[str, Any]], received: int, place: int = 0
) -> list[Document]:
    """Give the documents of a version, filed under the time of receipt. ``made``, ``received``: UTC ns.

    Fields of a record that bear a name which is taken stand in the document's field ``record``.
    """
    shared = {STREAM: stream, MADE: moment(made)}
    return [
        Document(
            _known_by(stream, made, number), received, {**shared, NUMBER: number, **_body(one)}, place=place
        )
        for number, one in enumerate(records)
    ]


def record_in(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the record that became a document, as it was."""
    found = {key: value for key, value in exact(body).items() if key not in _ADDED}
    return {**found, **exact(body.get(OWN, {}))}


def check(stream: str, made: int, records: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValueError, naming record and field, for what not every store could keep."""
    for refused in admit(documents(stream, made, records, 0), 0, LARGEST).refused:
        reason = refused.reason.encode(errors="backslashreplace").decode()  # a key may be no Unicode
        raise ValueError(f"records[{refused.document.body[NUMBER]}]: {reason}")


class Heads:
    """The heads of the streams in a collection. All methods raise StoreError where the database is away."""

    def __init__(self, store: RecordStore, collection: str) -> None:
        self.store = store
        self.collection = f"{collection}_streams"

    def newest(self, stream: str) -> Version | None:
        """Give the newest version of a stream that is there as a whole."""
        seen = self.store.find(self.collection, stream)
        return None if seen is None else _version(seen)

    def newest_of(self, streams: Iterable[str]) -> dict[str, Version | None]:
        """Give the newest versions of some streams."""
        asked = list(dict.fromkeys(streams))
        seen = self.store.find_many(self.collection, asked)
        return {stream: _version(seen[stream]) if stream in seen else None for stream in asked}

    def advance_all(self, versions: Iterable[Version]) -> None:
        """Make some versions the newest as `advance` does: of each stream the latest of them."""
        latest = {one.stream: one for one in sorted(versions, key=lambda one: one.made)}
        seen = self.store.find_many(self.collection, latest)
        newer = _newer(latest.values(), seen)
        self.store.attempt(self.collection, {one.stream: _fields(one) for one in newer}, seen)
        for one in _newer(newer, self.store.find_many(self.collection, [one.stream for one in newer])):
            self.advance(one)

    def advance(self, version: Version) -> bool:
        """Make a version the newest, now that its documents are safe; False: one as new is there."""
        body = _fields(version)
        while True:
            seen = self.store.find(self.collection, version.stream)
            if seen is None:
                if self.store.insert(self.collection, version.stream, {"name": version.stream, **body}):
                    return True
            elif _made_in(seen.body) >= version.made:
                return False
            elif self.store.change(self.collection, seen, Change(body)):
                return True


class ProcessingRecords:
    """The records of processed streams. All methods raise StoreError where the database is away."""

    def __init__(self, store: DocumentStore | Collections, heads: Heads, collection: str) -> None:
        self.store = store
        self.heads = heads
        self.collection = collection

    def records(self, stream: str) -> list[dict[str, Any]]:
        """Give the records of a stream's newest version. Raises RecordError where there is none."""
        version = self.heads.newest(stream)
        if version is None:
            raise RecordError(f"stream {stream!r} in {self.heads.collection}: there is no such record")
        found = self.store.find(self.collection, version.ids)
        if lacking := version.records - len(found):
            raise RecordError(f"stream {stream!r} in {self.collection}: {lacking} of its documents are gone")
        return [record_in(found[known_by].body) for known_by in version.ids]

    def missing(self, versions: Sequence[Version]) -> list[Version]:
        """Give those versions of which not all documents are there."""
        asked = [known_by for one in versions for known_by in one.ids]
        there = self.store.there(self.collection, asked)
        return [one for one in versions if not there.issuperset(one.ids)]

    def deliver(self, version: Version, records: Sequence[Mapping[str, Any]], received: int) -> None:
        """Write a version, then its head; both are on the database's disk when this returns.

        Raises RecordError that names the document the database refuses, the head is then not set; or a file
        with other data of the same time, whose head was set meanwhile.
        """
        made = documents(version.stream, version.made, records, received)
        admitted = self.store.admit(made, 0)
        refused = {one.document.id: one.reason for one in admitted.refused}
        refused |= {} if refused else self.store.write(self.collection, admitted.kept)
        for known_by, reason in refused.items():
            raise RecordError(f"{self.collection} {known_by}: {reason}")
        if self.heads.advance(version):
            return
        head = self.heads.newest(version.stream)
        if head is not None and head.made == version.made and head != version:
            raise RecordError(
                f"stream {version.stream!r} of {instant_text(version.made)}: {head.file} has other data of "
                "the same time, and was loaded at the same moment; give one of them a newer timestamp"
            )


def _known_by(stream: str, made: int, number: int) -> str:
    return f"{stream}/{instant_text(made)}/{number}"


def _body(record: Mapping[str, Any]) -> dict[str, Any]:
    if _TAKEN.isdisjoint(record):
        return dict(record)
    free = {key: value for key, value in record.items() if key not in _TAKEN}
    return {**free, OWN: {key: value for key, value in record.items() if key in _TAKEN}}


def _version(seen: Record) -> Version:
    body = seen.body
    return Version(seen.name, _made_in(body), body.get("records", 0), body.get("file", ""))


def _fields(version: Version) -> dict[str, Any]:
    return {MADE: moment(version.made), "records": version.records, "file": version.file}


def _newer(versions: Iterable[Version], seen: Mapping[str, Record]) -> list[Version]:
    """Give those versions that are newer than the heads that were seen."""
    return [one for one in versions if one.stream not in seen or _made_in(seen[one.stream].body) < one.made]


def _made_in(body: Mapping[str, Any]) -> int:
    """Say when a head's version was made; a head that another program wrote has milliseconds only."""
    ns, date = body.get(_EXACT_MADE), body.get(MADE)
    if isinstance(ns, int):
        return ns
    return (date - _EPOCH) // _MILLISECOND * 1_000_000 if isinstance(date, datetime) else -(2**63)
