from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model import TIME, FieldType
from labmon_dagster.sources.line_protocol.parser import Parsed, parse
from labmon_dagster.sources.line_protocol.rows import Row, read_row

WORDS = st.text(st.sampled_from('ab,= 1.-+eiuTtruEfalse#\r\\"é\n'), max_size=24)
NUMBERS = st.just("") | st.sampled_from(
    [
        "1",
        "-1",
        "+1",
        "1i",
        "-1i",
        "+1i",
        "007i",
        "9223372036854775807i",
        "9223372036854775808i",
        "1u",
        "-1u",
        "9223372036854775807u",
        "18446744073709551615u",
        "1.5",
        ".5",
        "5.",
        "1e5",
        "1E+5",
        "1e400",
        "-0",
        "-0.0",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "Infinity",
        "t",
        "T",
        "true",
        "TRUE",
        "tRUE",
        "f",
        "False",
        "1_0",
        "0x1",
    ]
)
LINES = st.builds(
    "{}{} {}={}{}".format,
    st.sampled_from(["m", "m,a=1", "m,a=2", "m,b=1,a=1", "n", "m,a=", "#m"]),
    st.sampled_from(["", ",c=é"]),
    st.sampled_from(["x", "y", "time", "a", "x=1,y"]),
    NUMBERS,
    st.sampled_from(["", " 1", " -5", " +5", " 1.5", "  7 ", " 9223372036854775808", " x", "\r"]),
)


def one_by_one(text: str, unit: int = 1) -> tuple[list[tuple[object, ...]], list[str]]:
    """What reading each line on its own gives: rows, and what is wrong with the others."""
    rows, bad = list[tuple[object, ...]](), list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        found, _ = read_row(line, 0, number, unit)
        if isinstance(found, Row):
            rows.append(_told(found))
        elif found is not None:
            bad.append(str(found))
    return rows, bad


def _told(row: Row) -> tuple[object, ...]:
    fields = sorted((name, kind.value, repr(value)) for name, (kind, value) in row.fields.items())
    return row.line, row.series.measurement, row.series.tags, tuple(fields), row.time


def told(parsed: Parsed) -> list[tuple[object, ...]]:
    """The rows of all `Points`, in the order of the text."""
    found = []
    for points in parsed.points:
        about = points.measurement
        for row in points.rows.with_columns(pl.col(TIME).cast(pl.Int64)).iter_rows(named=True):
            tags = tuple((tag, row[tag]) for tag in about.tags if row[tag])
            fields = sorted(
                (f.name, f.type.value, repr(row[f.name])) for f in about.fields if row[f.name] is not None
            )
            found.append((row["_place"], about.name, tags, tuple(fields), row[TIME]))
    return sorted(found, key=lambda row: row[0])


@given(st.lists(LINES, max_size=30))
def test_many_lines_at_once_are_what_each_is_alone(lines: list[str]):
    text = "\n".join(lines)
    parsed = parse(text.encode())
    rows, bad = one_by_one(text)
    assert told(parsed) == rows
    assert [str(one) for one in parsed.bad] == bad


@given(WORDS)
def test_any_text_is_points_or_bad_lines(text: str):
    parsed = parse(text.encode())
    lines = {one.line for one in parsed.bad} | {row[0] for row in told(parsed)}
    content = [n for n, line in enumerate(text.split("\n"), 1) if line.removesuffix("\r").strip(" ")]
    assert lines <= set(content)
    if '"' not in text:
        comments = {n for n in content if text.split("\n")[n - 1].lstrip(" ").startswith("#")}
        assert set(content) - comments <= lines


def test_the_grammar_in_full():
    text = (
        "# a comment\n"
        "\n"
        '  m\\ x,t\\,a=b\\=c,z=\\ q f\\ 1=1i,s="a, \\"b\\" \\\\ \\n\nc",u=7u,b=T,g=-.5e-3 12\r\n'
        "m\\ x f\\ 1=2i\n"
    )
    parsed = parse(text.encode(), 10)
    (points,) = parsed.points
    assert not parsed.bad
    assert points.measurement.name == "m x"
    assert points.measurement.tags == ("t,a", "z")
    assert {f.name: f.type for f in points.measurement.fields} == {
        "f 1": FieldType.INTEGER,
        "s": FieldType.TEXT,
        "u": FieldType.INTEGER,
        "b": FieldType.BOOLEAN,
        "g": FieldType.FLOAT,
    }
    rows = points.rows.with_columns(pl.col(TIME).cast(pl.Int64)).sort("_place").rows(named=True)
    first = {
        "time": 12,
        "t,a": "b=c",
        "z": " q",
        "f 1": 1,
        "s": 'a, "b" \\ \\n\nc',
        "u": 7,
        "b": True,
        "g": -0.0005,
    }
    assert rows[0] == {**first, "_order": 0, "_place": 12}
    assert rows[1] == {**dict.fromkeys(first), "t,a": "", "z": "", "f 1": 2, "_order": 0, "_place": 14}


