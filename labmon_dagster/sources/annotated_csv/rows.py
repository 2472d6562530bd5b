"""The cells of a table to points, by its plan; rows that are no points are bad lines."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from labmon_dagster.model import ORDER, PLACE, TIME, Field, FieldType, Measurement
from labmon_dagster.model.points import BadLine, Points
from labmon_dagster.sources.annotated_csv.cells import Cells
from labmon_dagster.sources.annotated_csv.columns import Column, texts
from labmon_dagster.sources.annotated_csv.copied import copied
from labmon_dagster.sources.annotated_csv.plan import TAKEN, VALUE, Plan, ValueColumn
from labmon_dagster.sources.annotated_csv.values import Converted

_TIMES = pl.Datetime("ns", "UTC")
_NAME, _ROW = "name", "row"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Faults:
    """The leftmost fault of each row: column and reason."""

    found: dict[int, tuple[int, str]] = field(default_factory=dict)

    def add(self, row: int, column: Column, reason: str) -> None:
        before = self.found.get(row)
        if before is None or column.number < before[0]:
            self.found[row] = (column.number, f"{column.label}: {reason}" if column.label else reason)

    def keep(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Give the rows without fault."""
        if not self.found:
            return rows
        return rows.filter(~pl.int_range(rows.height).is_in(list(self.found)))


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of a column by kinds; ``kinds`` (the kind of each row) where there can be several."""

    label: str
    values: Mapping[FieldType, pl.Series]
    kinds: pl.Series | None = None

    @property
    def null(self) -> pl.Expr:
        """Where there is no value."""
        return pl.all_horizontal(pl.lit(values.is_null()) for values in self.values.values())


def points(cells: Cells, plan: Plan) -> Iterator[Points | BadLine]:
    """Give the points of rows, by measurement (and field, in a Flux result), then the bad lines."""
    faults = _Faults()
    keys = [_measurements(cells, plan, faults)]
    time = _times(cells, plan, faults)
    tags = [
        texts(column, cells, plan.columns).fill_null("").alias(name) for name, column in plan.tags.items()
    ]
    values = [_values(column, cells, plan, faults) for column in plan.fields.values()]
    if plan.names:
        keys.append(_names(plan.names, cells, plan, faults))
    _want_values(values, cells, faults, keys[1:])
    keys += [one.kinds for one in values if one.kinds is not None]
    place = pl.Series(PLACE, cells.records.lines, dtype=pl.Int64)
    beside = pl.DataFrame([time.cast(_TIMES).alias(TIME), *tags, place])
    for key, rows in _groups(keys, faults):
        yield _points(key, rows, beside, values, plan, several=keys[0].n_unique() > 1)
    for row, (column, reason) in sorted(faults.found.items()):
        yield cells.bad(row, column, reason)


def _measurements(cells: Cells, plan: Plan, faults: _Faults) -> pl.Series:
    names = texts(plan.measurement, cells, plan.columns)
    for row in names.is_null().arg_true():
        faults.add(row, plan.measurement, "the measurement is empty")
    return names


def _times(cells: Cells, plan: Plan, faults: _Faults) -> pl.Series:
    if plan.time is None or plan.reads_time is None:
        return pl.repeat(None, cells.frame.height, dtype=pl.Int64, eager=True)
    found = plan.reads_time(texts(plan.time, cells, plan.columns))
    for row, reason in found.wrong.items():
        faults.add(row, plan.time, reason)
    return found.values


def _values(column: ValueColumn, cells: Cells, plan: Plan, faults: _Faults) -> _Values:
    of, text = column.column, texts(column.column, cells, plan.columns)
    if column.reads is None or column.kind is None:
        found = copied(text)
        column.kind = found.settle(column.kind)
        wrong = found.wrong
        result = _Values(of.label, found.values, found.kinds)
    else:
        converted = column.reads(text)
        wrong = converted.wrong
        _tell(converted, text, of, cells, plan)
        result = _Values(of.label, {column.kind: converted.values})
    for row, reason in wrong.items():
        faults.add(row, of, reason)
    return result


def _tell(converted: Converted, text: pl.Series, column: Column, cells: Cells, plan: Plan) -> None:
    """Warn of the first value of a column that was cut."""
    if converted.cut and column.label not in plan.told:
        plan.told.add(column.label)
        row = converted.cut[0]
        _log.warning(
            "line %d, column %d (%s): %s was cut to %s, and others may be; long:strict refuses them",
            cells.records.lines[row],
            column.number,
            column.label,
            text[row],
            converted.values[row],
        )


def _names(column: Column, cells: Cells, plan: Plan, faults: _Faults) -> pl.Series:
    """Give the field of each row of a Flux result."""
    names = texts(column, cells, plan.columns)
    for name in names.drop_nulls().unique():
        if name in {*TAKEN, *plan.tags, *plan.fields}:
            for row in (names == name).arg_true():
                faults.add(row, column, f"no field may be called {name!r}: another column has this name")
    return names


def _want_values(
    values: Sequence[_Values], cells: Cells, faults: _Faults, names: Sequence[pl.Series]
) -> None:
    """Refuse rows without any value, or, in a Flux result, without the name of the field."""
    empty = pl.select(pl.repeat(True, cells.frame.height, dtype=pl.Boolean) & _all_null(values)).to_series()
    for name in names:
        empty |= name.is_null()
    whole = Column(-1)
    for row in empty.arg_true():
        if row not in faults.found:
            faults.add(row, whole, "no field data: a point has at least one field")


def _all_null(values: Sequence[_Values]) -> pl.Expr:
    return pl.all_horizontal(pl.lit(True), *(one.null for one in values if one.values))


def _groups(keys: Sequence[pl.Series], faults: _Faults) -> Iterator[tuple[tuple[str, ...], pl.Series | None]]:
    """Give rows of equal keys together, as numbers; None stands for all rows."""
    named = pl.DataFrame([key.alias(str(n)) for n, key in enumerate(keys)])
    rows = faults.keep(named.with_row_index(_ROW))
    if rows.is_empty():
        return
    if all((key == key[0]).all() for key in rows.drop(_ROW).select(pl.all().fill_null("")).iter_columns()):
        yield rows.drop(_ROW).row(0), rows[_ROW] if faults.found else None
        return
    for key, part in rows.partition_by(*named.columns, maintain_order=True, as_dict=True).items():
        yield tuple(key), part[_ROW]


def _points(
    key: tuple[str, ...],
    rows: pl.Series | None,
    beside: pl.DataFrame,
    values: Sequence[_Values],
    plan: Plan,
    *,
    several: bool,
) -> Points:
    """Make one table of the rows of one measurement; ``several``: the text has more of them."""
    rest = iter(key[2:] if plan.names else key[1:])
    fields: list[tuple[Field, pl.Series]] = []
    for one in values:
        kind = next(iter(one.values)) if one.kinds is None else next(rest)
        if kind is not None:
            name = key[1] if plan.names and one.label == VALUE else one.label
            fields.append((Field(name, FieldType(kind)), one.values[FieldType(kind)].alias(name)))
    order = pl.zeros(beside.height, pl.Int64(), eager=True).alias(ORDER)
    tags = list(plan.tags)
    frame = beside[[TIME, *tags]].hstack([*(found for _, found in fields), order, beside[PLACE]])
    frame = frame if rows is None else frame[rows]
    kept = [each for each, _ in fields]
    if several:
        tags = [tag for tag in tags if (frame[tag] != "").any()]
        kept = [each for each in kept if frame[each.name].null_count() < frame.height]
        frame = frame[[TIME, *tags, *(each.name for each in kept), ORDER, PLACE]]
    return Points(Measurement(key[0], tuple(tags), tuple(kept)), frame)
