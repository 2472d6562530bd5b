"""Line protocol: columns to bytes, without a Python object per row.

A series prefix (measurement and tags, escaped) is made once and kept; a row costs the writing of its
values. Floats are written with as many digits as bring them back, null, NaN and infinity are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import polars as pl

from labmon_dagster.model import TIME
from labmon_dagster.model.window import UNITS
from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.influxdb.words import complaint_about_tag, key, series_key

_REMEMBERED = 100_000
_TABLE = 100_000

_Numbers: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of one body, each with its newline: the bytes, and where each line begins and the last ends."""

    data: memoryview
    ends: _Numbers

    @classmethod
    def of(cls, body: bytes) -> Lines:
        """Take a body as one piece."""
        return cls(memoryview(body), np.array([0, len(body)]))

    def __len__(self) -> int:
        return len(self.ends) - 1

    def part(self, first: int, last: int) -> Lines:
        """Lines from ``first`` to before ``last``."""
        return Lines(self.data, self.ends[first : last + 1])

    @property
    def body(self) -> memoryview:
        """The bytes of these lines."""
        return self.data[self.ends[0] : self.ends[-1]]

    def batches(self, size: int) -> Iterator[Lines]:
        """Give parts of at most ``size`` lines."""
        for first in range(0, len(self), size):
            yield self.part(first, min(first + size, len(self)))


class Encoder:
    """Writes frames as lines. ``precision`` is the unit of the time stamps: ns, us, ms or s."""

    def __init__(self, precision: str = "ns") -> None:
        self.precision = precision
        self._unit = UNITS[precision]
        self._prefixes: dict[tuple[str, ...], str] = {}

    def encode(self, measurement: str, tags: Sequence[str], rows: pl.DataFrame) -> Lines:
        """Write rows (``time`` as Datetime ns or Int64, text tags, the rest fields); none is left out.

        A line whose time is null has no time stamp.

        Raises StoreError for a row without any value, or a tag that line protocol cannot carry.
        """
        if rows.is_empty():
            return Lines(memoryview(b""), np.zeros(1, dtype=np.int64))
        ordered = sorted(tags)
        fields = [name for name in rows.columns if name != TIME and name not in ordered]
        series = self._series(measurement, ordered, rows)
        stamp = pl.lit(" ") + pl.lit((rows[TIME].cast(pl.Int64) // self._unit).cast(pl.String))
        whole = rows.select(
            line=pl.concat_str([series, *_values(rows, fields), stamp, pl.lit("\n")], ignore_nulls=True)
        )
        return _bytes(whole["line"])

    def _series(self, measurement: str, tags: Sequence[str], rows: pl.DataFrame) -> pl.Series | pl.Expr:
        """Give each row the beginning of its line, up to the fields."""
        codes, firsts = _combinations(rows, tags)
        found = rows[firsts][list(tags)].rows() if tags else [()]
        known = [self._prefix(measurement, tags, texts) for texts in found]
        return pl.lit(known[0]) if len(known) == 1 else pl.Series("series", known).gather(codes)

    def _prefix(self, measurement: str, tags: Sequence[str], texts: tuple[str, ...]) -> str:
        told = (measurement, *tags, *texts)
        text = self._prefixes.get(told)
        if text is None:
            if len(self._prefixes) >= _REMEMBERED:
                self._prefixes.clear()
            for complaint in map(complaint_about_tag, texts):
                if complaint:
                    raise StoreError(complaint)
            text = self._prefixes[told] = series_key(measurement, zip(tags, texts, strict=True)) + " "
        return text


def _combinations(rows: pl.DataFrame, tags: Sequence[str]) -> tuple[pl.Series, _Numbers]:
    """Number the different combinations of tags; give the number of each row, and a row of each number."""
    codes = np.zeros(rows.height, dtype=np.int64)
    count = 1
    for tag in tags:
        column = rows[tag]
        if (column == column[0]).all():
            continue
        own = column.to_arrow().dictionary_encode()
        codes, count = _dense(
            codes * len(own.dictionary) + own.indices.to_numpy(), count * len(own.dictionary)
        )
    firsts = np.empty(count, dtype=np.int64)
    firsts[codes[::-1]] = np.arange(rows.height - 1, -1, -1)
    return pl.Series(codes), firsts


def _dense(codes: _Numbers, bound: int) -> tuple[_Numbers, int]:
    """Renumber codes below ``bound`` so that each number is used; give also how many there are."""
    if bound > _TABLE:
        found, dense = np.unique(codes, return_inverse=True)
        return dense, len(found)
    used = np.zeros(bound, dtype=np.bool_)
    used[codes] = True
    return (np.cumsum(used) - 1)[codes], int(used.sum())


def _values(rows: pl.DataFrame, fields: Sequence[str]) -> list[pl.Expr]:
    """Write the fields, separated by commas. Raises StoreError where a row has none."""
    frame = finite(rows[list(fields)])
    full = [name for name in fields if not frame[name].null_count()]
    if not full:
        return _sparse(frame, fields)
    first, *rest = full
    parts = [pl.lit(f"{key(first)}="), _text(frame[first])]
    for name in rest:
        parts += [pl.lit(f",{key(name)}="), _text(frame[name])]
    for name in fields:
        if name not in full:
            parts.append(pl.lit(f",{key(name)}=") + _text(frame[name]))
    return parts


def _sparse(frame: pl.DataFrame, fields: Sequence[str]) -> list[pl.Expr]:
    """Write fields of which none is there in every row."""
    if frame.select(pl.all_horizontal(pl.lit(True), pl.all().is_null())).to_series().any():
        raise StoreError("a row without any value is no point")
    parts = [pl.lit(f"{key(name)}=") + _text(frame[name]) for name in fields]
    return [pl.concat_str(parts, separator=",", ignore_nulls=True)]


def finite(rows: pl.DataFrame) -> pl.DataFrame:
    """Give rows without what line protocol cannot carry: NaN and infinity become null."""
    floats = [name for name, kind in rows.schema.items() if kind.is_float()]
    return rows.with_columns(pl.when(pl.col(n).is_finite()).then(pl.col(n)).alias(n) for n in floats)


def _text(values: pl.Series) -> pl.Expr:
    """Write the values of a field, exactly."""
    column = pl.lit(values)
    if values.dtype == pl.String:
        escaped = column.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
        return pl.concat_str([pl.lit('"'), escaped, pl.lit('"')])
    if values.dtype.is_integer():
        return pl.concat_str([column.cast(pl.String), pl.lit("i")])
    return column.cast(pl.String)


def _bytes(lines: pl.Series) -> Lines:
    """Give the memory in which the lines lie one behind the other."""
    array = lines.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    return Lines(memoryview(data), ends)