@pytest.mark.parametrize(
    ("line", "column", "said"),
    [
        ("m", 2, "no field"),
        ("m ", 3, "no field"),
        (",a=1 f=1", 1, "no measurement"),
        ("m,a f=1", 4, "= and a value are missing"),
        ("m,a= f=1", 5, "tag 'a' has no value"),
        ("m,a=1,a=2 f=1", 7, "tag 'a' stands twice"),
        ("m,=1 f=1", 3, "no name of a tag"),
        ("m f", 4, "= and a value are missing"),
        ("m =1", 3, "no name of a field"),
        ("m f=1,f=2", 7, "field 'f' stands twice"),
        ("m,f=1 f=2", 7, "a tag and a field"),
        ("m f=", 5, "no value"),
        ("m f=nan", 5, "'nan' is no value"),
        ("m f=1e400", 5, "larger than any 64-bit float"),
        ("m f=9223372036854775808i", 5, "does not fit 64 bits"),
        ("m f=9223372036854775808u", 5, "does not fit 64 bits"),
        ("m f=-1u", 5, "has no sign"),
        ("m f=1 1.5", 7, "'1.5' is no time stamp"),
        ("m f=1 9223372036854775808", 7, "outside the years"),
        ("m f=1 1 2", 8, "nothing may stand behind"),
        ('m f="x', 5, "does not end"),
        ('m f="x"y 1', 8, "'y' cannot stand behind"),
        ("m f=1\tg=2", 6, "cannot stand behind"),
        ("m time=1 2", 3, "no field may be called 'time'"),
        ("m _place=1i 2", 3, "no field may be called '_place'"),
        ("m,_order=1 f=1 2", 3, "no tag may be called '_order'"),
        ("m\x01 f=1", 2, "cannot stand here"),
        ("#\x01", 1, "no measurement"),
    ],
)
def test_bad_lines_say_where_and_why(line: str, column: int, said: str):
    parsed = parse(f"good x=1 1\n{line}\ngood x=2 2".encode())
    (bad,) = parsed.bad
    assert (bad.line, bad.column, bad.raw) == (2, column, line)
    assert said in bad.reason
    assert [row[0] for row in told(parsed)] == [1, 3]


def test_what_is_not_utf8_is_a_bad_line():
    parsed = parse(b'm s="\xff" 1\nm f=1 2\nm,t=\xe9 f=1 3\nm s="\xc3\xa9" 4')
    assert [(bad.line, bad.column, bad.reason) for bad in parsed.bad] == [
        (1, 6, "not UTF-8"),
        (3, 5, "not UTF-8"),
    ]
    assert parsed.bad[0].raw == 'm s="\\xff" 1'
    assert [row[0] for row in told(parsed)] == [2, 4]


def test_an_error_behind_a_text_of_several_lines_takes_them_all():
    parsed = parse(b'm s="a\nm f=1 1\nb"x 2\nm f=2 2')
    (bad,) = parsed.bad
    assert (bad.line, bad.column, bad.raw) == (3, 3, 'm s="a\nm f=1 1\nb"x 2')
    assert [row[0] for row in told(parsed)] == [4]


def test_a_field_of_two_types_is_two_tables():
    parsed = parse(b"m a=1i,b=1 1\nm a=1.5 2\nm c=t 3\nm a=2i 4\nn,a=x b=1 5")
    assert [(p.measurement.name, p.rows["_place"].to_list()) for p in parsed.points] == [
        ("m", [1, 3, 4]),
        ("m", [2]),
        ("n", [5]),
    ]


def test_units_of_time_stamps():
    ms = parse(b'm f=1 -5\nm s="x" 7\nm f=1 9223372036854775', unit=1_000_000)
    assert [row[-1] for row in told(ms)] == [-5_000_000, 7_000_000]
    assert [bad.line for bad in ms.bad] == [3]
