"""Many plain lines at once: no quotes, no backslashes, and fields that are the same line after line.

Measurement and tags are understood once for each different text. The fields of the first line are the
pattern for the others; lines that do not fit it are tried with the next pattern, and at last one by one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from labmon_dagster.model import PLACE, TIME, FieldType
from labmon_dagster.sources.line_protocol.pieces import Piece
from labmon_dagster.sources.line_protocol.words import (
    FALSE,
    LARGEST,
    TRUE,
    Series,
    WrongError,
    key,
    series,
    value,
)

LINE = "line"
_HEAD, _FIELDS, _STAMP, _CODE, _GROUP = "head", "fields", "stamp", "code", "group"
_PATTERNS = 16


def plain_pieces(lines: pl.DataFrame, unit: int) -> tuple[list[Piece], pl.DataFrame]:
    """Understand lines (``_place``, ``line``); give also those that are to be read one by one.

    ``unit``: the ns of one unit of their time stamps. Empty lines and comments are left out.
    """
    lines = lines.filter((pl.col(LINE) != "") & ~pl.col(LINE).str.starts_with("#"))
    parts = pl.col(LINE).str.splitn(" ", 3).struct.rename_fields([_HEAD, _FIELDS, _STAMP]).struct.unnest()
    cut = lines.with_columns(parts).with_columns(_time(unit).alias(TIME))
    regular = (
        (pl.col(_HEAD) != "")
        & (pl.col(_FIELDS).fill_null("") != "")
        & (pl.col(TIME).is_not_null() | pl.col(_STAMP).is_null())
        & ~pl.col(_STAMP).str.starts_with("+").fill_null(False)
    )
    good = cut.filter(regular)
    pieces: list[Piece] = []
    rest = [cut.filter(~regular).select(PLACE, LINE)]
    known, grouped = _grouped(good)
    for part in grouped:
        if part[_GROUP][0] < 0:
            rest.append(part.select(PLACE, LINE))
        else:
            rest.append(_by_pattern(part, known, pieces))
    return pieces, pl.concat(rest)


def _time(unit: int) -> pl.Expr:
    whole = pl.col(_STAMP).cast(pl.Int64, strict=False)
    if unit == 1:
        return whole
    return pl.when(whole.is_between(-(LARGEST // unit), LARGEST // unit)).then(whole * unit)


def _grouped(lines: pl.DataFrame) -> tuple[list[Series | None], list[pl.DataFrame]]:
    """Give the series by number, and the lines of each measurement and set of tag names apart.

    Lines whose series cannot be understood are the group -1.
    """
    if lines.is_empty():
        return [], []
    own = lines[_HEAD].to_arrow().dictionary_encode()
    known = [_series(text) for text in own.dictionary.to_pylist()]
    groups: dict[tuple[str, tuple[str, ...]], int] = {}
    numbers = [
        -1 if one is None else groups.setdefault((one.measurement, one.names), len(groups)) for one in known
    ]
    codes = own.indices.to_numpy()
    with_codes = lines.with_columns(
        pl.Series(_CODE, codes), pl.Series(_GROUP, np.array(numbers, dtype=np.int64)[codes])
    )
    if len(set(numbers)) == 1:
        return known, [with_codes]
    return known, with_codes.partition_by(_GROUP, maintain_order=True)


def _series(text: str) -> Series | None:
    try:
        return series(text)
    except WrongError:
        return None


def _by_pattern(part: pl.DataFrame, known: list[Series | None], pieces: list[Piece]) -> pl.DataFrame:
    """Understand lines with the same tag names; give those that fit no pattern."""
    for _ in range(_PATTERNS):
        if part.is_empty():
            break
        of = known[part[_CODE][0]]
        assert of is not None
        pattern = _pattern(part[_FIELDS][0], of)
        if pattern is None:
            break
        fitting, part = _fitted(part, pattern)
        if fitting.is_empty():
            break
        pieces.append(_piece(of, pattern, fitting, known))
    return part.select(PLACE, LINE)


def _pattern(text: str, of: Series) -> dict[str, FieldType] | None:
    """Name the fields of a line and their kinds; None where they are to be read one by one."""
    found: dict[str, FieldType] = {}
    try:
        for cell in text.split(","):
            name, at = key(cell, 0, "field")
            if name in found or name in of.names or cell.endswith("u"):
                return None
            found[name] = value(cell[at:], at)[0]
    except WrongError:
        return None
    return found


def _fitted(part: pl.DataFrame, pattern: dict[str, FieldType]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add the values to the lines that fit the pattern; give the others as they were."""
    count = len(pattern)
    cells = pl.DataFrame([part[_FIELDS]])
    if count > 1:
        cells = part[_FIELDS].str.splitn(",", count + 1).struct.unnest()
    values = pl.select(
        _value(cells.to_series(n), name, kind).alias(str(n)) for n, (name, kind) in enumerate(pattern.items())
    )
    fits = values.select(pl.all_horizontal(pl.all().is_not_null())).to_series()
    if count > 1:
        fits &= cells.to_series(count).is_null()
    values.columns = [f"value {name}" for name in pattern]
    if fits.all():
        return part.hstack(values), part.clear()
    return part.hstack(values).filter(fits), part.filter(~fits)


def _value(cells: pl.Series, name: str, kind: FieldType) -> pl.Expr:
    """Give the values of cells like ``name=1i``; null where they are none of this name and kind."""
    begin = f"{name}="
    column = pl.lit(cells)
    bare = column.str.strip_prefix(begin)
    named = column.str.starts_with(begin) & ~bare.str.starts_with("+")
    if kind is FieldType.BOOLEAN:
        return pl.when(named & bare.is_in([*TRUE, *FALSE])).then(bare.is_in(TRUE))
    if kind is FieldType.INTEGER:
        whole = bare.str.strip_suffix("i").cast(pl.Int64, strict=False)
        return pl.when(named & bare.str.ends_with("i")).then(whole)
    number = bare.cast(pl.Float64, strict=False)
    return pl.when(named & number.is_finite()).then(number)


def _piece(
    of: Series, pattern: dict[str, FieldType], rows: pl.DataFrame, known: list[Series | None]
) -> Piece:
    codes = rows[_CODE]
    columns = [rows[TIME], *_tags(of, codes, known)]
    columns += [rows[f"value {name}"].alias(name) for name in pattern]
    return Piece(of.measurement, of.names, pattern, pl.DataFrame([*columns, rows[PLACE]]))


def _tags(of: Series, codes: pl.Series, known: list[Series | None]) -> Iterator[pl.Series]:
    for number, name in enumerate(of.names):
        texts = [one.tags[number][1] if one and one.names == of.names else "" for one in known]
        yield pl.Series(texts, dtype=pl.String()).gather(codes).alias(name)
