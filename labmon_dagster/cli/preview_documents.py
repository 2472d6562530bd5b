"""`labmon preview` of an asset of documents: a block for each, a column for each value, or JSON lines."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from labmon_dagster.cli.common import remark
from labmon_dagster.cli.document_forms import check_form, write_documents
from labmon_dagster.cli.looking import tell_rejects, tell_trouble, windows
from labmon_dagster.formats import Format
from labmon_dagster.model import NOWHERE, Request, Window
from labmon_dagster.model.documents import Document, Documents
from labmon_dagster.model.window import DAY

if TYPE_CHECKING:
    from labmon_dagster.components.feed import Feed


def show_documents(feed: Feed, day: date | None, limit: int, form: Format) -> None:
    """Show the newest documents of a feed, or the first of a day; nothing is stored."""
    check_form(form)
    for window in windows(feed, day):
        found = _Found(feed, day, window)
        shown = found.first(limit) if day else found.newest(limit)
        if shown:
            break
    write_documents(feed.measurement, shown, form)
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
        """Give the newest, by time or receipt, whichever says their day."""
        return sorted(heapq.nlargest(limit, self._met(), key=self._when), key=self._when)

    def first(self, limit: int) -> list[Document]:
        """Give the first, likewise."""
        return heapq.nsmallest(limit, self._met(), key=self._when)

    def _met(self) -> Iterator[Document]:
        given = self.feed.source.read(Request(self.window, NOWHERE, NOWHERE, time.time_ns()))
        if not isinstance(given, Documents):
            raise TypeError(f"{self.feed.asset} is a feed of documents, but its source gives none")
        for batch in given.batches:
            tell_rejects(batch.rejects, self.day)
            for one in batch.documents:
                if self.window.start <= self._filed(one) < self.window.end:
                    self.number += 1
                    yield one
        tell_trouble(given.trouble)

    def _filed(self, one: Document) -> int:
        """Give the instant that says under which day a document is filed."""
        return one.order * DAY if self.feed.by_receipt else one.time

    def _when(self, one: Document) -> tuple[int, int, int]:
        return self._filed(one), one.order, one.place
