"""`labmon preview` of an asset of documents: a block for each, a column for each value, or JSON lines."""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl
import typer

from labmon_dagster.cli.common import output, remark
from labmon_dagster.cli.document_blocks import cells, plain, write_blocks
from labmon_dagster.cli.looking import tell_rejects, tell_trouble, windows
from labmon_dagster.formats import Columns, Format, writer
from labmon_dagster.model import NOWHERE, TIME, Request, Window
from labmon_dagster.model.documents import Document, Documents
from labmon_dagster.model.window import instant_text

if TYPE_CHECKING:
    from labmon_dagster.components.feed import Feed

_ID = "_id"
_FORMATS = [form.value for form in Format if form is not Format.LINE]


def show_documents(feed: Feed, day: date | None, limit: int, form: Format) -> None:
    """Show the newest documents of a feed, or the first of a day; nothing is stored."""
    if form is Format.LINE:
        raise typer.BadParameter(
            f"documents are nested, and line protocol cannot carry them; there are: {', '.join(_FORMATS)}"
        )
    for window in windows(feed, day):
        found = _Found(feed, day, window)
        shown = found.first(limit) if day else found.newest(limit)
        if shown:
            break
    if form is Format.JSONL:
        output().writelines(f"{_line(one)}\n" for one in shown)
    elif form is Format.CSV:
        _flat(feed.measurement, shown)
    else:
        write_blocks(shown, output())
    if not shown:
        remark(f"no documents{f' on {day}' if day else ''}")
    elif day and len(shown) < found.number:
        remark(f"{len(shown)} of {found.number} documents; --limit shows more")


class _Found:
    """The documents of a window as a run would meet them; ``number``: how many were met so far."""

    def __init__(self, feed: Feed, day: date | None, window: Window) -> None:
        self.feed = feed
        self.day = day
        self.window = window
        self.number = 0

    def newest(self, limit: int) -> list[Document]:
        """Give the newest, by time."""
        return sorted(heapq.nlargest(limit, self._met(), key=_when), key=_when)

    def first(self, limit: int) -> list[Document]:
        """Give the first, by time."""
        return heapq.nsmallest(limit, self._met(), key=_when)

    def _met(self) -> Iterator[Document]:
        given = self.feed.source.read(Request(self.window, NOWHERE, NOWHERE, time.time_ns()))
        if not isinstance(given, Documents):
            raise TypeError(f"{self.feed.asset} is a feed of documents, but its source gives none")
        for batch in given.batches:
            tell_rejects(batch.rejects, self.day)
            for one in batch.documents:
                if self.window.start <= one.time < self.window.end:
                    self.number += 1
                    yield one
        tell_trouble(given.trouble)


def _when(one: Document) -> tuple[int, int, int]:
    return one.time, one.order, one.place


def _line(one: Document) -> str:
    members = {TIME: instant_text(one.time), _ID: one.id, **plain(one)}
    return json.dumps(members, ensure_ascii=False)


def _flat(collection: str, documents: Sequence[Document]) -> None:
    """Write a line a document, and a column for each value there is in any."""
    found = [dict(cells(plain(one))) for one in documents]
    columns = Columns.of(collection, [_ID], {name for one in found for name in one})
    values: dict[str, Any] = {
        TIME: pl.Series([one.time for one in documents], dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")),
        _ID: pl.Series([one.id for one in documents], dtype=pl.String),
    }
    values |= {name: pl.Series([one.get(name) for one in found], dtype=pl.String) for name in columns.fields}
    writer(Format.CSV, columns, output())(pl.DataFrame(values))
