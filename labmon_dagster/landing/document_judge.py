"""Documents beside those a store holds of the same ids: which are new, repeated, in dispute.

The rules are those of readings (see `labmon_dagster.landing.contest`); the identity is the id, and the
value that is compared is a hash of all content, the time with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec
import polars as pl

from labmon_dagster.landing.merge import COLLIDED, FATE, LOST, REPEATED, Merged, merge
from labmon_dagster.model import ORDER, PLACE, TIME
from labmon_dagster.stores.base import READ, owner_in
from labmon_dagster.stores.documents.kept import Kept

ID = "_id"
_CONTENT, _NUMBER = "_content", "_number"
_SCHEMA = {
    TIME: pl.Int64(),
    ID: pl.String(),
    ORDER: pl.Int64(),
    PLACE: pl.Int64(),
    READ: pl.Int64(),
}
_encoder = msgspec.msgpack.Encoder(order="deterministic", enc_hook=str)


@dataclass(frozen=True, slots=True)
class Judged:
    """Documents judged. The frames of ``merged`` have a row for each, with its number in ``documents``."""

    merged: Merged
    documents: Sequence[Kept]
    new: Sequence[Kept]
    held: Mapping[str, Kept]

    @property
    def writes(self) -> list[Kept]:
        """The documents to write, in the order and under the read they were found to have."""
        named = self.merged.writes.select(_NUMBER, ORDER, PLACE, READ)
        return [
            self.documents[number]._replace(order=order, place=place, read=read)
            for number, order, place, read in named.iter_rows()
        ]

    @property
    def events(self) -> Iterator[tuple[Kept, bool]]:
        """The documents that lost (True) or won a place, as it happened."""
        for number, lost in self.merged.events.select(_NUMBER, LOST).iter_rows():
            yield self.documents[number], lost

    @property
    def lost(self) -> list[Kept]:
        """The new documents that lost."""
        numbers = self.merged.judged.filter(pl.col(FATE) == COLLIDED)[_NUMBER]
        return [self.documents[number] for number in numbers]

    def elsewhere(self, filed: Callable[[Kept], int]) -> pl.DataFrame:
        """Rows that lost their place to a document of another asset, or day (that ``filed`` gives)."""
        new = self.merged.judged.filter(pl.col(FATE).is_in([COLLIDED, REPEATED]))
        rows = pl.concat([new.drop(FATE), self.merged.displaced.drop(FATE)], how="diagonal")
        if rows.is_empty():
            return rows
        holders = {**self.held, **{one.id: one for one in self.writes}}
        pairs = [
            (holders[known_by], self.documents[n]) for known_by, n in rows.select(ID, _NUMBER).iter_rows()
        ]
        moved = [
            filed(holder) != filed(one) or owner_in(holder.read) != owner_in(one.read)
            for holder, one in pairs
        ]
        return rows.filter(pl.Series(moved, dtype=pl.Boolean))

    def without(self, ids: Iterable[str]) -> Judged:
        """Give the same without the documents of some ids: each id is judged by itself."""
        frames = (getattr(self.merged, field.name) for field in fields(Merged))
        kept = (frame.filter(~pl.col(ID).is_in(list(ids))) for frame in frames)
        return replace(self, merged=Merged(*kept))


def judge(new: Sequence[Kept], held: Mapping[str, Kept]) -> Judged:
    """Judge documents against each other and against those ``held``, by id."""
    documents = [*new, *held.values()]
    content = [content_of(one.time, one.body) for one in documents]
    rows = rows_of(documents).with_columns(pl.Series(_CONTENT, content, dtype=pl.Binary))
    merged = merge(rows.head(len(new)), rows.slice(len(new)), [ID], [_CONTENT], timed=False)
    return Judged(merged, documents, new, held)


def rows_of(documents: Sequence[Kept]) -> pl.DataFrame:
    """Give a row for each document, with its number among them."""
    columns = [
        [one.time for one in documents],
        [one.id for one in documents],
        [one.order for one in documents],
        [one.place for one in documents],
        [one.read for one in documents],
    ]
    return pl.DataFrame(columns, schema=_SCHEMA, orient="col").with_row_index(_NUMBER)


def content_of(time: int, body: Mapping[str, Any]) -> bytes | None:
    """Hash the content of a document (128 bits), in whatever order its keys come; None if it has none."""
    if not body:
        return None
    return hashlib.blake2b(_encoder.encode((time, body)), digest_size=16).digest()
