"""Whole lines of a table to Arrow columns, with each line that cannot be a row set apart.

pyarrow refuses a block as a whole. A block with a bad line is therefore halved until the bad lines stand
alone: good rows are always read by the one fast parser, and a 200 MB file with one bad row costs 20
parses more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from labmon_dagster.sources.loggernet.header import HeaderError, cells, line_count

MISSING = ["NAN", "NaN", "nan", "Nan", "-NAN", "-nan", ""]
PARALLEL = 1 << 19
_STAMP = pa.timestamp("ns")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be a row: its number in the file (from 1), its bytes, and why."""

    line: int
    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """Columns of the good rows (named as in the file), their line numbers, and the bad lines."""

    table: pa.Table
    lines: np.ndarray[tuple[int], np.dtype[np.int64]]
    bad: tuple[BadLine, ...] = ()


class BlockParser:
    """Parses blocks of complete lines of one table.

    ``types`` gives the Arrow type of each column in the file's order; ``stamp`` is the column of the
    time stamps (local, no zone), which must be there in every row.
    """

    def __init__(self, types: dict[str, pa.DataType], stamp: str) -> None:
        self.types = types
        self.stamp = stamp
        self._parse = pacsv.ParseOptions(ignore_empty_lines=False)
        self._convert = pacsv.ConvertOptions(
            column_types=types,
            null_values=MISSING,
            quoted_strings_can_be_null=True,
            true_values=["true", "TRUE", "True", "1", "-1"],
            false_values=["false", "FALSE", "False", "0"],
            timestamp_parsers=[pacsv.ISO8601],
        )
        self._read = pacsv.ReadOptions(column_names=list(types), use_threads=True, block_size=PARALLEL)

    def parse(self, block: bytes, first_line: int) -> Parsed:
        """Rows and bad lines of ``block``, whose first line has the number ``first_line`` in the file.

        Every line of ``block`` is UTF-8 and ends in a newline. Blank lines are neither rows nor bad.
        """
        count = line_count(block)
        table = self._rows(block, count)
        if table is not None:
            return Parsed(table, np.arange(first_line, first_line + count, dtype=np.int64))
        return self._apart(block, first_line)

    def _rows(self, block: bytes, count: int) -> pa.Table | None:
        """The block as a table, if each of its ``count`` lines is a good row."""
        if not count or b"\0" in block:
            return None
        try:
            table = pacsv.read_csv(
                pa.BufferReader(block),
                read_options=self._read,
                parse_options=self._parse,
                convert_options=self._convert,
            )
        except pa.ArrowInvalid:
            return None
        whole = table.num_rows == count and not table[self.stamp].null_count
        return table if whole else None

    def _apart(self, block: bytes, first_line: int) -> Parsed:
        tables: list[pa.Table] = []
        numbers: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []
        bad: list[BadLine] = []
        todo = [(block, first_line)]
        while todo:
            piece, first = todo.pop()
            count = piece.count(b"\n")
            table = self._rows(piece, count)
            if table is not None and (count > 1 or piece.count(b'"') % 2 == 0):
                tables.append(table)
                numbers.append(np.arange(first, first + count, dtype=np.int64))
            elif count > 1:
                middle = piece.find(b"\n", len(piece) // 2) + 1
                if middle in (0, len(piece)):
                    middle = piece.rfind(b"\n", 0, len(piece) - 1) + 1
                todo += [(piece[middle:], first + piece.count(b"\n", 0, middle)), (piece[:middle], first)]
            elif piece.strip():
                bad.append(BadLine(first, piece, self._complaint(piece)))
        if not tables:
            return Parsed(self._empty(), np.empty(0, dtype=np.int64), tuple(bad))
        return Parsed(pa.concat_tables(tables), np.concatenate(numbers), tuple(bad))

    def _empty(self) -> pa.Table:
        return pa.schema(list(self.types.items())).empty_table()

    def _complaint(self, line: bytes) -> str:
        if b"\0" in line:
            return f"{line.count(bytes(1))} NUL bytes in the line"
        try:
            row = cells(line.decode())
        except UnicodeDecodeError:
            return "not UTF-8; declare `encoding: latin-1` if the logger writes that"
        except HeaderError as error:
            return str(error)
        if len(row) != len(self.types):
            return f"{len(row)} columns where the header names {len(self.types)}"
        return self._cell_complaint(row)

    def _cell_complaint(self, row: Sequence[str]) -> str:
        for (name, wanted), cell in zip(self.types.items(), row, strict=True):
            if name == self.stamp:
                if cell in MISSING:
                    return f"no time stamp in column {name}"
                if not _casts(cell, _STAMP):
                    return f"unreadable time stamp {cell!r} in column {name}; expected YYYY-MM-DD HH:MM:SS[.fraction]"
            elif cell not in MISSING and not _casts(cell.strip(), wanted):
                return f"{cell!r} in column {name} is not {_SAID[str(wanted)]}"
        return "the line cannot be read as one row (stray quote or line break)"


_SAID = {"double": "a number", "int64": "a whole number", "bool": "a boolean (-1, 0, true, false)", "string": "text"}


def _casts(cell: str, wanted: pa.DataType) -> bool:
    if pa.types.is_string(wanted):
        return True
    if pa.types.is_boolean(wanted):
        return cell in {"true", "TRUE", "True", "1", "-1", "false", "FALSE", "False", "0"}
    try:
        pc.cast(pa.array([cell]), wanted)
    except pa.ArrowInvalid:
        return False
    return True
