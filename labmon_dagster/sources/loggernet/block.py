"""Whole lines of a table to Arrow columns, with each line that cannot be a row set apart.

pyarrow refuses a block as a whole. A block with a bad line is therefore halved until the bad lines stand
alone: good rows are always read by the one fast parser, and a 200 MB file with one bad row costs 30
parses more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv

from labmon_dagster.sources.loggernet.badline import FALSE, MISSING, TRUE, LineJudge

_WHOLE = 1 << 30
_FEW = 256
_TOO_FINE = re.compile(rb'\A("?[-\d]{10}[ T][:\d]{8}\.\d{9})\d+')

Numbers: TypeAlias = npt.NDArray[np.int64]


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
    lines: Numbers
    bad: tuple[BadLine, ...] = ()


class BlockParser:
    """Parses blocks of complete lines of one table.

    ``names`` are all columns of the file, in order; ``types`` gives the Arrow type of those wanted.
    ``stamp`` is the column of the time stamps (local, no zone), which must be there in every row.
    """

    def __init__(self, names: Sequence[str], types: Mapping[str, pa.DataType], stamp: str) -> None:
        self.names = list(names)
        self.types = dict(types)
        self.stamp = stamp
        self._judge = LineJudge(self.names, self.types, stamp)
        self._parse = pacsv.ParseOptions(ignore_empty_lines=False)
        self._convert = pacsv.ConvertOptions(
            column_types=self.types,
            include_columns=list(self.types),
            null_values=MISSING,
            quoted_strings_can_be_null=True,
            true_values=TRUE,
            false_values=FALSE,
        )
        self._read = pacsv.ReadOptions(column_names=self.names, use_threads=False, block_size=_WHOLE)

    def parse(self, block: bytes, first_line: int, count: int) -> Parsed:
        """Read the rows and bad lines of ``block``: ``count`` lines, the first has the number ``first_line``.

        Every line of ``block`` is UTF-8 and ends in a newline. Blank lines are neither rows nor bad.
        """
        table = self._rows(block, count)
        if table is not None:
            return Parsed(table, np.arange(first_line, first_line + count, dtype=np.int64))
        return self._apart(block, first_line)

    def _rows(self, block: bytes, count: int) -> pa.Table | None:
        """Give the block as a table, if each of its ``count`` lines is a good row."""
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
        numbers: list[Numbers] = []
        bad: list[BadLine] = []
        todo = [(block, first_line)]
        while todo:
            piece, first = todo.pop()
            count = piece.count(b"\n")
            if count > 1:
                table = self._rows(piece, count)
            else:
                table = (
                    None if self._judge.obvious(piece) else self._rows(_TOO_FINE.sub(rb"\1", piece), count)
                )
            if table is not None:
                tables.append(table)
                numbers.append(np.arange(first, first + count, dtype=np.int64))
            elif count > 1:
                todo += reversed(self._split(piece, first, count))
            elif piece.strip():
                bad.append(BadLine(first, piece, self._judge.complaint(piece)))
        if not tables:
            empty = pa.schema(list(self.types.items())).empty_table()
            return Parsed(empty, np.empty(0, np.int64), tuple(bad))
        return Parsed(pa.concat_tables(tables), np.concatenate(numbers), tuple(bad))

    def _split(self, piece: bytes, first: int, count: int) -> list[tuple[bytes, int]]:
        """Halve a piece; but part a few lines around those that are bad at first sight, if there are any."""
        if count > _FEW:
            middle = piece.find(b"\n", len(piece) // 2) + 1
            if middle in (0, len(piece)):
                middle = piece.rfind(b"\n", 0, len(piece) - 1) + 1
            return [(piece[:middle], first), (piece[middle:], first + piece.count(b"\n", 0, middle))]
        lines = [line + b"\n" for line in piece.split(b"\n")[:-1]]
        cuts = {n for n, line in enumerate(lines) if self._judge.obvious(line)}
        edges = sorted({0, count, *cuts, *(n + 1 for n in cuts)} | (set() if cuts else {count // 2}))
        return [(b"".join(lines[a:b]), first + a) for a, b in pairwise(edges)]
