from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model.points import BadLine, Points
from labmon_dagster.replay.line import LineProtocol
from labmon_dagster.sources.line_protocol import reader
from labmon_dagster.sources.line_protocol.reader import read
from labmon_dagster_tests.replay.made import points, same


@given(points())
def test_what_is_written_reads_the_same(given_points: Points):
    (found,) = read(io.BytesIO(LineProtocol().write(given_points)))
    assert isinstance(found, Points)
    # A tag that is absent in every row, or a field that is null in every row, leaves no trace in a line.
    traced = [c for c in given_points.rows.columns if c in found.rows.columns]
    left_out = given_points.rows.drop(traced)
    assert all(column.is_null().all() or (column == "").all() for column in left_out)
    kept = type(given_points)(found.measurement, given_points.rows.select(found.rows.columns))
    same(found, kept)


@given(
    st.lists(points(), min_size=1, max_size=4),
    st.sampled_from([1, 5, 64, 1 << 20]),
    st.sampled_from([1, 3, 50_000]),
)
def test_portions_do_not_matter(given_points: list[Points], block: int, lines: int):
    writer = LineProtocol()
    text = b"".join(map(writer.write, given_points)) + b"bad\n"
    whole = _told(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_BLOCK", block)
        patch.setattr(reader, "_LINES", lines)
        assert _told(text) == whole


def _told(text: bytes) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for one in read(io.BytesIO(text)):
        if isinstance(one, BadLine):
            found.append((one.line, one))
        else:
            for row in one.rows.iter_rows(named=True):
                there = {name: repr(value) for name, value in row.items() if value is not None}
                tags = {tag for tag in one.measurement.tags if not row[tag]}
                told = sorted((name, value) for name, value in there.items() if name not in tags)
                found.append((row["_place"], one.measurement.name, told))
    return sorted(found, key=lambda one: one[0])


@pytest.mark.parametrize(
    ("precision", "ns"), [("ns", 7), ("us", 7_000), ("ms", 7_000_000), ("s", 7_000_000_000)]
)
def test_precision(precision: str, ns: int):
    (found,) = read(io.BytesIO(b"m f=1 7"), precision)
    assert isinstance(found, Points)
    assert found.rows["time"].to_physical().to_list() == [ns]


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="'h' is not known; allowed: ns, us, ms, s"):
        list(read(io.BytesIO(b""), "h"))


def test_a_text_that_never_ends_costs_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reader, "_BLOCK", 64)
    monkeypatch.setattr(reader, "_LARGEST", 1000)
    text = b'm s="open\n' + b"".join(b"m f=%d %d\n" % (n, n) for n in range(500))
    found = list(read(io.BytesIO(text)))
    assert [(one.line, one.reason[:21]) for one in found if isinstance(one, BadLine)] == [
        (1, "the text that begins ")
    ]
    assert sum(one.rows.height for one in found if isinstance(one, Points)) == 500


def test_what_is_no_text_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reader, "_LARGEST", 1000)
    with pytest.raises(ValueError, match="a line of more than 1,000 bytes"):
        list(read(io.BytesIO(b"x" * (1 << 21))))
