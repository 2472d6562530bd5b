"""Documents on their way from a source to a store: nested records with an identity, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from labmon_dagster.model.position import Mark, Position
from labmon_dagster.model.readings import Reject, Request


@dataclass(frozen=True, slots=True)
class Document:
    """A nested record. Its identity is collection + ``id``, which must be deterministic.

    ``time`` (UTC ns) says which day it is filed under. ``body`` holds JSON values, bytes and aware
    datetimes under text keys. ``order`` and ``place`` are the source's own order.
    """

    id: str
    time: int
    body: Mapping[str, Any]
    order: int = 0
    place: int = 0


@dataclass(frozen=True, slots=True)
class DocumentBatch:
    """Some documents in the source's order, and where the source stands after them (as in `Batch`)."""

    collection: str
    documents: tuple[Document, ...]
    stream: str
    mark: Mark
    rejects: tuple[Reject, ...] = ()


@dataclass(frozen=True, slots=True)
class Documents:
    """A stream of batches, read once, lazily; ``facts`` and ``trouble`` grow as in `Readings`."""

    batches: Iterator[DocumentBatch]
    facts: dict[str, object] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)


class DocumentSource(Protocol):
    """A source of documents that can be asked again."""

    def read(self, request: Request) -> Documents:
        """The documents behind ``request.since``. Raises SourceError where nothing can be read."""
        ...

    def news(self, known: Position) -> bool:
        """Whether there is anything behind ``known``, found without reading the data."""
        ...

    def again(self, reject: Reject, now: int) -> Documents:
        """The documents in a quarantined piece, read with today's settings. ``now``: UTC ns."""
        ...
