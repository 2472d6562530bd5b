"""Cutting a stream into records: as Python's csv module cuts it; and garbage is told line by line."""

from __future__ import annotations

import csv
from io import BytesIO, StringIO
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model.points import BadLine
from labmon_dagster.sources.annotated_csv import cells, records
from labmon_dagster.sources.annotated_csv.records import Records, Splitter

TEXTS = st.text(st.sampled_from('ab#"", ;\n\r\té\x00'), max_size=6)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(TEXTS, min_size=width, max_size=width), min_size=1, max_size=9)
)


@given(
    TABLES,
    st.sampled_from([1, 3, 20, 1 << 21]),
    st.sampled_from(",;\t|"),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_table_is_read_as_it_was_written(
    table: list[list[str]], block: int, separator: str, quoted: bool, end: str
):
    text = StringIO(newline="")
    returns = any("\r" in cell for row in table for cell in row)  # csv leaves them bare
    quoting = csv.QUOTE_ALL if quoted or returns else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end).writerows(table)
    data = text.getvalue().encode()
    if separator != ",":
        data = f"sep={separator}{end}".encode() + data
    width, found = len(table[0]), []
    with mock.patch.object(records, "BLOCK", block):
        splitter = Splitter(BytesIO(data))
        for part in splitter:
            assert isinstance(part, Records)
            read, bad = cells.read(part, width, splitter.separator)
            assert not bad
            found += [[text or "" for text in row] for row in read.frame.rows()]
            for number in range(len(part)):
                assert (
                    cells.single(part, number, splitter.separator) == found[len(found) - len(part) + number]
                )
    assert found == table


@given(
    st.binary(max_size=60) | st.text(st.sampled_from('a,"\n\r'), max_size=60).map(str.encode),
    st.sampled_from([1, 8, 1 << 21]),
)
def test_every_line_is_told_of(data: bytes, block: int):
    data = data.removeprefix(b"\xef\xbb\xbf").removeprefix(b"sep=")
    back, next_line = b"", 1
    with mock.patch.object(records, "BLOCK", block):
        for part in Splitter(BytesIO(data)):
            if isinstance(part, BadLine):
                assert part.line == next_line
                back += data.split(b"\n")[part.line - 1] + b"\n"
                next_line += 1
                continue
            for number in range(len(part)):
                assert part.lines[number] == next_line
                back += part.raw(number)
                next_line += part.raw(number).count(b"\n")
    assert back == data + (b"" if data.endswith(b"\n") or not data else b"\n")


def test_a_quote_that_is_never_closed_costs_its_own_line_only(monkeypatch):
    monkeypatch.setattr(records, "BLOCK", 64)
    monkeypatch.setattr(records, "LONGEST", 256)
    data = b'a,"b\n' + b"c,d\n" * 500
    found = list(Splitter(BytesIO(data)))
    assert [(part.line, part.raw) for part in found if isinstance(part, BadLine)] == [(1, 'a,"b')]
    assert sum(len(part) for part in found if isinstance(part, Records)) == 500


def test_a_line_without_end_is_not_kept_in_memory(monkeypatch):
    monkeypatch.setattr(records, "BLOCK", 64)
    monkeypatch.setattr(records, "LONGEST", 256)
    found = list(Splitter(BytesIO(b"x" * 10_000 + b"\nc,d\n")))
    assert isinstance(found[0], BadLine)
    assert "longer than 256 bytes" in found[0].reason
    assert [part.raw(0) for part in found[1:] if isinstance(part, Records)] == [b"c,d\n"]
