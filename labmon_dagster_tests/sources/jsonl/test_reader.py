from __future__ import annotations

import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model import Field, FieldType, Measurement
from labmon_dagster.model.points import BadLine, Points
from labmon_dagster.replay.jsonl import JsonLines
from labmon_dagster.sources.jsonl.reader import read
from labmon_dagster.sources.jsonl.schema import UnknownFormatError
from labmon_dagster.sources.line_protocol import reader as portions
from labmon_dagster_tests.replay.made import points, same

SCHEMA = (
    '{"format":"labmon-points","version":1,"measurement":"m",'
    '"tags":["a"],"fields":{"f":"float","n":"integer"}}'
)


def looked(*lines: str | bytes) -> list[Points | BadLine]:
    raw = b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)
    return list(read(io.BytesIO(raw)))


@given(points())
def test_what_is_written_reads_the_same(given_points: Points):
    (found,) = read(io.BytesIO(JsonLines().write(given_points)))
    assert isinstance(found, Points)
    same(found, given_points)


@given(st.lists(points(), min_size=2, max_size=4, unique_by=lambda one: one.measurement.name))
def test_one_behind_the_other(some: list[Points]):
    writer = JsonLines()
    found = list(read(io.BytesIO(b"".join(map(writer.write, some)))))
    assert len(found) == len(some)
    for one, other in zip(found, some, strict=True):
        assert isinstance(one, Points)
        same(one, other)


@given(points(), st.sampled_from([1, 3]))
def test_a_schema_line_counts_for_later_portions(given_points: Points, lines: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portions, "_LINES", lines)
        found = list(read(io.BytesIO(JsonLines().write(given_points))))
    assert all(isinstance(one, Points) and one.measurement == found[0].measurement for one in found)
    whole = Points(given_points.measurement, pl.concat([one.rows for one in found]))
    same(whole, given_points)


def test_the_written_form():
    rows = pl.DataFrame(
        {
            "time": pl.Series([1617672549204824064, None]).cast(pl.Datetime("ns", "UTC")),
            "station": ["KP", ""],
            "pps_offset": [0, None],
            "x": [None, float("-inf")],
            "_order": [0, 0],
            "_place": [1, 2],
        }
    )
    about = Measurement("pps", ("station",), (Field("pps_offset", FieldType.INTEGER), Field("x")))
    writer = JsonLines()
    assert writer.write(Points(about, rows)).decode().splitlines() == [
        '{"format":"labmon-points","version":1,"measurement":"pps","tags":["station"],'
        '"fields":{"pps_offset":"integer","x":"float"}}',
        '{"time":"2021-04-06T01:29:09.204824064Z","measurement":"pps","tags":{"station":"KP"},"fields":{"pps_offset":0}}',
        '{"measurement":"pps","tags":{},"fields":{"x":"-inf"}}',
    ]
    assert b"format" not in writer.write(Points(about, rows))


def test_a_row_without_value_and_nan_are_not_written():
    rows = pl.DataFrame(
        {"time": [None], "x": [None]}, schema={"time": pl.Datetime("ns", "UTC"), "x": pl.Float64}
    )
    with pytest.raises(ValueError, match="m: a row without any value"):
        JsonLines().write(Points(Measurement("m", (), (Field("x"),)), rows))
    with pytest.raises(ValueError, match="m: NaN in field 'x'"):
        JsonLines().write(Points(Measurement("m", (), (Field("x"),)), rows.with_columns(x=float("nan"))))


def test_without_schema_the_numbers_say_their_types():
    found = looked(
        '{"time":5,"measurement":"m","fields":{"i":0,"b":true,"s":"inf","gone":null}}',
        '{"measurement":"m","tags":{"a":"x","none":null},"time":"2021-04-06T03:29:09+02:00","fields":{"f":0.0}}',
        "",
        '{"time":null,"measurement":"m","fields":{"i":-9223372036854775808}}',
        '{"time":6,"measurement":"m","fields":{"i":1.5}}',
    )
    assert [one.rows["_place"].to_list() for one in found if isinstance(one, Points)] == [[1, 2, 4], [5]]
    first = found[0]
    assert isinstance(first, Points)
    kinds = {field.name: field.type.value for field in first.measurement.fields}
    assert kinds == {"i": "integer", "b": "boolean", "s": "text", "f": "float"}
    assert first.rows["time"].to_physical().to_list() == [5, 1617672549000000000, None]
    assert first.rows["i"].to_list() == [0, None, -(2**63)]


