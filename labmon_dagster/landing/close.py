"""The book-keeping of one read: what is written into the ledger of its days, and of days it only saw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date

from labmon_dagster.landing.tally import Tally
from labmon_dagster.model import NOWHERE, Batch, Mark, Position
from labmon_dagster.model.position import consumed
from labmon_dagster.model.window import DAY, day_number
from labmon_dagster.stores.ledger import LedgerRow

WHOLE, NEWS = "whole day", "news"


class Book:
    """The ledger of one asset as it was before a read, and what the read adds to it."""

    def __init__(self, known: Mapping[date, LedgerRow]) -> None:
        self.known = dict(known)
        self.newest = newest_position(known.values())
        self.seen: dict[date, LedgerRow] = {}

    def reopened(self, asset: str, days: Iterable[date]) -> list[LedgerRow]:
        """The rows of days whose data were just removed."""
        return [LedgerRow(asset, day, stale=True) for day in days]

    def beyond(self, asset: str, days: Iterable[date], batch: Batch, reached: Mapping[str, Mark]) -> None:
        """Note that ``batch`` holds rows of days that are not being read.

        A day never read is to be read from in front of this batch: everything before it was scanned by
        some read, and none saw the day.
        """
        for day in days:
            row = self.seen.get(day) or self.known.get(day)
            if row is None:
                start = {**self.newest, **{s: m for s, m in reached.items() if _further(m, self.newest.get(s))}}
                row = LedgerRow(asset, day, read_until=start)
            if not consumed(row.read_until, batch.stream, batch.mark):
                self.seen[day] = row.seen()

    def closed(
        self, row: LedgerRow, tally: Tally, in_store: int, reached: Position, trouble: str, *, whole: bool
    ) -> LedgerRow:
        """The ledger row of a day after its read. ``row`` has what is known of the run."""
        before = self.known.get(row.day)
        tally.counts.check(f"{row.asset} {row.day}")
        if not whole and before and before.was_read and not tally.counts.read:
            return replace(before, read_until=reached, stale=False, trouble=trouble, in_store=in_store)
        firsts = [tally.first, None if whole or before is None else before.first]
        lasts = [tally.last, None if whole or before is None else before.last]
        row = replace(
            row,
            read_until=reached,
            covered=WHOLE if whole else NEWS,
            counts=tally.counts,
            first=min((t for t in firsts if t is not None), default=None),
            last=max((t for t in lasts if t is not None), default=None),
            in_store=in_store,
            trouble=trouble,
        )
        return self._judged(row, tally, before) if whole else row

    def _judged(self, row: LedgerRow, tally: Tally, before: LedgerRow | None) -> LedgerRow:
        """Whether a day that was read as a whole is proven: it is over, and the store lacks nothing."""
        if (day_number(row.day) + 1) * DAY > row.written:
            return row
        missing = tally.distinct - row.in_store
        trouble = row.trouble or (f"the store lacks {missing} of {tally.distinct} readings" if missing > 0 else "")
        if trouble:
            return replace(row, trouble=trouble, tries=(before.tries if before else 0) + 1)
        return replace(row, proven=True, verdict="stored" if row.in_store else "empty")


def newest_position(rows: Iterable[LedgerRow]) -> Position:
    """How far the source was read by the latest read of any day."""
    read = [row for row in rows if row.was_read]
    return max(read, key=lambda row: row.written).read_until if read else NOWHERE


def _further(mark: Mark, than: Mark | None) -> bool:
    return than is None or mark.offset > than.offset
