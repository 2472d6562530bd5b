"""Documents as a store takes and gives them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from labmon_dagster.model import TIME
from labmon_dagster.model.documents import Document


class Kept(NamedTuple):
    """A document in a store: its content, and the hidden part beside it.

    ``body`` is plain (see `labmon_dagster.stores.documents.plain`), ``time`` in UTC ns. ``order`` and
    ``place`` are the source's own order, ``read`` says which read wrote it (see `read_token`).
    """

    id: str
    time: int
    body: dict[str, Any]
    order: int
    place: int
    read: int


class Refused(NamedTuple):
    """A document that a store cannot carry, and why."""

    document: Document
    reason: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """Documents made ready for a store, in their order, and those it cannot carry."""

    kept: list[Kept] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def tallied(keys: Sequence[str], bucket: int, rows: Iterable[Sequence[int | None]]) -> pl.DataFrame:
    """Give counts as a frame: ``time`` where there are buckets, the ``keys``, and ``count``."""
    names = [*([TIME] if bucket else []), *keys, "count"]
    return pl.DataFrame(list(rows), schema=dict.fromkeys(names, pl.Int64()), orient="row")
