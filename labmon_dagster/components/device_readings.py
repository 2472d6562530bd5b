"""What devices said, as readings: one row for each poll and device, a column for each quantity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from labmon_dagster.components.device_journal import Told
from labmon_dagster.journal.reader import Portion
from labmon_dagster.journal.readings import JournalReadings
from labmon_dagster.model import (
    ORDER,
    PLACE,
    TIME,
    Batch,
    Field,
    FieldType,
    Measurement,
    Reject,
)
from labmon_dagster.model.devices import Value

DEVICE, TYPE = "device", "type"
TAGS = (DEVICE, TYPE)
_ALLOWED: Mapping[FieldType, tuple[type, ...]] = {
    FieldType.FLOAT: (float, int),
    FieldType.INTEGER: (int,),
    FieldType.BOOLEAN: (bool,),
    FieldType.TEXT: (str,),
}


@dataclass(frozen=True)
class DeviceReadings(JournalReadings[Told]):
    """The readings of an asset's devices, with the tags device and type.

    Quantities that ``fields`` does not name are left out and listed in the facts; documents have them.
    """

    measurement: str
    fields: tuple[Field, ...]

    def batches_of(self, portion: Portion[Told], facts: dict[str, Any]) -> Iterator[Batch]:
        """Give a row for each answer that fits the declared types."""
        undeclared = facts.setdefault("undeclared quantities", [])
        fitting, rejects = self._fitting(portion)
        known = {field.name for field in self.fields}
        undeclared += sorted(
            {name for told in fitting for name in told.said.values} - known - set(undeclared)
        )
        shape = Measurement(self.measurement, TAGS, self.fields)
        rows = _rows(shape, fitting)
        yield Batch(shape, rows, portion.stream, portion.mark, (*portion.rejects, *rejects))

    def _fitting(self, portion: Portion[Told]) -> tuple[list[Told], list[Reject]]:
        """Part what fits the declared types from what does not."""
        fitting: list[Told] = []
        rejects: list[Reject] = []
        for told in portion.told:
            if why := self._misfit(told.said.values):
                rejects.append(self.journal.reject(told.entry, why))
            else:
                fitting.append(told)
        return fitting, rejects

    def _misfit(self, values: Mapping[str, Value]) -> str:
        for field in self.fields:
            value = values.get(field.name)
            if value is None:
                continue
            of_type = isinstance(value, _ALLOWED[field.type])
            if not of_type or (isinstance(value, bool) and field.type is not FieldType.BOOLEAN):
                return f"{field.name}: {value!r}, where the type is {field.type}"
        return ""


def _rows(shape: Measurement, told: Sequence[Told]) -> pa.RecordBatch:
    columns: dict[str, list[object]] = {
        TIME: [one.entry.received for one in told],
        DEVICE: [one.settings.name for one in told],
        TYPE: [one.settings.type for one in told],
        ORDER: [0] * len(told),
        PLACE: [one.entry.offset for one in told],
    }
    for field in shape.fields:
        columns[field.name] = [_cell(one.said.values.get(field.name), field.type) for one in told]
    arrays = [pa.array(columns[field.name], field.type) for field in shape.schema]
    return pa.RecordBatch.from_arrays(arrays, schema=shape.schema)


def _cell(value: Value | None, kind: FieldType) -> Value | None:
    return float(value) if value is not None and kind is FieldType.FLOAT else value


def joined(several: Sequence[tuple[Field, ...]]) -> tuple[Field, ...]:
    """Give the quantities of several kinds of devices as fields of one measurement.

    Raises ValueError where two of one name differ in type; units that differ are left out.
    """
    found: dict[str, Field] = {}
    for field in (one for fields in several for one in fields):
        before = found.setdefault(field.name, field)
        if before.type is not field.type:
            raise ValueError(
                f"quantity {field.name} is {before.type} for one device, {field.type} for another"
            )
        if before.unit != field.unit:
            found[field.name] = replace(before, unit="")
    return tuple(found.values())
