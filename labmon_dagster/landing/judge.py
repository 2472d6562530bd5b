"""Rows of a batch beside what the store holds around them: fitted, prepared, judged. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from labmon_dagster.landing.beside import merged_beside, of_fields
from labmon_dagster.landing.fit import fit
from labmon_dagster.landing.merge import Merged, merge
from labmon_dagster.landing.recipe import Recipe
from labmon_dagster.model import ORDER, PLACE, TIME, Measurement, Window
from labmon_dagster.model.window import DAY, day_number, day_of, runs_of_days
from labmon_dagster.stores.base import READ, ReadingStore

_HIDDEN = (ORDER, PLACE, READ)
_HOLDER = "_holder"


@dataclass(frozen=True, slots=True)
class Fitted:
    """Rows as the store can keep them, with all its tags; of ``misfits`` it cannot keep a value."""

    measurement: Measurement
    rows: pl.DataFrame
    misfits: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Met:
    """Rows of days in a row, judged. ``held``: what the store has of their series in ``span`` and around it.

    ``fields`` are the values by which rows were compared, ``omits`` those of them that may be left out.
    ``known``: as ``held``, with points of which the store has other fields only.
    """

    measurement: Measurement
    fields: list[str]
    omits: list[str]
    span: Window
    held: pl.DataFrame
    merged: Merged
    known: pl.DataFrame

    @property
    def added(self) -> pl.DataFrame:
        """The rows to be written of which the store has no field yet."""
        key = [TIME, *self.measurement.tags]
        return self.merged.writes.join(self.known, on=key, how="anti")

    def elsewhere(self) -> pl.DataFrame:
        """Rows whose place is held by one that was received on another day: time, tags, ``_order``."""
        key, merged = [TIME, *self.measurement.tags], self.merged
        told = [*key, ORDER]
        rows = pl.concat([frame.select(told) for frame in (merged.judged, merged.displaced, self.held)])
        holders = pl.concat([merged.writes.select(told), self.held.select(told)]).unique(key, keep="first")
        paired = rows.join(holders.rename({ORDER: _HOLDER}), on=key, how="inner", maintain_order="left")
        return paired.filter(pl.col(ORDER) != pl.col(_HOLDER)).drop(_HOLDER)


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges rows under a recipe. ``token`` is the number of the read they come from.

    ``partial``: rows say nothing of fields that their measurement does not name.
    """

    store: ReadingStore
    recipe: Recipe
    token: int
    partial: bool = False

    def fitted(self, measurement: Measurement, rows: pl.DataFrame) -> Fitted:
        """Rows as the store can take them."""
        known, types = self.store.columns(measurement.name)
        tags = (*measurement.tags, *(tag for tag in known if tag not in measurement.tags))
        absent = [pl.lit("").alias(tag) for tag in tags if tag not in measurement.tags]
        kinds = {field.name: field.type for field in measurement.fields}
        plain = rows.with_columns(*absent, pl.col(pl.Float64).fill_nan(None))
        whole = replace(measurement, tags=tags)
        rows, misfits = fit(plain, kinds, types)
        admitted, refused = self.store.admit(whole, rows)
        return Fitted(whole, admitted, pl.concat([misfits, refused], how="diagonal_relaxed"))

    def met(self, fitted: Fitted) -> Iterator[Met]:
        """Judge the rows that fit, neighbouring days together."""
        number = fitted.rows[TIME].cast(pl.Int64) // DAY
        for run in runs_of_days(day_of(n * DAY) for n in number.unique()):
            first, last = day_number(run[0]), day_number(run[-1])
            part = (
                fitted.rows.filter(number.is_between(first, last))
                if len(run) < number.n_unique()
                else fitted.rows
            )
            yield self._met(fitted.measurement, part)

    def _met(self, measurement: Measurement, rows: pl.DataFrame) -> Met:
        tags = measurement.tags
        span = Window.spanning(rows[TIME])
        known = held = self._held(measurement, span, rows)
        if self.partial:
            held = of_fields(held, tags, [field.name for field in measurement.fields])
        lacking = {n: kind for n, kind in held.schema.items() if n not in rows.columns and n != READ}
        rows = rows.with_columns(
            *(pl.lit(None, dtype=kind).alias(n) for n, kind in lacking.items() if kind != pl.Int8),
            pl.lit(self.token).alias(READ),
        )
        sources = [n for n in rows.columns if n not in {TIME, *tags, *_HIDDEN}]
        fields = [
            n for n in sources if n in {f.name for f in measurement.fields} or n not in self.recipe.computed
        ]
        prepared = self.recipe.prepare(rows, tags)
        held = held.with_columns(
            pl.lit(None, dtype=kind).alias(n) for n, kind in prepared.schema.items() if n not in held.columns
        )
        omits = self.recipe.omits_in(fields)
        rivals, ranked_by = held.filter(within(span)), measurement.ranked_by
        if self.partial:
            merged = merged_beside(prepared, rivals, tags, fields)
        else:
            merged = merge(prepared, rivals, tags, fields, omits, ranked_by=ranked_by)
        return Met(measurement, fields, omits, span, held, merged, known)

    def _held(self, measurement: Measurement, span: Window, rows: pl.DataFrame) -> pl.DataFrame:
        """Fetch the rows of the same series in the span, and as far around it as flags can depend on."""
        tags = measurement.tags
        fixed = {tag: rows[tag][0] for tag in tags if rows[tag].n_unique() == 1}
        held = self.store.fetch(measurement.name, span.widened(2 * self.recipe.reach), fixed)
        held = held.with_columns(pl.lit("").alias(tag) for tag in tags if tag not in held.columns)
        if len(fixed) < len(tags):
            held = held.join(rows.select(tags).unique(), on=tags, how="semi", maintain_order="left")
        needed = {*rows.columns, *self.recipe.inputs, READ}
        # A table that several series share has many columns which are none of this one's.
        return held.drop(n for n in held.columns if n not in needed and held[n].null_count() == held.height)


def within(window: Window) -> pl.Expr:
    """Whether a row lies in a window."""
    time = pl.col(TIME).cast(pl.Int64)
    return (time >= window.start) & (time < window.end)
