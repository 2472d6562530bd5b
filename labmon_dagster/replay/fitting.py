"""Which rows of a frame a store can keep as they are: the others are told apart, each with its reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import polars as pl

from labmon_dagster.model import TIME, FieldType, Measurement, Window
from labmon_dagster.quality import FLAG_SUFFIX
from labmon_dagster.replay.names import complaints
from labmon_dagster.stores import ReadingStore
from labmon_dagster.stores.base import READ, WHY

_FLAG = pl.Int8()
_OURS = (READ, WHY)
_NUMBER = "number "


@dataclass(frozen=True, slots=True)
class Fitter:
    """How frames of one shape fit into a store.

    ``wrong``: columns of which the store has another kind, or that it cannot have, and why. ``flags``:
    integers that are flags of other fields. ``measurement``: without those that are wrong.
    """

    measurement: Measurement
    wrong: Mapping[str, str]
    flags: tuple[str, ...]

    @classmethod
    def of(cls, measurement: Measurement, store: ReadingStore) -> Fitter:
        """Compare the columns of a measurement with those the store has."""
        tags, fields = store.columns(measurement.name)
        wrong = {tag: _not_theirs(tag) for tag in measurement.tags if tag in _OURS}
        wrong |= {
            tag: f"{tag!r} is a tag here, and a field in the store"
            for tag in measurement.tags
            if tag in fields
        }
        for field in measurement.fields:
            there = fields.get(field.name, field.type)
            if field.name in _OURS:
                wrong[field.name] = _not_theirs(field.name)
            elif field.name in tags:
                wrong[field.name] = f"{field.name!r} is a field here, and a tag in the store"
            elif there is not field.type:
                wrong[field.name] = f"field {field.name!r} is {field.type} here, and {there} in the store"
        wrong = complaints(measurement, store) | wrong
        known = {*fields, *(field.name for field in measurement.fields)}
        left = replace(
            measurement,
            tags=tuple(tag for tag in measurement.tags if tag not in wrong),
            fields=tuple(field for field in measurement.fields if field.name not in wrong),
        )
        flags = [f.name for f in left.fields if f.type is FieldType.INTEGER and _base(f.name) in known]
        held = _held_flags(measurement.name, store) if fields.keys() & set(flags) else set()
        return cls(left, wrong, tuple(name for name in flags if name in held or name not in fields))

    def fitted(
        self, rows: pl.DataFrame, tags: Collection[str], store: ReadingStore
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Give the rows as they can be written, and those that cannot with the reason in ``_why``.

        ``tags``: those columns of ``rows`` that are tags.
        """
        why = pl.lit(None, dtype=pl.String)
        for name, reason in self.wrong.items():
            values = rows[name].alias("")  # polars takes ^x$ for a pattern
            there = values != "" if name in tags else values.is_not_null()
            why = pl.coalesce(why, pl.when(there).then(pl.lit(reason)))
        for name in self.flags:
            beyond = (rows[name] != rows[name].cast(_FLAG, strict=False)).fill_null(rows[name].is_not_null())
            said = f"{name!r} holds flags, which are numbers from -128 to 127"
            why = pl.coalesce(why, pl.when(beyond).then(pl.lit(said)))
        rows, unfit = _parted(rows, rows.select(why.alias(WHY)).to_series())
        rows = rows[[column for column in rows.columns if column not in self.wrong]].with_columns(
            rows[name].cast(_FLAG) for name in self.flags
        )
        kept, refused = self._admitted(rows, store)
        return kept, pl.concat([unfit, refused], how="diagonal_relaxed") if unfit.height else refused

    def _admitted(self, rows: pl.DataFrame, store: ReadingStore) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Ask the store; what it would keep without one of its values is refused too."""
        number = unused(_NUMBER, rows)
        kept, refused = store.admit(self.measurement, rows.with_row_index(number))
        before = rows[kept[number]]
        why = pl.lit(None, dtype=pl.String)
        for field in self.measurement.fields:
            lost = before[field.name].is_not_null() & kept[field.name].is_null()
            if lost.any():
                said = f"the store cannot keep {before[field.name].filter(lost)[0]} in {field.name!r}"
                why = pl.coalesce(why, pl.when(lost).then(pl.lit(said)))
        reasons = before.select(why.alias(WHY)).to_series()
        whole, _ = _parted(kept.drop(number), reasons)
        _, lossy = _parted(before, reasons)
        return whole, pl.concat([refused.drop(number), lossy], how="diagonal_relaxed")


def _not_theirs(name: str) -> str:
    return f"{name!r} is labmon's own column; `labmon export` writes a file without it"


def _parted(rows: pl.DataFrame, why: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give the rows that have no reason, as they are, and those that have one, with it in ``_why``."""
    if why.null_count() == len(why):
        return rows, rows.clear().with_columns(why.clear())
    return rows.filter(why.is_null()), rows.with_columns(why).filter(why.is_not_null())


def unused(name: str, rows: pl.DataFrame) -> str:
    """Give a name with which none of the columns begins."""
    while any(column.startswith(name) for column in rows.columns):
        name += "_"
    return name


def _held_flags(measurement: str, store: ReadingStore) -> set[str]:
    """Name the columns that are flags in the store; other integers may have such names too."""
    nothing = store.fetch(measurement, Window(0, 0))
    return {name for name, kind in nothing.schema.items() if kind == _FLAG}


def _base(name: str) -> str | None:
    """The field whose flag a column would be."""
    base = name.removesuffix(FLAG_SUFFIX)
    return base if base != name else None


def merged(rows: pl.DataFrame, tags: tuple[str, ...], seen: pl.Series) -> pl.DataFrame:
    """Give one row for each identity, of each field the last value. ``seen``: a hash of each identity."""
    if seen.n_unique() == rows.height:
        return rows
    key = [TIME, *tags]
    return (
        rows.group_by(key, maintain_order=True).agg(pl.exclude(key).drop_nulls().last()).select(rows.columns)
    )
