"""Files that LoggerNet overwrites, landed in the journal at every look, before anything else.

Such a file holds only its newest rows: what is not landed now is gone at the next collection.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labmon_dagster.journal import Entry, Journal, Meta
from labmon_dagster.model import Position, SourceError
from labmon_dagster.sources.loggernet.folder import Folder, Found
from labmon_dagster.sources.loggernet.remote import unreadable
from labmon_dagster.sources.loggernet.snapshots import Snapshot

_TRIES = 3


@dataclass(frozen=True)
class Overwritten:
    """Lands the contents of a folder's files in a journal, and gives them back as snapshots."""

    folder: Folder
    journal: Journal

    def look(self) -> list[str]:
        """Land each file whose content is not the one landed last; give what could not be looked at.

        A file whose last line is unfinished and that stands still since the last look is landed once
        more, as settled. Raises OSError when the journal cannot be written.
        """
        with self.journal.locked():
            try:
                files = self.folder.look()
            except SourceError as error:
                return [str(error)]
            return [trouble for found in files if (trouble := self._look_at(found))]

    def _look_at(self, found: Found) -> str | None:
        try:
            read = self._content(found)
        except Exception as error:
            if not unreadable(error):
                raise
            return f"{found.name} cannot be read: {self.folder.said(error)}"
        if read is None:
            return f"{found.name} changed or vanished while it was read"
        self._land(*read)
        return None

    def _land(self, seen: Found, content: bytes) -> None:
        meta: Meta = {
            "file": seen.name,
            "size": seen.size,
            "changed": seen.changed,
            "digest": _digest(content),
        }
        before = self.journal.last(lambda entry: entry.meta.get("file") == seen.name)
        settled = False
        if before is not None and before.meta["digest"] == meta["digest"]:
            still = before.meta["changed"] == seen.changed and not content.endswith(b"\n")
            if not still or before.meta["settled"]:
                return
            settled = True
        self.journal.append(content, {**meta, "settled": settled})

    def _content(self, found: Found) -> tuple[Found, bytes] | None:
        """A content that was not changed while it was read, or None if there is none to be had now."""
        for _ in range(_TRIES):
            try:
                before = self.folder.stat(found)
                with self.folder.open(found) as handle:
                    content = handle.read()
                if self.folder.stat(found) == before and len(content) == before.size:
                    return before, content
            except FileNotFoundError:
                return None
        return None

    def waiting(self, known: Position) -> bool:
        """Whether something was landed behind ``known``."""
        return any(
            day not in known or known[day].offset < self.journal.size(day) for day in self.journal.days()
        )

    def landed(self, since: Position) -> Iterator[Snapshot]:
        """The snapshots behind a position, in the order they were landed."""
        for day in self.journal.days():
            offset = since[day].offset if day in since else 0
            if offset < self.journal.size(day):
                yield from _snapshots(day, self.journal.read(day, offset))


def _snapshots(day: str, entries: Iterable[Entry]) -> Iterator[Snapshot]:
    for entry in entries:
        meta = entry.meta
        yield Snapshot(
            day, entry.end, entry.received, str(meta["file"]), entry.payload, bool(meta["settled"])
        )


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
