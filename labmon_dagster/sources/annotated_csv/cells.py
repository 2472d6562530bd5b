"""Records of one table to columns of text, all at once; records that do not fit are set apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from labmon_dagster.model.points import BadLine
from labmon_dagster.sources.annotated_csv.records import Numbers, Records, outside, places_of, shown

_QUOTE = ord('"')


@dataclass(frozen=True, slots=True)
class Cells:
    """Columns of text ("0", "1", …; null where a cell is empty), and the records they stand in."""

    frame: pl.DataFrame
    records: Records

    def bad(self, row: int, column: int, reason: str) -> BadLine:
        """A row as a bad line; ``column`` counts its cells from 1."""
        return BadLine(int(self.records.lines[row]), column, reason, shown(self.records.raw(row)))


def single(records: Records, number: int, separator: str) -> list[str] | BadLine:
    """Give the cells of one record, however many there are; a bad line where it is not UTF-8."""
    one = records.part(number, number + 1)
    quotes = places_of(one.data, _QUOTE)
    width = len(outside(quotes, places_of(one.data, ord(separator)))) + 1
    found, bad = read(one, width, separator)
    return bad[0] if bad else [text or "" for text in found.frame.row(0)]


def read(records: Records, width: int, separator: str) -> tuple[Cells, list[BadLine]]:
    """Give the cells of records of ``width`` cells; those of another width or not UTF-8 are bad lines."""
    counts = _counts(records, width, separator)
    decoded = _decoded(records)
    good = (counts == width) & decoded
    bad = [
        BadLine(
            int(records.lines[n]),
            0 if not decoded[n] else min(int(counts[n]), width) + 1,
            _why(int(counts[n]), width) if decoded[n] else "the line is not UTF-8",
            shown(records.raw(n)),
        )
        for n in np.flatnonzero(~good).tolist()
    ]
    kept = records.only(good) if bad else records
    return Cells(_frame(kept, width, separator), kept), bad


def _why(count: int, width: int) -> str:
    fewer = "an empty cell is written as nothing between separators"
    return f"{count} cells where the header has {width}" + (f"; {fewer}" if count < width else "")


def _frame(records: Records, width: int, separator: str) -> pl.DataFrame:
    schema = {str(n): pl.String for n in range(width)}
    if not len(records):
        return pl.DataFrame(schema=schema)
    frame = pl.read_csv(
        records.data,
        has_header=False,
        schema=schema,
        separator=separator,
        quote_char='"' if b'"' in records.data else None,
    )
    if frame.height != len(records):
        raise AssertionError(f"polars finds {frame.height} rows where there are {len(records)}")
    if b'""' not in records.data:
        return frame
    return frame.with_columns(pl.when(pl.all() != "").then(pl.all()))


def _counts(records: Records, width: int, separator: str) -> Numbers:
    """Count the cells of each record."""
    quotes = places_of(records.data, _QUOTE) if b'"' in records.data else np.zeros(0, np.int64)
    marks = outside(quotes, places_of(records.data, ord(separator)))
    if len(marks) == len(records) * (width - 1) and width > 1:
        grid = marks.reshape(len(records), width - 1)
        if (grid[:, 0] >= records.edges[:-1]).all() and (grid[:, -1] < records.edges[1:]).all():
            return np.full(len(records), width)
    found: Numbers = np.diff(np.searchsorted(marks, records.edges)) + 1
    return found


def _decoded(records: Records) -> npt.NDArray[np.bool_]:
    """Which records are UTF-8."""
    if _is_utf8(records.data):
        return np.ones(len(records), dtype=np.bool_)
    return np.array([_is_utf8(records.raw(n)) for n in range(len(records))])


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
