"""From a source's readings to a store: merge, flag, write, count; then the ledger."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from datetime import date

import polars as pl

from labmon_dagster.landing.judge import Judge, Met
from labmon_dagster.landing.lander import Delivery, Lander, in_the_end
from labmon_dagster.landing.merge import COLLIDED, FATE, LOST, STORED
from labmon_dagster.landing.pieces import Pieces
from labmon_dagster.landing.reflag import flagged
from labmon_dagster.landing.tally import Tallies
from labmon_dagster.model import (
    ORDER,
    PLACE,
    TIME,
    Batch,
    Mark,
    Measurement,
    Position,
    Readings,
    Reject,
    Window,
)
from labmon_dagster.model.window import DAY, day_number, day_of
from labmon_dagster.stores.base import READ, WHY, ReadingStore, StoreError, owned_by, owner_of
from labmon_dagster.stores.ledger import LedgerRow

_HIDDEN = (ORDER, PLACE, READ, WHY)


class Landing(Lander):
    """Lands one delivery. ``now`` is the time of the read (UTC ns)."""

    store: ReadingStore

    def __init__(self, store: ReadingStore, delivery: Delivery, now: int | None = None) -> None:
        read_at = time.time_ns() if now is None else now
        self._kept_since = store.kept_since(read_at)
        super().__init__(store, delivery, read_at, Tallies(delivery.filed), self._kept_since)
        self.recipe = delivery.recipe
        self._judge = Judge(store, delivery.recipe, self._token, partial=delivery.by_receipt)
        self._added: Counter[date] = Counter()
        about = (delivery.asset, delivery.measurement, delivery.run, self.now)
        self._pieces = Pieces(*about, by_receipt=delivery.by_receipt)

    def land(self, readings: Readings) -> dict[date, LedgerRow]:
        """Store what in ``readings`` belongs to the delivery's days; give the ledger rows written.

        Raises LedgerError when rows were lost or counted twice: the ledger then stays as it was, and
        the days will be read again.
        """
        self.store.begin(self.delivery.asset, self._token)
        if self.delivery.replace:
            self._remove()
        reached: dict[str, Mark] = {}
        return self._in_turn(
            readings.batches,
            lambda batch: self._land(batch, reached),
            lambda: self._close(reached, readings.trouble),
        )

    def _remove(self) -> None:
        """Remove what the asset wrote in these days, and mend the flags of the rows that lose a neighbour."""
        with self.store.transaction():
            super()._remove()
            if self.recipe.reach:
                self._mend_flags_beside(self.delivery.window)

    def _delete(self) -> None:
        if not self.delivery.by_receipt:
            super()._delete()
            return
        for day in self.delivery.days:
            row = self._book.known.get(day)
            if row and row.first is not None and row.last is not None:
                span = Window(row.first, row.last + 1)
                self.store.delete_received(owner_of(self.delivery.asset), span, day_number(day))

    def _mend_flags_beside(self, emptied: Window) -> None:
        name = self.delivery.measurement
        held = self.store.fetch(name, emptied.widened(2 * self.recipe.reach))
        own = held.filter(owned_by(owner_of(self.delivery.asset)))
        self._write(Measurement(name, self.store.columns(name)[0]), own.clear(), own, emptied)

    def _land(self, batch: Batch, reached: dict[str, Mark]) -> None:
        first, last = self.delivery.days[0], self.delivery.days[-1]
        rejects = [reject for reject in batch.rejects if first <= reject.day <= last]
        rows = pl.DataFrame(batch.rows)
        inside = self._days_of(rows).is_between(day_number(first), day_number(last))
        mine = self._kept(rows if inside.all() else rows.filter(inside))
        self._tallies.read(self._days_of(mine), (reject.day for reject in rejects))
        self.store.quarantine(self._pieces.unreadable(rejects))
        self._tallies.quarantined(reject.day for reject in rejects)
        self._store(batch.measurement, mine)
        if not inside.all() or len(rejects) < len(batch.rejects):
            self._beyond(batch, self._kept(rows.filter(~inside)), reached)
        self._passed(batch, reached)

    def _days_of(self, rows: pl.DataFrame) -> pl.Series:
        """Give the day each row is filed under, in days since 1970."""
        return rows.select(self.delivery.filed).to_series()

    def _kept(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Leave out what is too old for the store to keep: the source is not read as far as that.

        But what was received lately, however old, is nowhere else: if the store refuses it, it is told.
        """
        if self._kept_since is None or self.delivery.by_receipt:
            return rows
        return rows.filter(pl.col(TIME).cast(pl.Int64) >= self._kept_since)

    def _beyond(self, batch: Batch, rows: pl.DataFrame, reached: Position) -> None:
        """Note the days that are not being read but of which ``batch`` holds something."""
        days = self.delivery.days
        others = [reject for reject in batch.rejects if not days[0] <= reject.day <= days[-1]]
        rejects = [reject for reject in others if self._book.keeps(reject.day)]
        number = self._days_of(rows)
        met = {day_of(n * DAY) for n in number.unique()} | {reject.day for reject in rejects}
        self._check_filed(met, batch.stream)
        doubtful = self._book.doubtful(met, batch)
        known = number.is_in([day_number(day) for day in doubtful])
        among = [reject for reject in rejects if reject.day in doubtful]
        news = self._news_among(batch.measurement, rows.filter(known), among)
        self._book.beyond(met - (doubtful - news), batch, reached)

    def _news_among(self, measurement: Measurement, rows: pl.DataFrame, rejects: list[Reject]) -> set[date]:
        """Find the days of which there is anything that neither the store nor quarantine has."""
        pieces = self._pieces.unreadable(rejects)
        news: set[date] = set()
        if not rows.is_empty():
            fitted = self._judge.fitted(measurement, rows)
            fields = [one.name for one in measurement.fields]
            name, tags = fitted.measurement.name, fitted.measurement.tags
            pieces += self._pieces.unfit(fitted.misfits, name, tags, fields)
            for met in self._judge.met(fitted):
                judged = met.merged.judged
                lost = judged.filter(pl.col(FATE) == COLLIDED)
                pieces += self._pieces.collided(lost, name, tags, met.fields, met.omits)
                stored = judged.filter(pl.col(FATE) == STORED)
                news |= {day_of(number * DAY) for number in self._days_of(stored)}
        return news | self._not_quarantined(pieces)

    def _store(self, measurement: Measurement, rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        fitted = self._judge.fitted(measurement, rows)
        fields = [one.name for one in measurement.fields]
        name, tags = fitted.measurement.name, fitted.measurement.tags
        self.store.quarantine(self._pieces.unfit(fitted.misfits, name, tags, fields))
        self._tallies.quarantined(day_of(number * DAY) for number in self._days_of(fitted.misfits))
        for met in self._judge.met(fitted):
            self._settle(met)

    def _settle(self, met: Met) -> None:
        """Count what was judged, write what changed, and keep the rows that lost."""
        merged, tags = met.merged, met.measurement.tags
        key = [TIME, *sorted(tags)]
        self._tallies.judged(merged.judged, key, met.measurement.name)
        self._tallies.displaced(merged.displaced.filter(pl.col(READ) == self._token))
        if self.delivery.by_receipt:
            self._tallies.elsewhere(met.elsewhere(), key, met.measurement.name)
            self._added.update(day_of(number * DAY) for number in self._days_of(met.added))
        self._keep_losers(met)
        if not merged.writes.is_empty():
            self._write(met.measurement, merged.writes, met.held, met.span)

    def _keep_losers(self, met: Met) -> None:
        """Quarantine rows that lost their place; one that has won it back is no longer kept."""
        events = met.merged.events
        shape = met.measurement
        pieces = self._pieces.collided(events, shape.name, shape.tags, met.fields, met.omits)
        losers, winners = in_the_end(pieces, events[LOST])
        self.store.release(winners)
        self.store.quarantine(losers.values())

    def _write(
        self, measurement: Measurement, writes: pl.DataFrame, held: pl.DataFrame, span: Window
    ) -> None:
        """Write rows, and those held beside them whose flags have changed by them."""
        rows = flagged(self.recipe, writes, held, measurement.tags, span)
        if not rows.is_empty():
            self.store.write(measurement, rows, held)

    def _settle_refused(self) -> None:
        """Wait until all is written; quarantine what the database would not have, with its reason."""
        for refusal in self.store.settle():
            tags = self.store.columns(refusal.measurement)[0]
            rows = refusal.rows.with_columns(pl.lit(refusal.reason).alias(WHY))
            if not (rows[READ] == self._token).all():
                raise StoreError(f"{refusal.measurement}: rows that were stored before: {refusal.reason}")
            fields = [
                n for n, kind in rows.schema.items() if kind != pl.Int8 and n not in {TIME, *tags, *_HIDDEN}
            ]
            self.store.quarantine(self._pieces.unfit(rows, refusal.measurement, tags, fields))
            self._tallies.refused(rows, [TIME, *sorted(tags)], refusal.measurement)

    def _in_store(self, window: Window) -> Mapping[int, int]:
        if not self.delivery.by_receipt:
            return super()._in_store(window)
        return {day_number(day) * DAY: self._received(day) for day in window.days}

    def _received(self, day: date) -> int:
        """Say how many rows the store has that were received on a day: counted when all of it was read."""
        tally, before = self._tallies[day], self._book.known.get(day)
        if not self.delivery.whole:
            return (before.in_store if before else 0) + self._added[day]
        if tally.first is None or tally.last is None:
            return 0
        span = Window(tally.first, tally.last + 1)
        return self.store.count_received(span, owner_of(self.delivery.asset), day_number(day))

    def _close(self, reached: dict[str, Mark], trouble: list[str]) -> dict[date, LedgerRow]:
        self._settle_refused()
        return self._enter(reached, trouble)
