"""DAQ messages: what is inserted at once is one entry of a journal, and each message becomes a document.

An entry's payload is the list of its messages in plain values as extended JSON, its ``meta`` the number of
the insert. A message is known by that number and its place in the list, wherever it is delivered from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from labmon_dagster.journal import Entry, Journal
from labmon_dagster.model.documents import Document
from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.instants import aware
from labmon_dagster.stores import StoreError
from labmon_dagster.stores.base import read_token
from labmon_dagster.stores.documents import extended
from labmon_dagster.stores.documents.admission import admit
from labmon_dagster.stores.documents.mongo.collections import LARGEST, Collections
from labmon_dagster.stores.documents.mongo.server import Server
from labmon_dagster.stores.documents.plain import exact

TOPIC, TIMESTAMP = "topic", "timestamp"
INSERT, MESSAGES = "insert", "messages"
_DATED = b'"$date"'  # how an instant begins; without one a body is as it was inserted
_NONE = "none of the messages was inserted"


class UndeliveredError(RuntimeError):
    """Messages are safe in the journal but not in the database: they must not be inserted again."""


def insert(journal: Journal, messages: Iterable[Mapping[str, Any]]) -> Entry | None:
    """Keep messages as one entry; returns when the disk has it. None: there were none.

    Each has ``topic``, a text, and ``timestamp``, a number of seconds or a datetime; instants without a
    zone are UTC. Raises RecordError that names message and field; then none is kept.
    """
    given = _listed(messages)
    if not given:
        return None
    number = uuid4().hex
    bodies = _fitting(journal.source, number, [_checked(n, one) for n, one in enumerate(given)])
    try:
        return journal.append(extended.text(bodies).encode(), {INSERT: number, MESSAGES: len(bodies)})
    except (OSError, ValueError) as error:
        many = f"insert of {len(bodies)} messages into the journal {journal.source}"
        raise RecordError(f"{many}: {error}; {_NONE}") from error


def documents_in(asset: str, entry: Entry) -> list[Document]:
    """Give the messages of an entry as documents, by the time of receipt. Raises ValueError."""
    number, bodies = entry.meta.get(INSERT), extended.body(entry.payload)
    if not isinstance(number, str):
        raise ValueError("no insert of messages: its entry has no number of one")
    if not isinstance(bodies, list) or not all(isinstance(one, dict) for one in bodies):
        raise ValueError("no insert of messages: its entry holds no list of records")
    if len(bodies) != entry.meta.get(MESSAGES):
        raise ValueError(f"{len(bodies)} messages, but {entry.meta.get(MESSAGES)} were inserted")
    if _DATED in entry.payload:
        bodies = [exact(body) for body in bodies]
    return [
        Document(_known_by(asset, number, n), entry.received, body, n, entry.offset)
        for n, body in enumerate(bodies)
    ]


def deliver(server: Server, collection: str, asset: str, entry: Entry) -> None:
    """Write an entry's messages as the asset will; they are on the server's disk when this returns.

    Raises UndeliveredError.
    """
    store = Collections(server)
    try:
        admitted = store.admit(documents_in(asset, entry), read_token(asset, "", 0))
        refused = store.write(collection, admitted.kept)
    except StoreError as error:
        raise UndeliveredError(_undelivered(entry, str(error))) from error
    for known_by, reason in refused.items():
        raise UndeliveredError(_undelivered(entry, f"{collection} {known_by}: {reason}"))


def _listed(messages: Iterable[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    if isinstance(messages, Mapping | str | bytes) or not isinstance(messages, Iterable):
        raise RecordError(f"messages are given as a list of dicts, not as {type(messages).__name__}; {_NONE}")
    return list(messages)


def _checked(number: int, message: object) -> dict[str, Any]:
    if not isinstance(message, Mapping):
        raise _wrong(number, f"is a {type(message).__name__}; a message is a dict")
    for field in (TOPIC, TIMESTAMP):
        if field not in message:
            raise _wrong(number, f"field {field}: is missing; each message has {TOPIC} and {TIMESTAMP}")
    made = {field: _aware(number, field, value) for field, value in message.items()}
    if not isinstance(message[TOPIC], str) or not message[TOPIC]:
        raise _wrong(number, f"field {TOPIC}: {message[TOPIC]!r}; allowed: a text that is not empty")
    if not _is_time(made[TIMESTAMP]):
        allowed = "a number of seconds since 1970, or a datetime"
        raise _wrong(number, f"field {TIMESTAMP}: {made[TIMESTAMP]!r}; allowed: {allowed}")
    return made


def _aware(number: int, field: str, value: object) -> object:
    try:
        return aware(value)
    except ValueError as error:
        raise _wrong(number, f"field {field}: {error}") from error


def _is_time(value: object) -> bool:
    if isinstance(value, datetime):
        return True
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _fitting(asset: str, insert: str, messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give messages in plain values. Raises RecordError for what MongoDB could not keep."""
    documents = [Document(_known_by(asset, insert, n), 0, one, n) for n, one in enumerate(messages)]
    admitted = admit(documents, 0, LARGEST)
    for refused in admitted.refused:
        raise _wrong(refused.document.order, refused.reason)
    return [one.body for one in admitted.kept]


def _known_by(asset: str, insert: str, number: int) -> str:
    return f"{asset}/{insert}-{number:06d}"  # so that they sort as they were inserted


def _wrong(number: int, why: str) -> RecordError:
    said = why.encode(errors="backslashreplace").decode()  # a key may be no Unicode
    return RecordError(f"message {number}: {said}; {_NONE}")


def _undelivered(entry: Entry, why: str) -> str:
    many = entry.meta[MESSAGES]
    safe = f"the {many} messages are safe in the journal and will be delivered: do not insert them again"
    return f"{safe}; the database has not confirmed them: {why}"
