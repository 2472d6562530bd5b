"""Columns of text to columns of values, by the datatypes of annotated CSV.

What a whole column's cast understands is done at once; the few cells it does not are looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import TypeAlias

import polars as pl

from labmon_dagster.model import FieldType
from labmon_dagster.model.stamps import Zone
from labmon_dagster.sources.annotated_csv.layouts import RFC3339, Layout

LARGEST = 2**63 - 1
_PLAIN_FORMAT = ". \n\t\r_"
_BOOLEANS = ("t", "T", "y", "Y", "1"), ("f", "F", "n", "N", "0")
_UNITS: Mapping[str, int] = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_SPAN = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")


@dataclass(frozen=True, slots=True)
class Converted:
    """Values of a column (null: none), the reasons of cells that have none, and what was cut, by row."""

    values: pl.Series
    wrong: dict[int, str] = field(default_factory=dict)
    cut: list[int] = field(default_factory=list)


Converter: TypeAlias = Callable[[pl.Series], Converted]


def converter(datatype: str, form: str, *, strict: bool) -> tuple[FieldType, Converter]:
    """Find the kind of values a datatype has, and what reads them. Raises ValueError for an unknown one."""
    if datatype == "double":
        return FieldType.FLOAT, partial(_doubles, form=form)
    if datatype in {"long", "unsignedLong"}:
        signed, exact = datatype == "long", strict or form == "strict"
        form = "" if form == "strict" else form
        return FieldType.INTEGER, partial(_longs, form=form, signed=signed, strict=exact)
    if datatype == "boolean":
        return FieldType.BOOLEAN, partial(_booleans, words=_words(form))
    if datatype == "duration":
        return FieldType.INTEGER, _durations
    if datatype == "base64Binary":
        return FieldType.TEXT, _base64
    if datatype == "string":
        return FieldType.TEXT, Converted
    raise ValueError(
        f"datatype {datatype!r} is not known; allowed: measurement, tag, field, ignored, string, double, "
        "long, unsignedLong, boolean, duration, base64Binary, dateTime, time"
    )


def time_converter(form: str, zone: Zone) -> Converter:
    """Find what reads the instants of a format. Raises ValueError for a layout that makes none."""
    if form == "number":
        return partial(_finished, kind=pl.Int64(), why=_why_no_number)
    if form:
        return partial(_instants, layout=Layout(RFC3339 if form.startswith("RFC3339") else form, zone))
    return partial(_numbers_or_instants, layout=Layout(RFC3339, zone))


def _finished(texts: pl.Series, kind: pl.DataType, why: Callable[[str], str]) -> Converted:
    """Cast texts; ``why`` says what is wrong with those that cannot be."""
    return _judged(texts, texts.cast(kind, strict=False), why)


def _judged(texts: pl.Series, values: pl.Series, why: Callable[[str], str]) -> Converted:
    odd = (values.is_null() & texts.is_not_null()).arg_true()
    return Converted(values, {row: why(texts[row]) for row in odd})


def _normal(texts: pl.Series, form: str) -> pl.Series:
    """Take out what a format ignores, and write its fraction mark as a point."""
    fraction, ignored = form[0], "".join(map(re.escape, form[1:]))
    kept = texts.str.replace_all(f"[{ignored}]", "") if ignored else texts
    return kept if fraction == "." else kept.str.replace_all(fraction, ".", literal=True)


def _doubles(texts: pl.Series, form: str) -> Converted:
    plain = _normal(texts, form) if form else texts
    numbers = plain.cast(pl.Float64, strict=False)
    if not form and (numbers.is_null() & texts.is_not_null()).any():
        plain = _normal(texts, _PLAIN_FORMAT)
        numbers = plain.cast(pl.Float64, strict=False)
    finite = numbers.set(~numbers.is_finite(), None)
    return _judged(texts, finite, _why_no_double)


def _longs(texts: pl.Series, form: str, *, signed: bool, strict: bool) -> Converted:
    numbers, cut = _signed(texts.cast(pl.Int64, strict=False), signed=signed), pl.Series(dtype=pl.Boolean)
    if form or (numbers.is_null() & texts.is_not_null()).any():
        parts = _normal(texts, form or _PLAIN_FORMAT).str.splitn(".", 2).struct.unnest()
        whole, fraction = parts.to_series(0), parts.to_series(1)
        cut = fraction.is_not_null()
        whole = whole.set(cut, None) if strict else whole
        numbers = _signed(whole.cast(pl.Int64, strict=False), signed=signed)
    judged = _judged(texts, numbers, partial(_why_no_long, signed=signed, strict=strict))
    return Converted(judged.values, judged.wrong, [n for n in cut.arg_true() if n not in judged.wrong])


def _signed(numbers: pl.Series, *, signed: bool) -> pl.Series:
    return numbers if signed else numbers.set(numbers < 0, None)


def _words(form: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The words of `boolean:true,words:false,words`; None where there is no format."""
    if not form:
        return None
    true, mark, false = form.partition(":")
    if not mark:
        raise ValueError(f"boolean:{form} is no format; it is written boolean:true,yes,1:false,no,0")
    return tuple(true.split(",")) if true else (), tuple(false.split(",")) if false else ()


