"""Points as JSON lines: the time first, and a schema line where a measurement's columns are new."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import polars as pl

from labmon_dagster.model import TIME, FieldType, Measurement
from labmon_dagster.model.points import Points
from labmon_dagster.sources.jsonl.schema import head_of

_STAMP = '{"time":"%Y-%m-%dT%H:%M:%S%.9fZ",'


class JsonLines:
    """Writes points, one a line."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def write(self, points: Points) -> bytes:
        """Write rows in order; one without time gets none. Raises ValueError for one without value."""
        measurement = points.measurement
        kinds = {field.name: field.type for field in measurement.fields}
        values = pl.DataFrame([points.rows[name] for name in kinds])
        if values.select(pl.all_horizontal(pl.lit(True), pl.all().is_null())).to_series().any():
            raise ValueError(f"{measurement.name}: a row without any value is no point")
        for name in kinds:
            if values[name].dtype.is_float() and values[name].is_nan().any():
                raise ValueError(
                    f"{measurement.name}: NaN in field {name!r}; where there is no value, null is"
                )
        head = head_of(measurement.name, sorted(measurement.tags), kinds)
        lines = _lines(measurement, points.rows)
        if self._known.get(measurement.name) == head:
            return lines
        self._known[measurement.name] = head
        return head + lines


def _lines(measurement: Measurement, rows: pl.DataFrame) -> bytes:
    stamp = pl.col(TIME).dt.strftime(_STAMP).fill_null("{")
    tags = _members((tag, _texts(rows[tag], absent="")) for tag in sorted(measurement.tags))
    fields = _members((field.name, _value(rows[field.name], field.type)) for field in measurement.fields)
    between = [f'"measurement":{_json(measurement.name)},"tags":{{', '},"fields":{', "}}\n"]
    lines = rows.select(
        line=pl.concat_str(
            [stamp, pl.lit(between[0]), tags, pl.lit(between[1]), fields, pl.lit(between[2])],
            ignore_nulls=True,
        )
    )
    return "".join(lines["line"].to_list()).encode()


def _members(found: Iterable[tuple[str, pl.Expr]]) -> pl.Expr:
    """Write the members of an object, without those that are null."""
    parts = [pl.lit(f"{_json(name)}:") + value for name, value in found]
    return pl.concat_str(parts, separator=",", ignore_nulls=True) if parts else pl.lit("")


def _value(values: pl.Series, kind: FieldType) -> pl.Expr:
    if kind is FieldType.TEXT:
        return _texts(values)
    text = pl.lit(values).cast(pl.String)
    if kind is FieldType.FLOAT:
        # JSON has no infinity: it is written as text, and the schema line says what they are.
        return pl.when(pl.lit(values).is_finite()).then(text).otherwise(pl.lit('"') + text + pl.lit('"'))
    return text


def _texts(values: pl.Series, absent: str | None = None) -> pl.Expr:
    """Write texts; ``absent`` is a text that stands for none."""
    different = values.drop_nulls().unique()
    told = [None if text == absent else _json(text) for text in different]
    return pl.lit(values).replace_strict(different, pl.Series(told, dtype=pl.String()), default=None)


def _json(text: str) -> str:
    return msgspec.json.encode(text).decode()
