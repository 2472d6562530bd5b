"""From a table's header and its spec to a measurement: which column becomes what, with which type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from labmon_dagster.model import Field, FieldType, Measurement
from labmon_dagster.sources.loggernet.block import MISSING
from labmon_dagster.sources.loggernet.header import Header, HeaderError, cells, checked_names
from labmon_dagster.sources.loggernet.spec import Column, TableSpec

_INFINITE = {"INF", "-INF", "+INF", "inf", "-inf"}
_TIME_OF_EXTREME = {"TMx", "TMn"}


@dataclass(frozen=True, slots=True)
class Layout:
    """How the columns of one header map to one measurement.

    ``types``: Arrow type of each file column, in order. ``fields`` and ``tags``: file column → name in
    the measurement. ``fixed``: tags that are the same in every row.
    """

    measurement: Measurement
    types: Mapping[str, pa.DataType]
    fields: Mapping[str, str]
    tags: Mapping[str, str]
    fixed: Mapping[str, str]
    stamp: str
    record: str | None


def lay_out(header: Header, spec: TableSpec, sample: list[bytes]) -> Layout:
    """The layout of a table; ``sample`` are its first data lines, which tell text columns from numbers.

    Raises HeaderError where the stamp column is missing or two columns would take one name.
    """
    if spec.stamp not in header.names:
        raise HeaderError(f"no column {spec.stamp} for the time stamp; there are {', '.join(header.names)}")
    textual = _text_columns(header, sample, spec.encoding)
    columns = {name: _column(name, spec) for name in header.names if name != spec.stamp}
    types: dict[str, pa.DataType] = {}
    fields: list[Field] = []
    for name in header.names:
        if name == spec.stamp:
            types[name] = pa.timestamp("ns")
            continue
        column, kind = columns[name], _kind(name, columns[name], spec, name in textual)
        types[name] = pa.string() if column.use == "tag" else kind.arrow
        if column.use == "field":
            unit = header.unit(name) if column.unit is None else column.unit
            fields.append(Field(column.field, kind, unit, column.description))
    by_use = {use: {n: c.field for n, c in columns.items() if c.use == use} for use in ("field", "tag")}
    fixed = {tag: text.format(**header.labels) for tag, text in spec.tags.items()}
    measurement = Measurement(spec.measurement, tuple(sorted([*fixed, *by_use["tag"].values()])), tuple(fields))
    _check_names(measurement)
    record = spec.record if spec.record in header.names else None
    return Layout(measurement, types, by_use["field"], by_use["tag"], fixed, spec.stamp, record)


def _column(name: str, spec: TableSpec) -> Column:
    if name in spec.columns:
        return spec.columns[name]
    is_record = name == spec.record
    return Column(name, "drop" if is_record or spec.unlisted == "drop" else "field")


def _kind(name: str, column: Column, spec: TableSpec, textual: bool) -> FieldType:
    if column.type is not None:
        return column.type
    if name == spec.record:
        return FieldType.INTEGER
    return FieldType.TEXT if textual else FieldType.FLOAT


def _text_columns(header: Header, sample: list[bytes], encoding: str) -> set[str]:
    """Columns that hold text: times of extremes, and those with a quoted value that is no number."""
    found = {name for name, how in zip(header.names, header.processing, strict=False) if how in _TIME_OF_EXTREME}
    for line in sample:
        try:
            row = cells(line.decode(encoding))
        except (UnicodeDecodeError, HeaderError):
            continue
        if len(row) == len(header.names):
            quoted = line.decode(encoding)
            found |= {n for n, c in zip(header.names, row, strict=True) if f'"{c}"' in quoted and _is_text(c)}
    return found


def _is_text(cell: str) -> bool:
    if cell in MISSING or cell in _INFINITE:
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def _check_names(measurement: Measurement) -> None:
    try:
        checked_names([*measurement.tags, *(field.name for field in measurement.fields)])
    except HeaderError as error:
        raise HeaderError(f"after renaming, {error}") from error