def _booleans(texts: pl.Series, words: tuple[tuple[str, ...], tuple[str, ...]] | None) -> Converted:
    true, false = words or _BOOLEANS
    column = pl.lit(texts if words else texts.str.slice(0, 1))
    other = pl.lit(None if true and false else bool(false), dtype=pl.Boolean)
    found = pl.when(column.is_in(false)).then(False).when(column.is_in(true)).then(True).otherwise(other)
    values = pl.select(pl.when(column.is_not_null()).then(found)).to_series()
    allowed = f"true: {', '.join(true)}; false: {', '.join(false)}"
    begin = "; a boolean " + ("is one of these: " if words else "begins with one of these: ")
    return _judged(texts, values, lambda text: f"{text!r} is no boolean{begin}{allowed}")


def _durations(texts: pl.Series) -> Converted:
    values: list[int | None] = []
    wrong: dict[int, str] = {}
    for row, text in enumerate(texts.to_list()):
        try:
            values.append(None if text is None else _duration(text))
        except ValueError as error:
            values.append(None)
            wrong[row] = str(error)
    return Converted(pl.Series(values, dtype=pl.Int64), wrong)


def _duration(text: str) -> int:
    bare = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    if bare == "0":
        return 0
    if not bare or _SPAN.sub("", bare):
        raise ValueError(f"{text!r} is no duration; 1h30m, 1.5s, 10ms, 7us and 5ns are")
    ns = sum(Decimal(number) * _UNITS[unit] for number, unit in _SPAN.findall(bare))
    if ns != int(ns) or ns > LARGEST:
        raise ValueError(f"duration {text!r} is no whole number of ns in 64 bits")
    return -int(ns) if text.startswith("-") else int(ns)


def _base64(texts: pl.Series) -> Converted:
    readable = texts.str.decode("base64", strict=False).is_not_null()
    values = texts.set(~readable, None)
    return _judged(texts, values, lambda text: f"{text!r} is not base64")


def _instants(texts: pl.Series, layout: Layout) -> Converted:
    return _judged(texts, layout.instants(texts), layout.complaint)


def _numbers_or_instants(texts: pl.Series, layout: Layout) -> Converted:
    numbers = texts.cast(pl.Int64, strict=False)
    if (numbers.is_null() & texts.is_not_null()).any():
        numbers = numbers.fill_null(layout.instants(texts))
    return _judged(texts, numbers, lambda text: f"{layout.complaint(text)}, or is a whole number of ns")


def _why_no_number(text: str) -> str:
    return f"{text!r} is no time; dateTime:number is a whole number of ns since 1970, in 64 bits"


def _why_no_double(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return f"{text!r} is no number; 1.5 and 2e-3 are"
    if any(letter.isdigit() for letter in text) and abs(number) == float("inf"):
        return f"{text} is larger than any 64-bit float"
    return f"{text!r} is not finite: line protocol has no NaN and no Inf"


def _why_no_long(text: str, *, signed: bool, strict: bool) -> str:
    kind = "long" if signed else "unsignedLong"
    least = -LARGEST - 1 if signed else 0
    try:
        number = int(text)
    except ValueError:
        cut = "; long cuts the fraction off, long:strict does not" if strict else ""
        return f"{text!r} is no whole number, as {kind} wants{cut}"
    return f"{number} does not fit {kind}; allowed: {least} to {LARGEST}"
