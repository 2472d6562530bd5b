"""Whatever a logger may write comes out as exactly that. The writer here knows nothing of the reader."""

from __future__ import annotations

import math
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from labmon_dagster.model import SECOND, FieldType
from labmon_dagster.model.stamps import Zone
from labmon_dagster.sources.loggernet.spec import Column, TableSpec
from labmon_dagster_tests.sources.loggernet.reading import START, files, look

SPEC = TableSpec(
    "M",
    Zone("UTC+05:45"),
    START,
    {
        "N": Column("n", type=FieldType.INTEGER),
        "S": Column("s", type=FieldType.TEXT),
        "Site": Column("site", "tag"),
        "Flag": Column("flag", type=FieldType.BOOLEAN),
    },
    {"fixed": "x"},
)
HEADER = (
    '"TOA5","st","CR6","1","OS","P","2","T"\n'
    '"TIMESTAMP","RECORD","F","N","S","Site","Flag"\n"TS","RN","","","","",""\n"","","Smp","Smp","Smp","Smp","Smp"\n'
)
EDGES = [
    5e-324,
    -0.0,
    1e308,
    1.7976931348623157e308,
    -7999.0,
    4.09545187592563e-312,
    math.inf,
    -math.inf,
    math.nan,
]
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\",;'\\ "), max_size=12)


def stamp(ns: int) -> str:
    seconds, fraction = divmod(ns, SECOND)
    local = datetime(2021, 6, 1, 5, 45, tzinfo=UTC) + timedelta(seconds=seconds)
    digits = f".{fraction:09}".rstrip("0").rstrip(".")
    return f'"{local:%Y-%m-%d %H:%M:%S}{digits}"'


def number(value: float | None) -> st.SearchStrategy[str]:
    if value is None:
        return st.just("")
    if math.isnan(value):
        return st.sampled_from(['"NAN"', "NAN", "nan"])
    if math.isinf(value):
        sign = "-" if value < 0 else ""
        return st.sampled_from([f'"{sign}INF"', f"{sign}INF"])
    forms = [
        repr(value),
        repr(value).upper(),
        f"{value:.17g}",
        f"{value:.20E}",
        f'"{value!r}"',
        f" {value!r}",
    ]
    return st.sampled_from(forms + ([f"{int(value)}"] if value == int(value) and value else []))


@st.composite
def rows(draw: st.DrawFn) -> tuple[list[str], list[dict]]:
    lines, expected = [], []
    grain = draw(st.sampled_from([1, 1000, 10**6, SECOND // 2, SECOND]))
    for record, step in enumerate(draw(st.lists(st.integers(0, 10**6), max_size=30, unique=True))):
        value = draw(st.none() | st.sampled_from(EDGES) | st.floats())
        whole = draw(st.none() | st.integers(-(2**63), 2**63 - 1))
        text, site = draw(texts), draw(texts)
        flag = draw(
            st.sampled_from([("-1", True), ("1", True), ("0", False), ("true", True), ('"NAN"', None)])
        )
        quoted = ['"' + cell.replace('"', '""') + '"' for cell in (text, site)]
        integer = '"NAN"' if whole is None else str(whole)
        cells = [stamp(step * grain), str(record), draw(number(value)), integer, *quoted, flag[0]]
        lines.append(",".join(cells))
        expected.append(
            {
                "time": START + step * grain,
                "fixed": "x",
                "site": site,
                "F": None if value is None or math.isnan(value) else value,
                "n": whole,
                "s": text,
                "flag": flag[1],
                "_order": record,
            }
        )
    return lines, expected


@given(table=rows(), ending=st.sampled_from(["\n", "\r\n"]), block=st.sampled_from([64, 1 << 20]))
@settings(max_examples=150)
def test_exactly_what_was_written(table: tuple[list[str], list[dict]], ending: str, block: int):
    lines, expected = table
    content = HEADER.replace("\n", ending) + "".join(line + ending for line in lines)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.dat").write_bytes(content.encode())
        seen = look(files(folder, SPEC, block))
    assert seen.rejects == []
    found = [{name: row[name] for name in expected[0]} for row in seen.rows] if expected else seen.rows
    assert found == expected
    signs = [math.copysign(1, row["F"]) for row in expected if row["F"] == 0]
    assert [math.copysign(1, row["F"]) for row in found if row["F"] == 0] == signs


def test_as_many_columns_as_a_logger_likes():
    names = [f"c{n}" for n in range(3000)]
    header = (
        HEADER.split("\n")[0]
        + "\n"
        + "".join(
            ",".join(line) + "\n"
            for line in (
                ['"TIMESTAMP"', '"RECORD"', *(f'"{n}"' for n in names)],
                ['"TS"', '"RN"', *('""' for _ in names)],
                ['""', '""', *('"Smp"' for _ in names)],
            )
        )
    )
    body = "".join(
        f"{stamp(n * SECOND)},{n}," + ",".join(str(n + k) for k in range(3000)) + "\n" for n in range(50)
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.dat").write_text(header + body)
        seen = look(files(folder, SPEC))
    assert [row["c2999"] for row in seen.rows] == [float(n + 2999) for n in range(50)]
