"""A quarantined piece read once more: its row joins the store, and no position in the ledger moves.

The source was read past the piece long ago; what is found now adds a row to a day and changes nothing
else. Where it would take another row's place, it is refused: only a read of the whole day knows the
source's own order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from labmon_dagster.landing.close import Book
from labmon_dagster.landing.land import Landing
from labmon_dagster.landing.lander import Delivery
from labmon_dagster.landing.merge import COLLIDED, FATE
from labmon_dagster.landing.recipe import Recipe
from labmon_dagster.landing.tally import Tallies, Tally
from labmon_dagster.model import Batch, Window
from labmon_dagster.model.window import DAY, day_number, day_of
from labmon_dagster.stores.base import WHY, ReadingStore
from labmon_dagster.stores.ledger import Counts, LedgerRow, Quarantined

_TAKEN = "the store holds other values for that time and these tags; read the whole day to judge between them"


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of a piece: ``stored`` and out of quarantine, or refused again; ``said`` says why."""

    piece: Quarantined
    stored: bool
    said: str


class RefusedError(Exception):
    """A piece stays where it is."""


def retry(
    store: ReadingStore,
    piece: Quarantined,
    batches: Sequence[Batch],
    *,
    measurement: str,
    recipe: Recipe,
    version: str,
    by_receipt: bool = False,
) -> Retried:
    """Store the rows that ``batches``, read from ``piece``, hold, and release the piece, or do neither.

    The rest is as in `Delivery`.
    """
    refusals = [reject.reason for batch in batches for reject in batch.rejects]
    if refusals:
        return Retried(piece, False, refusals[0])
    found = [(batch, pl.DataFrame(batch.rows)) for batch in batches if batch.rows.num_rows]
    if not found:
        return Retried(piece, False, "it holds no row")
    days = (piece.day,)
    delivery = Delivery(
        piece.asset, measurement, days, recipe, whole=False, version=version, by_receipt=by_receipt
    )
    try:
        with store.transaction():
            counts = _Again(store, delivery).take(found)
            store.release([piece.id])
    except (RefusedError, ValueError) as refused:
        return Retried(piece, False, str(refused))
    return Retried(piece, True, _said(counts))


def _said(counts: Counts) -> str:
    if counts.stored:
        return "stored"
    return "the store has this row already" if counts.repeated else "a row without values, nothing to store"


def noted(
    book: Book, tallies: Tallies, days: Iterable[date], in_store: Callable[[Window], Mapping[int, int]]
) -> list[LedgerRow]:
    """Give the ledger rows of days with what is new in them. A day that was never read stays unread."""
    return [
        _noted(
            book.known[day], tallies[day], in_store(Window.of_days(day, day)).get(day_number(day) * DAY, 0)
        )
        for day in days
        if day in book.known
    ]


def _noted(before: LedgerRow, tally: Tally, in_store: int) -> LedgerRow:
    firsts = [one for one in (before.first, tally.first) if one is not None]
    lasts = [one for one in (before.last, tally.last) if one is not None]
    return replace(
        before,
        first=min(firsts, default=None),
        last=max(lasts, default=None),
        in_store=in_store,
        verdict="stored" if before.proven and in_store else before.verdict,
    )


class _Again(Landing):
    """Lands rows without a read of the source."""

    def take(self, found: Sequence[tuple[Batch, pl.DataFrame]]) -> Counts:
        """Store rows and note them in the ledger of their days.

        Raises RefusedError, before anything is written, if one does not fit or takes or loses a place,
        and if the database will not have one.
        """
        self.store.begin(self.delivery.asset, self._token)
        for batch, rows in found:
            self._refuse_rivals(batch, rows)
        days = {day_of(number * DAY) for _, rows in found for number in self._days_of(rows)}
        for batch, rows in found:
            self._store(batch.measurement, rows)
        for refusal in self.store.settle():
            raise RefusedError(refusal.reason)
        total = Counts()
        for day in days:
            total += self._tallies[day].counts
        self.store.enter(noted(self._book, self._tallies, days, self._in_store))
        return total

    def _refuse_rivals(self, batch: Batch, rows: pl.DataFrame) -> None:
        fitted = self._judge.fitted(batch.measurement, rows)
        if not fitted.misfits.is_empty():
            raise RefusedError(str(fitted.misfits[WHY][0]))
        for met in self._judge.met(fitted):
            lost = met.merged.judged.filter(pl.col(FATE) == COLLIDED)
            if not (lost.is_empty() and met.merged.displaced.is_empty()):
                raise RefusedError(_TAKEN)
