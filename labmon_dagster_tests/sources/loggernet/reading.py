"""What the tests of the reader share: tiny tables, a fixed now, rows as plain tuples."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from labmon_dagster.model import NOWHERE, SECOND, Batch, FieldType, Mark, Position, Readings, Request, Window
from labmon_dagster.model.position import dump, parse
from labmon_dagster.model.stamps import Zone
from labmon_dagster.sources.loggernet.files import TableFiles
from labmon_dagster.sources.loggernet.folder import Folder
from labmon_dagster.sources.loggernet.spec import Column, TableSpec

NOW = 1_625_097_600 * SECOND  # 2021-07-01T00:00:00Z
START = 1_622_505_600 * SECOND  # 2021-06-01T00:00:00Z
ALL = Window(0, 2 * NOW)
HEADER = (
    b'"TOA5","46m","CR5000","1041","CR5000.Std.07","CPU:Y21_46M_PARCal.CR5","6827","PARCal_2019"\r\n'
    b'"TIMESTAMP","RECORD","A","B"\r\n'
    b'"TS","RN","umol/m^2/s",""\r\n'
    b'"","","Smp","Smp"\r\n'
)
SPEC = TableSpec("M", Zone("UTC-05:00"), START)


def row(number: int, a: str = "1.5", b: str = "22.75") -> bytes:
    """Write row ``number`` of a table with one row a second."""
    return f'"2021-06-25 10:{number // 60:02}:{number % 60:02}",{number},{a},{b}\r\n'.encode()


def table(*numbers: int) -> bytes:
    return HEADER + b"".join(row(n) for n in numbers)


def files(folder: Path | str, spec: TableSpec = SPEC, block: int = 1 << 16, *patterns: str) -> TableFiles:
    return TableFiles(Folder(str(folder), patterns or ("*.dat",)), spec, block)


def request(since: Position = NOWHERE, now: int = NOW, known: Position | None = None) -> Request:
    return Request(ALL, since, since if known is None else known, now)


class Look:
    """One read to its end: rows, rejects, the position reached (through JSON and back), facts, trouble."""

    def __init__(self, readings: Readings) -> None:
        self.batches: list[Batch] = list(readings.batches)
        reached: dict[str, Mark] = {batch.stream: batch.mark for batch in self.batches}
        self.position = parse(dump(reached))
        self.facts, self.trouble = readings.facts, readings.trouble
        self.rejects = [reject for batch in self.batches for reject in batch.rejects]
        self.rows = [row for batch in self.batches for row in plain(batch)]

    @property
    def numbers(self) -> list[int]:
        """The RECORD of each row."""
        return [row["_order"] for row in self.rows]


def plain(batch: Batch) -> list[dict[str, Any]]:
    """Rows with their time as ns."""
    assert batch.rows.schema == batch.measurement.schema
    batch.rows.validate(full=True)
    columns = {name: batch.rows[name] for name in batch.rows.schema.names}
    columns["time"] = columns["time"].cast("int64")
    listed = {name: column.to_pylist() for name, column in columns.items()}
    return [dict(zip(listed, values, strict=True)) for values in zip(*listed.values(), strict=True)]


def look(
    source: TableFiles, since: Position = NOWHERE, now: int = NOW, known: Position | None = None
) -> Look:
    return Look(source.read(request(since, now, known)))


def spec_of(given: dict[str, Any]) -> TableSpec:
    """Make a spec of the arguments in a case's spec.yaml."""
    given = {"zone": "UTC-05:00", "start": "2021-06-01", **given}
    columns = {name: _column(dict(entry)) for name, entry in given.pop("columns", {}).items()}
    start = _instant(str(given.pop("start")))
    names = tuple(given.pop("names", ()))
    return TableSpec("M", Zone(given.pop("zone")), start, columns, names=names, **given)


def _column(entry: dict[str, Any]) -> Column:
    kind = entry.pop("type", None)
    return Column(type=FieldType(kind) if kind else None, **entry)


def _instant(day: str) -> int:
    from datetime import UTC, datetime

    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * SECOND


def as_csv(batches: Iterable[Batch]) -> str:
    """Write rows as time, tags and fields, all columns that any batch has."""
    rows, columns = [], ["time"]
    for batch in batches:
        rows += plain(batch)
        if batch.rows.num_rows:
            names = [*batch.measurement.tags, *(field.name for field in batch.measurement.fields)]
            columns += [name for name in names if name not in columns]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for values in [dict(zip(columns, columns, strict=True)), *rows] if rows else []:
        writer.writerow([_cell(name, values.get(name)) for name in columns])
    return text.getvalue()


def _cell(name: str, value: object) -> str:
    from datetime import UTC, datetime

    if name != "time" or not isinstance(value, int):
        return "" if value is None else str(value)
    seconds, fraction = divmod(value, SECOND)
    digits = f".{fraction:09}".rstrip("0").rstrip(".")
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{digits}Z"
