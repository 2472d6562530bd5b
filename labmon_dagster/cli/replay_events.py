"""`labmon replay` of dump files: events of detectors into their asset's journal and store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from labmon_dagster.cli.common import feeds, output, remark
from labmon_dagster.cli.document_forms import json_line
from labmon_dagster.cli.following import followed
from labmon_dagster.events.journal import EventJournal
from labmon_dagster.events.loading import DumpLoader, Loaded, Target
from labmon_dagster.events.reading import read_dump
from labmon_dagster.events.seen import Seen
from labmon_dagster.formats import printable
from labmon_dagster.landing.garbage import searched_seldom
from labmon_dagster.lookup import check_known
from labmon_dagster.model.window import day_number, day_of
from labmon_dagster.replay.files import STDIN, Opened
from labmon_dagster.settings import open_documents
from labmon_dagster.sources.cosmic.document import Receipt, document_of

if TYPE_CHECKING:
    from labmon_dagster.components.feed import Feed


class EventReplay:
    """Replays dump files. ``asset`` and ``to`` (a store) are '' where nobody names them."""

    def __init__(self, asset: str, to: str) -> None:
        feed, journal = _chosen(asset)
        if to and to != feed.store:
            remark(f"the next run of {feed.asset} lands the same events in its own store, {feed.store!r}")
        self._target = Target(feed.asset, feed.measurement, feed.version, journal, feed.indexes)
        self._start = time.monotonic()
        self._store, self._seen = open_documents(to or feed.store), Seen()
        self._loader: DumpLoader | None = None

    def load(self, path: str, file: Opened) -> None:
        """Load a file. Raises ValueError, StoreError, OSError."""
        loader = self._loader = self._loader or DumpLoader(self._store, self._target, self._seen)
        folder = "" if path == STDIN else str(Path(path).parent)
        try:
            with searched_seldom():
                for found in followed(file, read_dump(file)):
                    loader.take(found, folder, file.name)
        except ValueError as error:
            raise ValueError(f"{file.name}: {error}") from error

    def show(self, file: Opened) -> int:
        """Print a file as JSON lines, one for each document; give how many pieces are no events."""
        journal, now, bad = self._target.journal, time.time_ns(), 0
        receipt, order = Receipt(now, "file", file.name), day_number(day_of(now))
        for found in read_dump(file):
            for one in found:
                if one.event is None:
                    remark(printable(f"{file.name}:{one.piece.line}: {one.why}"))
                    bad += 1
                else:
                    document = document_of(one.event, journal.decoding, receipt, order, 0)
                    output().write(f"{json_line(document)}\n")
        return bad

    def close(self) -> int:
        """End, and tell what became of the events; give how many pieces were none."""
        with closing(self._store), closing(self._seen):
            if self._loader is None:
                return 0
            loaded = self._loader.loaded
            typer.echo(f"{_said(loaded)} in {time.monotonic() - self._start:.1f} s")
            for line in _odd(loaded, self._seen, self._target.asset):
                remark(printable(line))
            return loaded.refused


def _chosen(asset: str) -> tuple[Feed, EventJournal]:
    """Find the asset of events that is asked for, or the only one. Raises ValueError that names them."""
    there = {feed.asset: (feed, journal) for feed in feeds() if (journal := _journal_of(feed))}
    if asset:
        check_known("asset of events", [asset], there)
        return there[asset]
    if not there:
        raise ValueError("no asset takes events: a defs.yaml with CosmicEvents is needed (docs/cosmic.md)")
    if len(there) > 1:
        raise ValueError(f"--asset says which asset the events are of; there are: {', '.join(there)}")
    return next(iter(there.values()))


def _journal_of(feed: Feed) -> EventJournal | None:
    found = getattr(feed.source, "journal", None)
    return found if isinstance(found, EventJournal) else None


def _said(loaded: Loaded) -> str:
    counts = f"{loaded.new:,} new, {loaded.there:,} there already"
    return f"{loaded.new + loaded.there:,} events: {counts}, {loaded.refused:,} refused"


def _odd(loaded: Loaded, seen: Seen, asset: str) -> Iterator[str]:
    for reason, number in loaded.reasons.items():
        yield f"in quarantine of {asset}: {number:,} × {reason}"
    if loaded.unstored:
        told = f"{loaded.unstored:,} more events are in the journal of {asset}, and not stored"
        yield f"{told}; its next run stores them"
    number, names = seen.reused()
    if number:
        more = f" and {number - len(names):,} more" if number > len(names) else ""
        yield (
            f"{number:,} event numbers stand for several events, which are all stored "
            f"(detector/run/number): {', '.join(names)}{more}"
        )