def test_a_schema_line_says_what_values_are():
    found = looked(
        SCHEMA, '{"time":1,"measurement":"m","fields":{"f":3}}', '{"measurement":"m","fields":{"f":"inf"}}'
    )
    (one,) = found
    assert isinstance(one, Points)
    assert one.rows["f"].to_list() == [3.0, float("inf")]
    assert one.rows["n"].to_list() == [None, None]
    assert one.measurement.tags == ("a",)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x", "line 2, column 1: JSON is malformed"),
        ('{"measurement":"m","fields":{"f":NaN}}', "line 2, column 34: JSON is malformed"),
        ('{"measurement":"m","fields":{"f":1e400}}', "out of range"),
        ('{"measurement":"m","fields":{"f":[1]}}', "got `array`"),
        ('{"measurement":"m"}', "missing required field `fields`"),
        ('{"measurement":"m","fields":{"f":1},"tag":{}}', "unknown field `tag`"),
        ('{"measurement":"m","fields":{}}', "no field has a value"),
        ('{"measurement":"m","fields":{"g":1}}', "field 'g' is not in the schema of line 1; there are: f, n"),
        (
            '{"measurement":"m","tags":{"b":"x"},"fields":{"f":1}}',
            "tag 'b' is not in the schema of line 1; there are: a",
        ),
        ('{"measurement":"m","fields":{"n":1.0}}', "field 'n': 1.0 is no integer"),
        ('{"measurement":"m","fields":{"n":true}}', "field 'n': True is no integer"),
        ('{"measurement":"m","fields":{"f":"nan"}}', "field 'f': 'nan' is no float"),
        ('{"measurement":"m","fields":{"f":9007199254740993}}', "9007199254740993 is no float"),
        ('{"measurement":"m","fields":{"n":9223372036854775808}}', "does not fit 64 bits"),
        (
            '{"time":9223372036854775808,"measurement":"m","fields":{"n":1}}',
            "time 9223372036854775808 does not fit",
        ),
        ('{"time":"noon","measurement":"m","fields":{"n":1}}', "time 'noon' cannot be read; allowed"),
        ('{"time":true,"measurement":"m","fields":{"n":1}}', "got `bool`"),
        ('{"measurement":"o","fields":{"time":1}}', "may be called 'time'"),
        ('{"measurement":"","fields":{"f":1}}', "the measurement has no name"),
        ('{"measurement":"o","tags":{"f":"x"},"fields":{"f":1}}', "a tag and a field"),
        (b'{"measurement":"o","fields":{"f":"\xff"}}', "not UTF-8"),
        (
            '{"format":"labmon-points","version":1,"measurement":"m","tags":["x"],"fields":{"x":"float"}}',
            "one name",
        ),
        (
            '{"format":"labmon-points","version":1,"measurement":"m","tags":[],"fields":{"x":"double"}}',
            "'double'",
        ),
    ],
)
def test_bad_lines(line: str | bytes, said: str):
    (bad,) = (one for one in looked(SCHEMA, line) if isinstance(one, BadLine))
    assert bad.line == 2
    assert said in str(bad)


@pytest.mark.parametrize("head", ['{"format":"other","version":1', '{"format":"labmon-points","version":2'])
def test_another_format_is_not_read_at_all(head: str):
    with pytest.raises(
        UnknownFormatError, match=r"line 1: format .*; this labmon reads 'labmon-points' version 1"
    ):
        looked(head + ',"measurement":"m","tags":[],"fields":{}}')


def test_a_new_schema_line_replaces_the_old():
    other = SCHEMA.replace('"f":"float"', '"f":"text"')
    point = '{"time":1,"measurement":"m","fields":{"f":%s}}'
    found = looked(SCHEMA, point % 1, other, point % '"inf"')
    assert [one.rows["f"].to_list() for one in found if isinstance(one, Points)] == [[1.0], ["inf"]]
