"""Labmon's own small measurements beside the data: few rows, text of any length, written before it returns.

They lie where nothing expires: in the database itself if it keeps data for ever, else in the retention
policy ``labmon`` (1.x) or the bucket ``<BUCKET>_labmon`` (2.x). InfluxDB keeps at most 64 KiB in a text:
those that may be longer are cut into parts ``x``, ``x.1``, …, whose number is ``x.parts``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from labmon_dagster.model import TIME
from labmon_dagster.model.lazily import lazily
from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.influxdb.answers import Answers
from labmon_dagster.stores.influxdb.lines import Encoder
from labmon_dagster.stores.influxdb.link import Link
from labmon_dagster.stores.influxdb.retention import Retention
from labmon_dagster.stores.influxdb.sender import Sender
from labmon_dagster.stores.influxdb.words import listed, quoted, select

_PART = 15_000  # characters; at most four bytes each
_CHUNK = 1000
_PARTS = re.compile(r".+\.\d+")


@dataclass(frozen=True, slots=True)
class Form:
    """A measurement of labmon's own: its tags, its values with their types, and which of them are long."""

    name: str
    tags: tuple[str, ...]
    kinds: Mapping[str, pl.DataType]
    long: tuple[str, ...] = ()


class Notes:
    """Reads and writes rows of labmon's own measurements."""

    def __init__(self, link: Link, retention: Retention) -> None:
        self.link = link
        self.retention = retention
        self._sender = Sender(link)
        self._encoder = Encoder()

    @lazily
    def answers(self) -> Answers:
        """The database they lie in."""
        return Answers(self.link, self.retention.books)

    def write(self, form: Form, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows (``time`` in ns, tags, values that are never None), each whole. Raises StoreError."""
        given = [_split(row, form.long) for row in rows]
        for first in range(0, len(given), _CHUNK):
            frame = pl.DataFrame(given[first : first + _CHUNK], infer_schema_length=None)
            lines = self._encoder.encode(form.name, form.tags, frame)
            self._sender.send(lines, self.answers.place, "ns", _never)
        self._sender.settle()

    def read(self, form: Form, where: str = "") -> list[dict[str, Any]]:
        """Give the rows of a measurement, by time and tags; ``where``: a condition in InfluxQL."""
        columns = self._columns(form)
        if not columns:
            return []
        query = select(listed(columns), form.name, where, form.tags)
        rows = self.answers.frame(query, form.tags, columns).sort(TIME, *form.tags)
        return [_joined(row, form) for row in rows.iter_rows(named=True)]

    def _columns(self, form: Form) -> dict[str, pl.DataType]:
        """Give the columns in which the values lie: long texts take several."""
        (fields,) = self.answers.ask(f"SHOW FIELD KEYS FROM {quoted(form.name)}")
        there = {str(row[0]) for series in fields for row in series.rows()}
        parts = {name: pl.String() for name in there if _PARTS.fullmatch(name)}
        numbers = {f"{name}.parts": pl.Int64() for name in form.long}
        return {**form.kinds, **parts, **numbers} if there else {}

    def close(self) -> None:
        """End the threads."""
        self._sender.close()


def _split(row: Mapping[str, Any], long: Iterable[str]) -> dict[str, Any]:
    found = dict(row)
    for name in long:
        text = row[name]
        parts = [text[n : n + _PART] for n in range(0, len(text), _PART)] or [""]
        found |= {f"{name}.{n}" if n else name: part for n, part in enumerate(parts)}
        found[f"{name}.parts"] = len(parts)
    return found


def _joined(row: Mapping[str, Any], form: Form) -> dict[str, Any]:
    found = {name: row[name] for name in (TIME, *form.tags, *form.kinds)}
    for name in form.long:
        found[name] = "".join(row[f"{name}.{n}" if n else name] for n in range(row[f"{name}.parts"]))
    return found


def _never(numbers: list[int], why: str) -> None:
    raise StoreError(f"labmon's own books cannot be written: {why} ({len(numbers)} rows)")
