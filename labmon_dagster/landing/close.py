"""The book-keeping of one read: what is written into the ledger of its days, and of days it only saw."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from labmon_dagster.landing.tally import Tally
from labmon_dagster.model import NOWHERE, Batch, Mark, Position
from labmon_dagster.model.documents import DocumentBatch
from labmon_dagster.model.position import consumed, earliest
from labmon_dagster.model.window import DAY, day_number
from labmon_dagster.stores.ledger import LedgerRow

WHOLE, NEWS = "whole day", "news"
NOT_KEPT, PRUNED = "not kept", "pruned"


@dataclass(slots=True)
class _Sight:
    """What a read saw of a day that was not its own: in front of which position, and up to which marks."""

    start: Position
    marks: dict[str, Mark] = field(default_factory=dict)


class Book:
    """The ledger of one asset as it was before a read, and what the read adds to it.

    ``stream_of``: names the stream of a day, where each day has its own (see `DatedSource`). Then a row
    keeps the mark of that stream alone: what others have read says nothing of it. ``gone``: days that were
    pruned from the source: what came to them later is read, and more can never be proven.
    """

    def __init__(
        self,
        asset: str,
        known: Mapping[date, LedgerRow],
        kept_since: int | None = None,
        stream_of: Callable[[date], str] | None = None,
        gone: Collection[date] = (),
    ) -> None:
        self.asset = asset
        self.kept_since = kept_since
        self.stream_of = stream_of
        self.gone = gone
        self.known = dict(known)
        self._days = {stream_of(day): day for day in known if self.keeps(day)} if stream_of else {}
        self.newest = newest_position(known.values())
        self._others: dict[date, LedgerRow] = {}
        self._sights: dict[date, _Sight] = {}

    def keeps(self, day: date) -> bool:
        """Whether the store keeps anything of a day."""
        return self.kept_since is None or (day_number(day) + 1) * DAY > self.kept_since

    def reopened(self, days: Iterable[date]) -> list[LedgerRow]:
        """Give the rows of days whose data were just removed."""
        rows = [self._emptied(day) for day in days]
        self.known.update({row.day: row for row in rows})
        return rows

    def _emptied(self, day: date) -> LedgerRow:
        """Give the row of a day that is to be read anew; where its readings were is still to be known."""
        before = self.known.get(day) or LedgerRow(self.asset, day)
        return LedgerRow(self.asset, day, first=before.first, last=before.last, stale=True)

    def doubtful(self, days: Iterable[date], batch: Batch | DocumentBatch) -> set[date]:
        """Find those of ``days`` that were read, but not to behind ``batch``: it may hold news of them.

        A batch may begin in front of where such a day was read to, and end behind it.
        """
        known = {day: row for day in days if (row := self.known.get(day)) and not row.stale}
        return {day for day, row in known.items() if not consumed(row.read_until, batch.stream, batch.mark)}

    def grown(self, stream: str, mark: Mark) -> set[date]:
        """Find the day whose own stream has grown: whatever it gained, the day is to be read again."""
        row = self.known.get(self._days[stream]) if stream in self._days else None
        return {row.day} if row and row.was_read and not consumed(row.read_until, stream, mark) else set()

    def beyond(self, days: Iterable[date], batch: Batch | DocumentBatch, reached: Position) -> None:
        """Note that ``batch`` holds something of days that are not being read.

        A day never read is to be read from in front of this batch: everything before it was scanned by
        some read, and none saw the day.
        """
        for day in days:
            sight = self._sights.get(day)
            if sight is None:
                sight = self._sights[day] = _Sight(self._in_front(batch, reached))
            sight.marks[batch.stream] = batch.mark

    def _in_front(self, batch: Batch | DocumentBatch, reached: Position) -> Position:
        further = {
            s: m for s, m in reached.items() if s not in self.newest or m.offset > self.newest[s].offset
        }
        start = {**self.newest, **further}
        if consumed(start, batch.stream, batch.mark):
            # Scanned before, and yet the day is new: the settings have changed. Only the beginning is safe.
            del start[batch.stream]
        return start

    def refresh(self, current: Mapping[date, LedgerRow]) -> None:
        """Take in what others have written into the ledger since."""
        self._others = {day: row for day, row in current.items() if row != self.known.get(day)}
        self.known = dict(current)

    def seen(self) -> list[LedgerRow]:
        """Give the rows of days that were only seen and must be read (again)."""
        return [row for day, sight in self._sights.items() if (row := self._seen(day, sight))]

    def _seen(self, day: date, sight: _Sight) -> LedgerRow | None:
        row = self.known.get(day)
        if row is None:
            return LedgerRow(self.asset, day, read_until=sight.start, stale=True)
        if not row.was_read:
            return replace(row.seen(), read_until=earliest([row.read_until, sight.start]))
        read = all(consumed(row.read_until, stream, mark) for stream, mark in sight.marks.items())
        return None if row.stale or read else row.seen()

    def closed(
        self, row: LedgerRow, tally: Tally, in_store: int, reached: Position, trouble: str, *, whole: bool
    ) -> LedgerRow:
        """Give the ledger row of a day after its read. ``row`` has what is known of the run.

        Raises LedgerError if the figures do not add up.
        """
        before = self.known.get(row.day)
        tally.counts.check(f"{row.asset} {row.day}")
        row = replace(
            row, read_until=self._own(row.day, reached, whole=whole), in_store=in_store, trouble=trouble
        )
        if not self.keeps(row.day):
            return replace(row, covered=WHOLE, proven=True, verdict=NOT_KEPT, trouble="")
        if row.day in self.gone:
            return _of_pruned(row, tally, before)
        if whole:
            row = self._judged(_counted(row, tally, None, WHOLE), tally, before)
        elif before is None or not before.was_read:
            row = _counted(row, tally, before, NEWS)
        else:
            row = _news(row, tally, before)
        if before and before.stale and (row.day in self._others or self._overtaken(reached)):
            # Others saw more of the day, or emptied it, while it was being read.
            row = replace(row.seen(), read_until=earliest([row.read_until, before.read_until]))
        return row

    def _own(self, day: date, reached: Position, *, whole: bool) -> Position:
        """Give what of a position concerns a day; a stream without news leaves the day where it stood."""
        if self.stream_of is None:
            return reached
        anew = whole and day not in self.gone
        stood = self.known[day].read_until if day in self.known and not anew else NOWHERE
        own = self.stream_of(day)
        return {stream: mark for stream, mark in {**stood, **reached}.items() if stream == own}

    def _overtaken(self, reached: Position) -> bool:
        """Whether others have meanwhile read farther than this read did, and so seen more of its days."""
        return self.stream_of is None and any(
            not consumed(reached, stream, mark)
            for row in self._others.values()
            for stream, mark in row.read_until.items()
        )

    def _judged(self, row: LedgerRow, tally: Tally, before: LedgerRow | None) -> LedgerRow:
        """Judge whether a day that was read as a whole is proven: it is over, and the store lacks nothing."""
        if (day_number(row.day) + 1) * DAY > row.written:
            return row
        distinct = tally.distinct
        lacking = f"the store lacks {distinct - row.in_store} of {distinct} readings"
        trouble = row.trouble or (lacking if distinct > row.in_store else "")
        if trouble:
            return replace(row, trouble=trouble, tries=(before.tries if before else 0) + 1)
        return replace(row, proven=True, verdict="stored" if row.in_store else "empty")


def _of_pruned(row: LedgerRow, tally: Tally, before: LedgerRow | None) -> LedgerRow:
    """Give the row of a day of which the source has only what came after it was pruned."""
    met = tally.counts.read or before is None or not before.was_read
    counted = _counted(row, tally, before, NEWS) if met else _as_it_was(row, before or row)
    return replace(counted, proven=True, verdict="stored" if row.in_store else PRUNED, stale=False)


def _news(row: LedgerRow, tally: Tally, before: LedgerRow) -> LedgerRow:
    """Give the row of a day that was read before, after a read of what is new.

    Where nothing was stored, its proof still holds; where nothing was met, its figures do too.
    """
    counted = _counted(row, tally, before, NEWS) if tally.counts.read else _as_it_was(row, before)
    if tally.counts.stored:
        return counted
    trouble = row.trouble or (before.trouble if before.tries else "")
    return replace(counted, proven=before.proven, verdict=before.verdict, tries=before.tries, trouble=trouble)


def _as_it_was(row: LedgerRow, before: LedgerRow) -> LedgerRow:
    # The pause before another whole read is counted from the last one that failed.
    written = before.written if before.tries else row.written
    return replace(before, read_until=row.read_until, in_store=row.in_store, stale=False, written=written)


def _counted(row: LedgerRow, tally: Tally, before: LedgerRow | None, covered: str) -> LedgerRow:
    firsts = [tally.first, before.first if before else None]
    lasts = [tally.last, before.last if before else None]
    return replace(
        row,
        covered=covered,
        counts=tally.counts,
        first=min((t for t in firsts if t is not None), default=None),
        last=max((t for t in lasts if t is not None), default=None),
    )


def newest_position(rows: Iterable[LedgerRow]) -> Position:
    """Say how far the source was read by the latest read of any day."""
    read = [row for row in rows if row.was_read and row.verdict != NOT_KEPT]
    return max(read, key=lambda row: row.written).read_until if read else NOWHERE
