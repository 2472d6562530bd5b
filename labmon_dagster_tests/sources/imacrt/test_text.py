from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model.measurement import FieldType
from labmon_dagster.sources.imacrt.text import NotFiniteError, value_of


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (b"1.25e-3", 1.25e-3),
        (b"12345", 12345.0),
        (b"-.5", -0.5),
        (b"7.", 7.0),
        (b" +4.2E+00 \r\n", 4.2),
        (b"4.2\0\0", 4.2),
        (b"0.1000000000000000055511151231257827", 0.1),
    ],
)
def test_numbers(answer: bytes, value: float) -> None:
    found = value_of(answer, FieldType.FLOAT)
    assert (found, type(found)) == (value, float)


@pytest.mark.parametrize(("answer", "value"), [(b"3", 3), (b"3.000000E+00", 3), (b"-1\n", -1)])
def test_whole_numbers(answer: bytes, value: int) -> None:
    found = value_of(answer, FieldType.INTEGER)
    assert (found, type(found)) == (value, int)


def test_a_large_whole_number_is_exact() -> None:
    assert value_of(b"9007199254740993", FieldType.INTEGER) == 9007199254740993


@pytest.mark.parametrize(
    "answer",
    [b"NaN", b"nan\n", b"-inf", b"INF", b"Infinity", b"1.#QNAN", b"-1.#IND00", b"1.#INF", b"nan(0x8)"],
)
@pytest.mark.parametrize("kind", [FieldType.FLOAT, FieldType.INTEGER])
def test_what_is_not_finite_is_said_so(answer: bytes, kind: FieldType) -> None:
    with pytest.raises(NotFiniteError, match="the device says"):
        value_of(answer, kind)


@pytest.mark.parametrize(
    "answer",
    [b"", b" \r\n", b"\0", b"1,5", b"1_000", b"0x10", b"1.2.3", b"1 2", b"1\0" b"2", b"1e", b"e5", b"--1",
     b"MMR3", b"\xff", "٣".encode(), b"1e999", b"1" * 65],
)  # fmt: skip
def test_what_is_no_number_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError) as error:
        value_of(answer, FieldType.FLOAT)
    assert not isinstance(error.value, NotFiniteError)
    assert len(str(error.value)) > 10


@pytest.mark.parametrize("answer", [b"1.5", b"9223372036854775808", b"1e300"])
def test_what_is_no_whole_number_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError, match="whole number"):
        value_of(answer, FieldType.INTEGER)


def test_text_stands_as_it_is() -> None:
    assert value_of(b"MMR3_01_2_073_v2.2\r\n\0", FieldType.TEXT) == "MMR3_01_2_073_v2.2"
    assert value_of("tête froide".encode(), FieldType.TEXT) == "tête froide"


@pytest.mark.parametrize("answer", [b"", b"\xff\xfe", b"a\x07b", b"a" * 65])
def test_what_is_no_text_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError):
        value_of(answer, FieldType.TEXT)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_comes_back_as_the_device_said_it(number: float) -> None:
    assert value_of(repr(number).encode(), FieldType.FLOAT) == number


@given(
    st.binary(max_size=80) | st.text(alphabet="0123456789.eE+-#INFnaqd \n\0", max_size=20).map(str.encode),
    st.sampled_from([FieldType.FLOAT, FieldType.INTEGER, FieldType.TEXT]),
)
def test_any_bytes_are_a_value_or_a_value_error(answer: bytes, kind: FieldType) -> None:
    try:
        value = value_of(answer, kind)
    except ValueError:
        return
    assert isinstance(value, {FieldType.FLOAT: float, FieldType.INTEGER: int, FieldType.TEXT: str}[kind])
    assert isinstance(value, str) or math.isfinite(value)
