"""Datatypes: what a column's cast makes of a text is what Python makes of it, and no value is altered."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.sources.annotated_csv.copied import copied
from labmon_dagster.sources.annotated_csv.values import LARGEST, converter

INTEGERS = st.integers(-(2**66), 2**66)


def values(texts: list[str], datatype: str, form: str = "", *, strict: bool = False) -> list[object]:
    """The value of each text; an Exception's text where there is none."""
    _, read = converter(datatype, form, strict=strict)
    found = read(pl.Series(texts, dtype=pl.String))
    listed = found.values.to_list()
    assert all((value is None) == (row in found.wrong) for row, value in enumerate(listed))
    return listed


@given(st.lists(st.floats(), min_size=1))
def test_doubles(numbers: list[float]):
    found = values([repr(number) for number in numbers], "double")
    assert list(map(repr, found)) == [repr(n) if math.isfinite(n) else "None" for n in numbers]


@given(st.lists(INTEGERS, min_size=1))
def test_longs(numbers: list[int]):
    texts = [str(number) for number in numbers]
    fits = [number if -LARGEST - 1 <= number <= LARGEST else None for number in numbers]
    assert values(texts, "long") == fits
    assert values(texts, "unsignedLong") == [n if n is not None and n >= 0 else None for n in fits]


@given(st.lists(st.tuples(st.integers(-(2**62), 2**62), st.integers(0, 999)), min_size=1))
def test_fractions_of_longs(numbers: list[tuple[int, int]]):
    texts = [f"{whole}.{fraction}" for whole, fraction in numbers]
    _, read = converter("long", "", strict=False)
    found = read(pl.Series(texts))
    assert found.values.to_list() == [whole for whole, _ in numbers]
    assert found.cut == list(range(len(numbers)))
    assert values(texts, "long", strict=True) == [None] * len(texts)
    assert values(texts, "long", "strict") == [None] * len(texts)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15))
def test_a_fraction_mark_and_what_is_ignored(number: float):
    spanish = f"{number:,.6f}".translate(str.maketrans(",.", ".,"))
    assert values([spanish], "double", ",.") == [float(f"{number:.6f}")]
    assert values([spanish], "long", ",.") == [math.trunc(float(spanish.split(",")[0].replace(".", "")))]


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1ms", 10**6),
        ("-1.5h", -5400 * 10**9),
        ("1h2m3.000000004s", 3_723_000_000_004),
        ("0", 0),
        ("7µs", 7000),
    ],
)
def test_durations(text: str, ns: int):
    assert values([text], "duration") == [ns]


@pytest.mark.parametrize("text", ["", "1", "1.5ns", "5 m", "s", "1d", "9999999h", "--1s"])
def test_what_is_no_duration(text: str):
    assert values([text], "duration") == [None]


@given(
    st.lists(st.sampled_from(["true", "Tue", "yes", "1x", "false", "No", "0", "maybe", "", "x"]), min_size=1)
)
def test_booleans(texts: list[str]):
    wanted = [None if t[:1] not in tuple("tTyY1fFnN0") else t[:1] in tuple("tTyY1") for t in texts]
    assert values(texts, "boolean") == wanted
    assert values(texts, "boolean", "yes:No,0") == [
        True if t == "yes" else False if t in ("No", "0") else None for t in texts
    ]
    assert values(texts, "boolean", "yes:") == [t == "yes" for t in texts]
    assert values(texts, "boolean", ":No") == [t != "No" for t in texts]


def test_a_format_of_booleans_has_a_colon():
    with pytest.raises(ValueError, match="boolean:true,yes,1:false,no,0"):
        converter("boolean", "yes", strict=False)


@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=False, allow_infinity=False),
            st.integers(-(2**63), 2**63 - 1),
            st.booleans(),
            st.text(),
        ),
        min_size=1,
    )
)
def test_values_copied_as_they_are(given_values: list[float | int | bool | str]):
    found = copied(pl.Series([literal(value) for value in given_values]))
    assert not found.wrong
    back = [found.values[kind][row] for row, kind in enumerate(found.kinds)]  # type: ignore[index]
    assert list(map(repr, back)) == list(map(repr, given_values))


def literal(value: float | bool | str) -> str:
    """A value in line protocol."""
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value).lower() if isinstance(value, bool) else repr(value) + "i" * isinstance(value, int)


@pytest.mark.parametrize(
    "text", ["+1", "+1i", "1_0", "nan", "inf", "1i2", '"a', 'a"', '"a"b"', '"\\"', "-1u", "1e", "tRUE"]
)
def test_what_is_no_value_of_line_protocol(text: str):
    assert set(copied(pl.Series([text])).wrong) == {0}
