from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.formats import Columns, Format, writer
from labmon_dagster_tests.cli.lab import times

COLUMNS = Columns.of("m", ["station", "place"], ["x", "x_qc", "n", "ok", "note"])


def rows() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "time": times(-1, 0, 1624636205000000005, 1624636205123456789),
            "station": ["a,b", "", "c d=e", 'q"\\z'],
            "place": ["", "", "p", "p"],
            "x": [-0.0, 5e-324, 2.0**53 + 2, math.inf],
            "x_qc": pl.Series([1, 9, None, 4], dtype=pl.Int8),
            "n": [2**53 + 1, None, -(2**63), 0],
            "ok": [True, False, None, None],
            "note": ["", None, 'say "a,b"', "two\nlines"],
            "_order": [0, 0, 0, 0],
        }
    )


def written(form: Format, frame: pl.DataFrame, columns: Columns = COLUMNS) -> str:
    stream = io.StringIO()
    write = writer(form, columns, stream)
    write(frame[:1])
    write(frame[1:])
    return stream.getvalue()


def test_csv_to_the_byte() -> None:
    assert written(Format.CSV, rows()) == (
        "time,place,station,n,note,ok,x,x_qc\n"
        '1969-12-31T23:59:59.999999999Z,,"a,b",9007199254740993,"",true,-0.0,1\n'
        "1970-01-01T00:00:00.000000000Z,,,,,false,5e-324,9\n"
        '2021-06-25T15:50:05.000000005Z,p,c d=e,-9223372036854775808,"say ""a,b""",,9007199254740994.0,\n'
        '2021-06-25T15:50:05.123456789Z,p,"q""\\z",0,"two\nlines",,inf,4\n'
    )


def test_csv_is_read_back_by_the_csv_module() -> None:
    back = list(csv.DictReader(io.StringIO(written(Format.CSV, rows()))))
    assert [one["station"] for one in back] == rows()["station"].to_list()
    assert [float(one["x"]) for one in back] == rows()["x"].to_list()
    assert math.copysign(1, float(back[0]["x"])) == -1
    assert back[3]["note"] == "two\nlines"


def test_csv_of_no_rows_has_its_heading() -> None:
    assert written(Format.CSV, rows().clear()) == "time,place,station,n,note,ok,x,x_qc\n"


def test_jsonl_leaves_out_what_is_absent() -> None:
    back = [json.loads(one) for one in written(Format.JSONL, rows()).splitlines()]
    assert back[0] == {
        "time": "1969-12-31T23:59:59.999999999Z",
        "station": "a,b",
        "x": -0.0,
        "x_qc": 1,
        "n": 2**53 + 1,
        "ok": True,
        "note": "",
    }
    assert back[1] == {"time": "1970-01-01T00:00:00.000000000Z", "ok": False, "x": 5e-324, "x_qc": 9}
    assert back[3]["x"] == "inf", "JSON has no infinity"


def test_line_protocol_to_the_byte() -> None:
    assert written(Format.LINE, rows()) == (
        'm,station=a\\,b n=9007199254740993i,note="",ok=true,x=-0.0,x_qc=1i -1\n'
        "m ok=false,x=5e-324,x_qc=9i 0\n"
        'm,place=p,station=c\\ d\\=e n=-9223372036854775808i,note="say \\"a,b\\"",x=9007199254740994.0'
        " 1624636205000000005\n"
        'm,place=p,station=q"\\z n=0i,note="two\nlines",x_qc=4i 1624636205123456789\n'
    )


def test_line_protocol_omits_rows_without_a_field() -> None:
    frame = pl.DataFrame({"time": times(1, 2, 3), "x": [math.nan, None, 1.5]})
    assert written(Format.LINE, frame, Columns.of("a b,c=d", [], ["x"])) == "a\\ b\\,c=d x=1.5 3\n"


@pytest.mark.parametrize("text", ["a\nb", "a\\", "a\tb", "\x7f"])
def test_line_protocol_refuses_tags_it_cannot_carry(text: str) -> None:
    frame = pl.DataFrame({"time": times(1), "t": [text], "x": [1.0]})
    with pytest.raises(ValueError, match="line protocol cannot carry tag t"):
        written(Format.LINE, frame, Columns.of("m", ["t"], ["x"]))
    with pytest.raises(ValueError, match="line protocol cannot carry measurement"):
        written(Format.LINE, frame, Columns.of(text, [], ["x"]))
    with pytest.raises(ValueError, match="begins a comment"):
        written(Format.LINE, frame, Columns.of("#m", [], ["x"]))


def parsed(text: str) -> tuple[str, dict[str, str], dict[str, Any], int]:
    """One line of line protocol, read character by character: backslash takes the next special one."""
    at = 0

    def word(stops: str, special: str) -> str:
        nonlocal at
        found = ""
        while text[at] not in stops:
            if text[at] == "\\" and text[at + 1] in special:
                at += 1
            found += text[at]
            at += 1
        return found

    def value() -> Any:
        nonlocal at
        if text[at] != '"':
            raw = word(", ", "")
            return int(raw[:-1]) if raw.endswith("i") else float(raw)
        found, at = "", at + 1
        while text[at] != '"':
            at += text[at] == "\\" and text[at + 1] in '"\\'
            found += text[at]
            at += 1
        at += 1
        return found

    name, tags, fields = word(", ", ", "), {}, {}
    while text[at] == ",":
        at += 1
        key = word("=", ",= ")
        at += 1
        tags[key] = word(", ", ",= ")
    while text[at] in " ,":
        at += 1
        key = word("=", ",= ")
        at += 1
        fields[key] = value()
        if text[at] == " ":
            break
    return name, tags, fields, int(text[at + 1 :])


PRINTABLE = st.text(st.characters(blacklist_categories=["Cc", "Cs"]), min_size=1).filter(
    lambda text: not text.endswith("\\") and "\x7f" not in text
)
ANY = st.text(st.characters(blacklist_categories=["Cs"]))


@given(PRINTABLE.filter(lambda t: t[0] != "#"), PRINTABLE, PRINTABLE, ANY, st.floats(allow_nan=False))
def test_line_protocol_reads_back_as_it_was(name: str, key: str, tag: str, note: str, x: float) -> None:
    fields = {"note " + key: note, key: x}
    frame = pl.DataFrame({"time": times(7), "t," + key: [tag], **{k: [v] for k, v in fields.items()}})
    text = written(Format.LINE, frame, Columns.of(name, ["t," + key], fields))
    expected = {k: v for k, v in fields.items() if isinstance(v, str) or math.isfinite(v)}
    assert parsed(text.removesuffix("\n")) == (name, {"t," + key: tag}, expected, 7)


def test_a_table_cannot_disturb_the_terminal() -> None:
    frame = pl.DataFrame({"time": times(0, 1), "note": ["\x1b[2J", "a\nb"], "x": [1.0, 22.5]})
    stream = io.StringIO()
    writer(Format.TABLE, Columns.of("m", [], ["note", "x"]), stream)(frame)
    assert stream.getvalue().splitlines()[1:] == [
        "1970-01-01T00:00:00.000000000Z  \\x1b[2J   1.0",
        "1970-01-01T00:00:00.000000001Z  a\\nb     22.5",
    ]
