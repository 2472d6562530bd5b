"""What is wrong with a line that the parser refused, said so that people can mend it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from labmon_dagster.sources.loggernet.header import HeaderError, cells

MISSING = ["NAN", "NaN", "nan", "Nan", "-NAN", "-nan", ""]
TRUE, FALSE = ["true", "TRUE", "True", "1", "-1"], ["false", "FALSE", "False", "0"]
NOT_UTF8 = "not UTF-8; declare `encoding: latin-1` if the logger writes that"
_STAMP = pa.timestamp("ns")
_NO_NUMBER = re.compile(r"\s*(?!inf|nan)[a-z]", re.IGNORECASE)
_SAID = {"double": "a number", "int64": "a whole number", "bool": "a boolean (-1, 0, true, false)"}


class LineJudge:
    """Judges single lines. ``names`` are all columns of the file, ``types`` those that are converted."""

    def __init__(self, names: Sequence[str], types: Mapping[str, pa.DataType], stamp: str) -> None:
        self.names = names
        self.types = types
        self.stamp = stamp
        self._numbers = [
            index
            for index, name in enumerate(names)
            if name in types and (pa.types.is_floating(types[name]) or pa.types.is_integer(types[name]))
        ]

    def obvious(self, line: bytes) -> bool:
        """Whether a line is bad at first sight. Only what the parser surely refuses is."""
        if b"\0" in line:
            return True
        try:
            row = cells(line.decode())
        except (UnicodeDecodeError, HeaderError):
            return False
        if len(row) != len(self.names):
            return True
        return any(_NO_NUMBER.match(row[index]) and row[index] not in MISSING for index in self._numbers)

    def complaint(self, line: bytes) -> str:
        """Say why a line is no row."""
        if b"\0" in line:
            return f"{line.count(0)} NUL bytes in the line"
        try:
            row = cells(line.decode())
        except UnicodeDecodeError:
            return NOT_UTF8
        except HeaderError as error:
            return str(error)
        if len(row) != len(self.names):
            return f"{len(row)} columns where the header names {len(self.names)}"
        cell = dict(zip(self.names, row, strict=True))
        found = (self._cell_complaint(name, cell[name], wanted) for name, wanted in self.types.items())
        return next(filter(None, found), "the line cannot be read as one row (stray quote or line break)")

    def _cell_complaint(self, name: str, cell: str, wanted: pa.DataType) -> str | None:
        if name == self.stamp:
            return self._stamp_complaint(cell)
        if cell in MISSING or _casts(cell.strip(), wanted):
            return None
        return f"{cell!r} in column {name} is not {_SAID[str(wanted)]}"

    def _stamp_complaint(self, cell: str) -> str | None:
        if cell in MISSING:
            return f"no time stamp in column {self.stamp}"
        if _casts(cell, _STAMP):
            return None
        return (
            f"unreadable time stamp {cell!r} in column {self.stamp}; expected YYYY-MM-DD HH:MM:SS[.fraction]"
        )


def _casts(cell: str, wanted: pa.DataType) -> bool:
    if pa.types.is_string(wanted):
        return True
    if pa.types.is_boolean(wanted):
        return cell in {*TRUE, *FALSE}
    try:
        pc.cast(pa.array([cell]), wanted)
    except pa.ArrowInvalid:
        return False
    return True
