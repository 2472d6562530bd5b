"""Values that are copied as they are, and mean what they mean in line protocol: 1.5, 1i, t, "text"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import polars as pl

from labmon_dagster.model import FieldType
from labmon_dagster.sources.line_protocol.words import FALSE, TRUE, WrongError, value

_QUOTED = r'(?s)^"(?:[^"\\]|\\.)*"$'


@dataclass(slots=True)
class Copied:
    """A column by kinds: the values of each kind that stands in it, and the reasons of cells of none.

    ``kinds`` names the kind of each row (null: no value).
    """

    kinds: pl.Series
    values: dict[FieldType, pl.Series] = field(default_factory=dict)
    wrong: dict[int, str] = field(default_factory=dict)

    def add(self, kind: FieldType, found: pl.Series) -> None:
        """Take the values of one kind."""
        before = self.values.get(kind)
        self.values[kind] = found if before is None else before.fill_null(found)
        self.kinds = self.kinds.set(found.is_not_null(), kind.value)

    def settle(self, last: FieldType | None) -> FieldType | None:
        """Let cells without a value be of the kind the first one here has, or of the ``last`` there was."""
        there = self.kinds.drop_nulls()
        first = FieldType(there[0]) if len(there) else last
        if first is not None:
            self.kinds = self.kinds.fill_null(first.value)
            self.values.setdefault(
                first, pl.Series([None], dtype=_TYPES[first]).new_from_index(0, len(self.kinds))
            )
        return first


def copied(texts: pl.Series) -> Copied:
    """Understand the values of a column; null where there is none."""
    found = Copied(pl.repeat(None, len(texts), dtype=pl.String, eager=True))
    left = texts
    for kind, read in _READERS.items():
        if left.null_count() == len(left):
            return found
        values = read(left)
        if values.null_count() < len(values):
            found.add(kind, values)
            left = left.set(values.is_not_null(), None)
    _one_by_one(left, found)
    return found


def _one_by_one(left: pl.Series, found: Copied) -> None:
    unsigned: list[tuple[int, int]] = []
    for row in left.is_not_null().arg_true():
        try:
            _, number = value(left[row], 0)
        except WrongError as error:
            quotes = '; with the quotes of the cell """text"""' if '"text"' in str(error) else ""
            found.wrong[row] = f"{error}{quotes}"
        else:
            unsigned.append((row, int(number)))
    if unsigned:
        values: list[int | None] = [None] * len(left)
        for row, number in unsigned:
            values[row] = number
        found.add(FieldType.INTEGER, pl.Series(values, dtype=pl.Int64))


def _floats(texts: pl.Series) -> pl.Series:
    numbers = texts.cast(pl.Float64, strict=False)
    return numbers.set(~numbers.is_finite() | texts.str.starts_with("+"), None)


def _integers(texts: pl.Series) -> pl.Series:
    numbers = texts.str.strip_suffix("i").cast(pl.Int64, strict=False)
    return numbers.set(~texts.str.ends_with("i") | texts.str.starts_with("+"), None)


def _booleans(texts: pl.Series) -> pl.Series:
    column = pl.lit(texts)
    return pl.select(pl.when(column.is_in(TRUE)).then(True).when(column.is_in(FALSE)).then(False)).to_series()


def _texts(texts: pl.Series) -> pl.Series:
    quoted = texts.set(~texts.str.contains(_QUOTED), None)
    bare = quoted.str.slice(1, quoted.str.len_chars() - 2)
    return bare.str.replace_all(r'\\(["\\])', "$1")


_READERS: Mapping[FieldType, Callable[[pl.Series], pl.Series]] = {
    FieldType.FLOAT: _floats,
    FieldType.INTEGER: _integers,
    FieldType.BOOLEAN: _booleans,
    FieldType.TEXT: _texts,
}
_TYPES: Mapping[FieldType, pl.DataType] = {
    FieldType.FLOAT: pl.Float64(),
    FieldType.INTEGER: pl.Int64(),
    FieldType.BOOLEAN: pl.Boolean(),
    FieldType.TEXT: pl.String(),
}
