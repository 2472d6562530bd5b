"""What the landings of readings and of documents have in common: batch after batch, then the ledger.

Data come first and the ledger last, in the transaction of the last batch: a crash in between only means
reading again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

import polars as pl

from labmon_dagster.landing.close import Book
from labmon_dagster.landing.recipe import Recipe
from labmon_dagster.landing.tally import Tallies
from labmon_dagster.model import ORDER, TIME, Batch, Mark, Position, Window
from labmon_dagster.model.documents import DocumentBatch
from labmon_dagster.model.window import DAY, day_number, days_between
from labmon_dagster.stores.base import SERIALS, Store, owner_of, read_token
from labmon_dagster.stores.ledger import LedgerRow, Quarantined

B = TypeVar("B")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One read of one asset: its days (in a row), and under which settings it is done.

    ``whole``: the source is read from its beginning for these days, so that they can be proven.
    ``replace``: the asset's own rows of these days are removed first. ``stream_of`` is that of a source
    whose streams are days (see `DatedSource`). ``gone``: those of the days that were pruned from the source.
    ``by_receipt``: rows as programs write them. They are filed under the day they were received, which their
    ``_order`` says (in days since 1970), whatever their time; and a row says nothing of fields that its batch
    does not have: these stay as they are. Documents are filed so, too. ``measurement`` is '' where the rows
    are of several. ``by_content``: the ids of documents say all of their content: of those of one id the
    first that was received stays, and the others repeat it. ``indexes``: they are searched by these keys.
    """

    asset: str
    measurement: str
    days: tuple[date, ...]
    recipe: Recipe = field(default_factory=Recipe)
    whole: bool = True
    replace: bool = False
    run: str = ""
    version: str = ""
    stream_of: Callable[[date], str] | None = None
    gone: frozenset[date] = frozenset()
    by_receipt: bool = False
    by_content: bool = False
    indexes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse days with gaps: what lies in one would be stored and never accounted for."""
        if not self.days or list(self.days) != days_between(self.days[0], self.days[-1]):
            raise ValueError(f"{self.asset}: the days of a delivery are days in a row, and at least one")

    @property
    def window(self) -> Window:
        """All instants of the days."""
        return Window.of_days(self.days[0], self.days[-1])

    @property
    def filed(self) -> pl.Expr:
        """The day a row is filed under, in days since 1970."""
        return pl.col(ORDER) if self.by_receipt else pl.col(TIME).cast(pl.Int64) // DAY


class Lander:
    """What the landings of readings and of documents have in common: batch after batch, then the ledger."""

    store: Store

    def __init__(
        self, store: Store, delivery: Delivery, now: int, tallies: Tallies, kept_since: int | None = None
    ) -> None:
        self.store = store
        self.delivery = delivery
        self.now = now
        self._token = read_token(delivery.asset, delivery.version, 1 + secrets.randbelow(SERIALS))
        self._tallies = tallies
        self._book = Book(
            delivery.asset, store.ledger(delivery.asset), kept_since, delivery.stream_of, delivery.gone
        )

    def _in_turn(self, given: Iterator[B], land: Callable[[B], None], close: Callable[[], T]) -> T:
        """Land each batch in a transaction, and close in that of the last one."""
        waiting: B | None = None
        with _closed_in_the_end(given) as batches:
            for batch in batches:
                if waiting is not None:
                    with self.store.transaction():
                        land(waiting)
                waiting = batch
        with self.store.transaction():
            if waiting is not None:
                land(waiting)
            return close()

    def _check_filed(self, days: Iterable[date], stream: str) -> None:
        """Raise ValueError where a stream that is one day's holds something of another: it would be lost."""
        stream_of = self.delivery.stream_of
        strangers = sorted(day for day in days if stream_of and stream_of(day) != stream)
        if strangers:
            raise ValueError(
                f"{self.delivery.asset}: stream {stream!r} of its source holds what is filed under "
                f"{', '.join(map(str, strangers))}; each day has a stream of its own"
            )

    def _passed(self, batch: Batch | DocumentBatch, reached: dict[str, Mark]) -> None:
        """Note how far the source was read, and the day that is not being read but whose stream has grown."""
        elsewhere = self._book.grown(batch.stream, batch.mark).difference(self.delivery.days)
        self._book.beyond(elsewhere, batch, reached)
        reached[batch.stream] = batch.mark

    def _remove(self) -> None:
        """Remove what the asset wrote in the delivery's days.

        They are opened again first: a crash in between must not leave a day proven whose data are gone.
        """
        delivery = self.delivery
        with self.store.transaction():
            self.store.enter(self._book.reopened(delivery.days))
            self._delete()
            self.store.release(piece.id for piece in self.store.quarantined(delivery.asset, delivery.days))

    def _delete(self) -> None:
        self.store.delete(owner_of(self.delivery.asset), self.delivery.window)

    def _not_quarantined(self, pieces: Sequence[Quarantined]) -> set[date]:
        """Find the days of those pieces that quarantine does not have."""
        days = {piece.day for piece in pieces}
        kept = {piece.id for piece in self.store.quarantined(self.delivery.asset, days)} if days else set()
        return {piece.day for piece in pieces if piece.id not in kept}

    def _in_store(self, window: Window) -> Mapping[int, int]:
        """Count what the store has of the asset, by the start of each day (ns)."""
        return self.store.count(self.delivery.measurement, window, DAY, owner_of(self.delivery.asset))

    def _enter(self, reached: Position, trouble: list[str]) -> dict[date, LedgerRow]:
        """Write the ledger; all data are written."""
        delivery = self.delivery
        held = self._in_store(delivery.window)
        self._book.refresh(self.store.ledger(delivery.asset))
        rows = {
            day: self._book.closed(
                LedgerRow(delivery.asset, day, run=delivery.run, version=delivery.version, written=self.now),
                self._tallies[day],
                held.get(day_number(day) * DAY, 0),
                reached,
                "; ".join(trouble),
                whole=delivery.whole,
            )
            for day in delivery.days
        }
        self.store.enter([*rows.values(), *self._book.seen()])
        return rows


def in_the_end(
    pieces: Iterable[Quarantined], lost: Iterable[bool]
) -> tuple[dict[str, Quarantined], set[str]]:
    """Give the pieces that lost their place and did not win it back, and the ids of those that did."""
    losers: dict[str, Quarantined] = {}
    winners: set[str] = set()
    for piece, has_lost in zip(pieces, lost, strict=True):
        if has_lost:
            losers[piece.id] = piece
            winners.discard(piece.id)
        else:
            losers.pop(piece.id, None)
            winners.add(piece.id)
    return losers, winners


@contextmanager
def _closed_in_the_end(batches: Iterator[B]) -> Iterator[Iterator[B]]:
    """End a source that is read no further, so that it lets go of its files."""
    try:
        yield batches
    finally:
        if isinstance(batches, Generator):
            batches.close()
