"""Points to annotated CSV, as `influx write` and the reader in sources/annotated_csv take it, time first."""

from __future__ import annotations

import polars as pl

from labmon_dagster.model import TIME, Field, FieldType, Measurement
from labmon_dagster.model.points import Points

_TYPES = {
    FieldType.FLOAT: "double",
    FieldType.INTEGER: "long",
    FieldType.BOOLEAN: "boolean",
    FieldType.TEXT: "string",
}
_AS_IS = "field"
_FLUX = {"_field", "_value", "_time", "_measurement"}


class AnnotatedCsv:
    """Writes points, with `#datatype` and header where measurement, columns or types are others than before.

    A text field in which '' stands is written as line protocol writes it (datatype `field`), since an empty
    cell is no value.
    """

    def __init__(self) -> None:
        self._shape: tuple[object, ...] | None = None

    def write(self, points: Points) -> bytes:
        """Give the rows, in their order. Raises ValueError, naming what annotated CSV cannot carry."""
        measurement, rows = points.measurement, points.rows
        if rows.is_empty():
            return b""
        types = [_datatype(field, rows[field.name]) for field in measurement.fields]
        _check(measurement, types, rows)
        columns = [
            rows[TIME].cast(pl.Int64).alias("0"),
            pl.repeat(measurement.name, rows.height, eager=True).alias("1"),
            *(rows[tag].set(rows[tag] == "", None) for tag in measurement.tags),
            *(_cells(rows[field.name], kind) for field, kind in zip(measurement.fields, types, strict=True)),
        ]
        frame = pl.DataFrame([column.alias(str(n)) for n, column in enumerate(columns)])
        return self._head(measurement, types) + _csv(frame)

    def _head(self, measurement: Measurement, types: list[str]) -> bytes:
        """Say what the rows below are, unless those above are the same."""
        labels = [
            "timestamp",
            "measurement",
            *measurement.tags,
            *(field.name for field in measurement.fields),
        ]
        kinds = ["dateTime:number", "measurement", *("tag" for _ in measurement.tags), *types]
        before, self._shape = self._shape, (measurement.name, *labels, *kinds)
        if before == self._shape:
            return b""
        header = _csv(pl.DataFrame([labels], orient="row"))
        return (b"\n" if before else b"") + f"#datatype {','.join(kinds)}\n".encode() + header


def _datatype(field: Field, values: pl.Series) -> str:
    return _AS_IS if field.type is FieldType.TEXT and (values == "").any() else _TYPES[field.type]


def _cells(values: pl.Series, datatype: str) -> pl.Series:
    if datatype != _AS_IS:
        return values
    escaped = values.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
    return pl.select(pl.concat_str([pl.lit('"'), pl.lit(escaped), pl.lit('"')])).to_series()


def _csv(frame: pl.DataFrame) -> bytes:
    return frame.write_csv(include_header=False).encode()


def _check(measurement: Measurement, types: list[str], rows: pl.DataFrame) -> None:
    """Raise ValueError for what annotated CSV cannot carry."""
    if not measurement.name:
        raise ValueError("annotated CSV cannot carry a measurement without name")
    for name in (*measurement.tags, *(field.name for field in measurement.fields)):
        if not name.strip() or name in _FLUX:
            raise ValueError(f"{measurement.name}: annotated CSV cannot carry a column called {name!r}")
    for field, kind in zip(measurement.fields, types, strict=True):
        values = rows[field.name]
        if kind == _AS_IS and "|" in field.name:
            raise ValueError(
                f"{measurement.name}: annotated CSV cannot carry '' in field {field.name!r}: its name has a |"
            )
        if field.type is FieldType.FLOAT and not values.drop_nulls().is_finite().all():
            first = values.filter(~values.is_finite())[0]
            raise ValueError(f"{measurement.name}: annotated CSV cannot carry {first} (field {field.name!r})")
    fields = [field.name for field in measurement.fields]
    if not fields or rows[fields].select(pl.all_horizontal(pl.all().is_null())).to_series().any():
        raise ValueError(f"{measurement.name}: annotated CSV cannot carry a row without any field")
