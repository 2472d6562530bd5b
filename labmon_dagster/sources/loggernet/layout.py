"""From a table's header and its spec to a measurement: which column becomes what, with which type."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from labmon_dagster.model import ORDER, PLACE, TIME, Field, FieldType, Measurement
from labmon_dagster.sources.loggernet.badline import MISSING
from labmon_dagster.sources.loggernet.header import Header, HeaderError, checked_names
from labmon_dagster.sources.loggernet.spec import Column, TableSpec

_TIME_OF_EXTREME = {"TMx", "TMn"}
_NUMBER = re.compile(r"\s*[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[iI][nN][fF])\s*")
_BITS = re.compile(r"0\d+")  # BOOL8 is written as "00000101"
_CELL = re.compile(r'(?:^|,)("(?:[^"]|"")*"|[^,]*)')


@dataclass(frozen=True, slots=True)
class Layout:
    """How the columns of one header map to one measurement.

    ``names``: all columns of the file, in order. ``types``: how those wanted are parsed. ``fields`` and
    ``tags``: file column → name in the measurement. ``fixed``: tags that are the same in every row.
    """

    measurement: Measurement
    names: tuple[str, ...]
    types: Mapping[str, pa.DataType]
    fields: Mapping[str, str]
    tags: Mapping[str, str]
    fixed: Mapping[str, str]
    stamp: str
    record: str | None


def lay_out(header: Header, spec: TableSpec, textual: Collection[str]) -> Layout:
    """Lay out a table; ``textual`` are the columns that hold text unless the spec declares another type.

    Raises HeaderError where the stamp column is missing or two columns would take one name.
    """
    if spec.stamp not in header.names:
        raise HeaderError(f"no column {spec.stamp} for the time stamp; there are {', '.join(header.names)}")
    columns = {name: _column(name, spec) for name in header.names if name != spec.stamp}
    kinds = {name: _kind(name, column, spec, name in textual) for name, column in columns.items()}
    fields = {name: column for name, column in columns.items() if column.use == "field"}
    tags = {name: column.field for name, column in columns.items() if column.use == "tag"}
    fixed = {tag: text.format(**header.labels) for tag, text in spec.tags.items()}
    measurement = Measurement(
        spec.measurement,
        tuple(sorted([*fixed, *tags.values()])),
        tuple(
            Field(c.field, kinds[name], header.unit(name) if c.unit is None else c.unit, c.description)
            for name, c in fields.items()
        ),
    )
    _check_names(measurement)
    types = {spec.stamp: pa.timestamp("ns"), **{name: kinds[name].arrow for name in fields}}
    types |= dict.fromkeys(tags, pa.string())
    record = spec.record if spec.record in columns else None
    if record:
        types[record] = pa.int64()
    named = {name: column.field for name, column in fields.items()}
    return Layout(measurement, header.names, types, named, tags, fixed, spec.stamp, record)


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


def text_columns(header: Header, sample: Sequence[bytes], encoding: str) -> set[str]:
    """Find the columns that hold text: times of extremes, and those where no value can be a number.

    One text among numbers does not make a text column: it is a bad value.
    """
    found = {
        name for name, how in zip(header.names, header.processing, strict=False) if how in _TIME_OF_EXTREME
    }
    some, others = set(), set()
    for line in sample:
        row = [match[1] for match in _CELL.finditer(line.decode(encoding, "replace").rstrip("\r\n"))]
        if len(row) == len(header.names):
            for name, cell in zip(header.names, row, strict=True):
                bare = cell.strip('"')
                if bare in MISSING:
                    continue
                if not _NUMBER.fullmatch(bare) or _BITS.fullmatch(bare):
                    some.add(name)
                elif bare == cell:
                    others.add(name)
    return found | (some - others)


def _check_names(measurement: Measurement) -> None:
    try:
        checked_names([TIME, ORDER, PLACE, *measurement.tags, *(field.name for field in measurement.fields)])
    except HeaderError as error:
        raise HeaderError(f"after renaming, {error}") from error
