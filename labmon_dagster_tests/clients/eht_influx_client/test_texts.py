"""Long line protocol is taken as it stands, and means the same as line by line."""

from __future__ import annotations

import polars as pl
import pytest

from labmon_dagster.sources.line_protocol.parser import parse
from labmon_dagster_tests.clients.eht_influx_client.written import NOW, body, lines

_COUNT = 2_000
_LONG = "".join(f"m,s=s{n % 7} v={n}.5,i={n}i {NOW + n}\n" for n in range(_COUNT))


def rows(data: bytes) -> pl.DataFrame:
    (points,) = parse(data).points
    return points.rows.drop("_place").sort("time")


def test_a_long_text_is_taken_as_it_stands() -> None:
    found = body(_LONG)
    assert found.data() == _LONG.encode() and found.rows == _COUNT
    assert body(_LONG.removesuffix("\n")).data() == _LONG.encode()
    one_by_one = "\n".join(line for text in _LONG.splitlines() for line in lines(text))
    assert rows(one_by_one.encode()).equals(rows(_LONG.encode()))


def test_lines_of_a_long_text_without_a_time_get_one() -> None:
    found = body(f"{_LONG}m,s=x v=1\n")
    assert found.rows == _COUNT + 1
    assert found.data().decode().splitlines()[-1] == f"m,s=x v=1.0 {NOW}"


def test_a_long_text_in_another_unit_becomes_ns() -> None:
    found = body("".join(f"m v={n}i {1_617_672_549 + n}\n" for n in range(_COUNT)), "s")
    assert found.data().decode().splitlines()[1] == "m v=1i 1617672550000000000"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("m,s=a v=", f"line {_COUNT + 1}, column 9"),
        ("m v=1 1617672549", "looks like seconds"),
        ("_name v=1 5", "InfluxDB keeps this name"),
    ],
)
def test_a_bad_line_of_a_long_text_refuses_all(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        body(_LONG + line)
