"""From a source's readings to a store: merge, flag, write, count; then the ledger.

Data come first and the ledger last, in the transaction of the last batch: a crash in between only means
reading again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from labmon_dagster.landing.close import Book
from labmon_dagster.landing.fit import fit
from labmon_dagster.landing.merge import COLLIDED, FATE, STORED, merge
from labmon_dagster.landing.pieces import Pieces
from labmon_dagster.landing.recipe import Recipe
from labmon_dagster.landing.tally import Tallies
from labmon_dagster.model import TIME, Batch, FieldType, Mark, Measurement, Readings, Window
from labmon_dagster.model.window import DAY, day_number, day_of, runs_of_days
from labmon_dagster.stores.base import READ, ReadingStore, owner_of, read_token
from labmon_dagster.stores.ledger import LedgerRow


@dataclass(frozen=True, slots=True)
class Delivery:
    """One read of one asset: its days (in a row), and under which settings it is done.

    ``whole``: the source is read from its beginning for these days, so that they can be proven.
    ``replace``: the asset's own rows of these days are removed first.
    """

    asset: str
    measurement: str
    days: tuple[date, ...]
    recipe: Recipe = field(default_factory=Recipe)
    whole: bool = True
    replace: bool = False
    run: str = ""
    version: str = ""

    @property
    def window(self) -> Window:
        """All instants of the days."""
        return Window.of_days(self.days[0], self.days[-1])


_NEW = "_new"


class Landing:
    """Lands one delivery. ``now`` is the time of the read (UTC ns)."""

    def __init__(self, store: ReadingStore, delivery: Delivery, now: int | None = None) -> None:
        self.store = store
        self.delivery = delivery
        self.recipe = delivery.recipe
        self.now = time.time_ns() if now is None else now
        self._token = read_token(delivery.asset, delivery.version, secrets.randbits(23))
        self._tallies = Tallies()
        self._pieces = Pieces(delivery.asset, delivery.measurement, delivery.run, self.now)
        self._book = Book(store.ledger(delivery.asset))

    def land(self, readings: Readings) -> dict[date, LedgerRow]:
        """Store what in ``readings`` belongs to the delivery's days; give the ledger rows written.

        Raises LedgerError when rows were lost or counted twice: the ledger then stays as it was, and
        the days will be read again.
        """
        if self.delivery.replace:
            self._remove()
        reached: dict[str, Mark] = {}
        waiting: Batch | None = None
        for batch in readings.batches:
            if waiting is not None:
                with self.store.transaction():
                    self._land(waiting, reached)
            waiting = batch
        with self.store.transaction():
            if waiting is not None:
                self._land(waiting, reached)
            return self._close(reached, readings.trouble)

    def _remove(self) -> None:
        with self.store.transaction():
            self.store.delete(owner_of(self.delivery.asset), self.delivery.window)
            pieces = self.store.quarantined(self.delivery.asset, self.delivery.days)
            self.store.release(piece.id for piece in pieces)
            self.store.enter(self._book.reopened(self.delivery.asset, self.delivery.days))

    def _land(self, batch: Batch, reached: dict[str, Mark]) -> None:
        days = self.delivery.days
        rejects = [reject for reject in batch.rejects if days[0] <= reject.day <= days[-1]]
        self.store.quarantine(self._pieces.unreadable(rejects))
        self._tallies.quarantined(reject.day for reject in rejects)
        rows = pl.DataFrame(batch.rows)
        if not rows.is_empty():
            number = rows[TIME].cast(pl.Int64) // DAY
            inside = number.is_between(day_number(days[0]), day_number(days[-1]))
            beyond = number.filter(~inside).unique().to_list()
            self._book.beyond(self.delivery.asset, [day_of(n * DAY) for n in beyond], batch, reached)
            self._store(batch.measurement, rows.filter(inside))
        reached[batch.stream] = batch.mark

    def _store(self, measurement: Measurement, rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        kinds: Mapping[str, FieldType] = {one.name: one.type for one in measurement.fields}
        tags = measurement.tags
        fitting, misfits = fit(rows, kinds, self.store.columns(measurement.name)[1])
        self.store.quarantine(self._pieces.unfit(misfits, tags, list(kinds)))
        self._tallies.quarantined(day_of(time) for time in misfits[TIME].cast(pl.Int64))
        prepared = self.recipe.prepare(fitting, tags).with_columns(pl.lit(self._token).alias(READ))
        values = [*kinds, *self.recipe.computed]
        number = prepared[TIME].cast(pl.Int64) // DAY
        for run in runs_of_days(day_of(n * DAY) for n in number.unique()):
            part = prepared.filter(number.is_between(day_number(run[0]), day_number(run[-1])))
            self._merge(measurement, part, values)

    def _merge(self, measurement: Measurement, new: pl.DataFrame, values: list[str]) -> None:
        """Merge rows of neighbouring days with what the store holds around them, and write what changed."""
        tags = measurement.tags
        span = _span(new)
        held = self._held(measurement, span, new)
        merged = merge(new, held.filter(_within(span)), tags, values)
        judged = merged.judged
        self._tallies.judged(judged, [TIME, *tags])
        self._tallies.displaced(merged.displaced.filter(pl.col(READ) == self._token)[TIME].cast(pl.Int64))
        self.store.quarantine(self._pieces.collided(judged.filter(pl.col(FATE) == COLLIDED), tags, values))
        self.store.quarantine(self._pieces.collided(merged.displaced, tags, values))
        writes = judged.filter(pl.col(FATE) == STORED).drop(FATE)
        self._write(measurement, writes, held, span)

    def _held(self, measurement: Measurement, span: Window, new: pl.DataFrame) -> pl.DataFrame:
        """What the store holds of the same series in the span, and as far around it as flags can depend on."""
        fixed = {tag: new[tag][0] for tag in measurement.tags if new[tag].n_unique() == 1}
        held = self.store.fetch(measurement.name, span.widened(2 * self.recipe.reach), fixed)
        absent = [pl.lit("").alias(tag) for tag in measurement.tags if tag not in held.columns]
        return held.with_columns(absent)

    def _write(self, measurement: Measurement, writes: pl.DataFrame, held: pl.DataFrame, span: Window) -> None:
        """Write rows, and those held beside them whose flags have changed by them."""
        if self.recipe.rules:
            writes = self._flagged(writes, held, measurement.tags, span)
        if not writes.is_empty():
            self.store.write(measurement, writes)

    def _flagged(
        self, writes: pl.DataFrame, held: pl.DataFrame, tags: tuple[str, ...], span: Window
    ) -> pl.DataFrame:
        """The rows to write with their flags, and those of ``held`` whose flags are no longer right."""
        rest = held.join(writes, on=[TIME, *tags], how="anti")
        new = pl.lit(True).alias(_NEW)
        both = pl.concat([rest.with_columns(~new), writes.with_columns(new)], how="diagonal_relaxed")
        flags = self.recipe.flags_in(both)
        before = both.with_columns(pl.lit(None, dtype=pl.Int8).alias(flag) for flag in flags if flag not in both.columns)
        old = [pl.col(flag).alias(f"old:{flag}") for flag in flags]
        after = self.recipe.flag(before.with_columns(old), tags)
        changed = pl.any_horizontal(pl.lit(False), *(pl.col(f).ne_missing(pl.col(f"old:{f}")) for f in flags))
        wanted = pl.col(_NEW) | (_within(span.widened(self.recipe.reach)) & changed)
        return after.filter(wanted).select(*writes.columns, *(flag for flag in flags if flag not in writes.columns))

    def _close(self, reached: dict[str, Mark], trouble: list[str]) -> dict[date, LedgerRow]:
        delivery = self.delivery
        held = self.store.count(delivery.measurement, delivery.window, DAY, owner_of(delivery.asset))
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
        self.store.enter([*rows.values(), *self._book.seen.values()])
        return rows


def _span(rows: pl.DataFrame) -> Window:
    times = rows[TIME].cast(pl.Int64)
    low, high = times.min(), times.max()
    assert isinstance(low, int) and isinstance(high, int)
    return Window(low, high + 1)


def _within(window: Window) -> pl.Expr:
    time = pl.col(TIME).cast(pl.Int64)
    return (time >= window.start) & (time < window.end)
