"""Annotated CSV as it is written: exactly what was there comes back, or it is refused by name."""

from __future__ import annotations

from io import BytesIO

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labmon_dagster.model import ORDER, PLACE, TIME, Field, FieldType, Measurement
from labmon_dagster.model.points import Points
from labmon_dagster.replay.annotated import AnnotatedCsv
from labmon_dagster.sources.annotated_csv.reader import read

STATION = Measurement("pps", ("station",), (Field("pps_offset", FieldType.INTEGER),))
ANY_TEXT = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('",\n\r\\ #|=é\x00')))
NAMES = ANY_TEXT.filter(
    lambda n: n.strip() and n not in (TIME, ORDER, PLACE, "_field", "_value", "_time", "_measurement")
)
VALUES = {
    FieldType.FLOAT: st.floats(allow_nan=False, allow_infinity=False),
    FieldType.INTEGER: st.integers(-(2**63), 2**63 - 1),
    FieldType.BOOLEAN: st.booleans(),
    FieldType.TEXT: ANY_TEXT,
}
TIMES = st.none() | st.integers(-(2**63), 2**63 - 1)


def points(measurement: Measurement, *rows: tuple[object, ...]) -> Points:
    """Points of rows: time (ns), tags, values."""
    schema = {
        name: pl.DataFrame(measurement.schema.empty_table()).schema[name] for name in measurement.schema.names
    }
    whole = [(*row, 0, number) for number, row in enumerate(rows)]
    frame = pl.DataFrame(whole, schema={**schema, TIME: pl.Int64}, orient="row")
    return Points(measurement, frame.with_columns(pl.col(TIME).cast(schema[TIME])))


@st.composite
def any_points(draw: st.DrawFn) -> Points:
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    count = draw(st.integers(1, len(names)))
    kinds = [draw(st.sampled_from(FieldType)) for _ in names[:count]]
    fields = tuple(Field(name, kind) for name, kind in zip(names, kinds, strict=False))
    measurement = Measurement(draw(ANY_TEXT.filter(bool)), tuple(names[count:]), fields)
    values = st.tuples(*(st.none() | VALUES[kind] for kind in kinds)).filter(
        lambda v: any(x is not None for x in v)
    )
    row = st.builds(lambda t, g, v: (t, *g, *v), TIMES, st.tuples(*(ANY_TEXT for _ in names[count:])), values)
    return points(measurement, *draw(st.lists(row, min_size=1, max_size=6)))


def back(text: bytes) -> list[Points]:
    found = list(read(BytesIO(text)))
    assert all(isinstance(one, Points) for one in found), found
    return found  # type: ignore[return-value]


def told(given_points: Points) -> tuple[Measurement, list[str]]:
    """What is kept of points: all but the lines they stand in. repr tells 0.0 from -0.0."""
    kept = given_points.rows.drop(ORDER, PLACE).with_columns(pl.col(TIME).cast(pl.Int64))
    return given_points.measurement, [repr(row) for row in kept.rows()]


def writable(one: Points) -> bool:
    """Whether annotated CSV can carry points: not '' in a field whose name has a |."""
    texts = [f.name for f in one.measurement.fields if f.type is FieldType.TEXT and "|" in f.name]
    return not any((one.rows[name] == "").any() for name in texts)


@given(any_points().filter(writable))
def test_what_is_written_is_read_as_it_was(one: Points):
    assert list(map(told, back(AnnotatedCsv().write(one)))) == [told(one)]


@settings(max_examples=25)
@given(st.lists(any_points().filter(writable), max_size=4))
def test_so_are_points_of_many_shapes(many: list[Points]):
    writer = AnnotatedCsv()
    found = back(b"".join(map(writer.write, many)))
    assert [row for one in found for row in told(one)[1]] == [row for one in many for row in told(one)[1]]


def test_the_form_of_the_example():
    text = AnnotatedCsv().write(points(STATION, (1617672549204824064, "KP", 0)))
    assert text == (
        b"#datatype dateTime:number,measurement,tag,long\n"
        b"timestamp,measurement,station,pps_offset\n"
        b"1617672549204824064,pps,KP,0\n"
    )


def test_the_header_is_written_again_where_the_columns_are_others():
    writer = AnnotatedCsv()
    first = writer.write(points(STATION, (1, "KP", 0)))
    assert writer.write(points(STATION, (2, "KP", 1), (3, "", 2))) == b"2,pps,KP,1\n3,pps,,2\n"
    renamed = Measurement("clock", STATION.tags, STATION.fields)
    other = writer.write(points(renamed, (4, "KP", 3)))
    assert other.startswith(b"\n#datatype dateTime:number,measurement,tag,long\n")
    floats = Measurement("clock", STATION.tags, (Field("pps_offset"),))
    assert b"tag,double" in writer.write(points(floats, (5, "KP", 3.0)))
    assert writer.write(points(STATION)) == b""
    assert [one.measurement.name for one in back(first + other)] == ["pps", "clock"]


def test_an_empty_text_is_not_an_absent_one():
    texts = Measurement("log", (), (Field("said", FieldType.TEXT), Field("n", FieldType.INTEGER)))
    text = AnnotatedCsv().write(points(texts, (1, "", 1), (2, None, 2), (3, 'a "b" \\', 3)))
    assert b"#datatype dateTime:number,measurement,field,long\n" in text
    assert back(text)[0].rows["said"].to_list() == ["", None, 'a "b" \\']


@pytest.mark.parametrize(
    ("measurement", "row", "why"),
    [
        (Measurement("m", (), (Field("x"),)), (1, float("nan")), r"m: .* cannot carry nan \(field 'x'"),
        (Measurement("m", (), (Field("x"),)), (1, float("-inf")), r"cannot carry -inf \(field 'x'"),
        (Measurement("m", (), (Field("x"),)), (1, None), "a row without any field"),
        (Measurement("m"), (1,), "a row without any field"),
        (Measurement("", (), (Field("x"),)), (1, 1.0), "a measurement without name"),
        (Measurement("m", (" ",), (Field("x"),)), (1, "t", 1.0), "a column called ' '"),
        (Measurement("m", (), (Field("_field"),)), (1, 1.0), "a column called '_field'"),
        (Measurement("m", (), (Field("a|b", FieldType.TEXT),)), (1, ""), r"field 'a\|b'"),
    ],
)
def test_what_cannot_be_carried_is_refused(measurement: Measurement, row: tuple[object, ...], why: str):
    with pytest.raises(ValueError, match=why):
        AnnotatedCsv().write(points(measurement, row))
