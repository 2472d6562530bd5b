"""Files that grow while they are read: nothing lost, nothing twice, no cut number taken for a whole one."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labmon_dagster.model import SECOND
from labmon_dagster.sources.loggernet.files import SETTLE
from labmon_dagster_tests.sources.loggernet.reading import HEADER, NOW, SPEC, files, look, row, table

NEW_PROGRAM = HEADER.replace(b"6827", b"6828").replace(b'"B"', b'"C"')
CONTENT = (
    table(*range(8))
    + b'"2021-06-25 10:00:08",8,oops,1\r\n'
    + NEW_PROGRAM
    + row(9)
    + row(10, "1234.5", '"NAN"')
)
cuts = st.lists(st.integers(0, len(CONTENT)), max_size=12).map(sorted)


def key(found: list[dict]) -> dict:
    return {row["_place"]: row for row in found}


@given(cuts=cuts, block=st.sampled_from([1, 50, 1 << 20]))
@settings(max_examples=60)
def test_each_row_comes_once_and_whole(cuts: list[int], block: int):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.dat"
        source, position, rows, rejects = files(folder, SPEC, block), {}, [], []
        for cut in [*cuts, len(CONTENT)]:
            path.write_bytes(CONTENT[:cut])
            seen = look(source, position)
            position = seen.position
            rows += seen.rows
            rejects += [(one.place, one.raw, one.reason) for one in seen.rejects]
            assert not seen.trouble
        full = look(source)
        assert rows == full.rows
        assert rejects == [(one.place, one.raw, one.reason) for one in full.rejects]
        assert [row["_order"] for row in rows] == [*range(8), 9, 10]
        assert position == full.position
        assert not source.news(position)


@example(steps=[(196, 2, False)])  # the first row, taken without its end
@example(steps=[(196, 2, True)])
@given(steps=st.lists(st.tuples(st.integers(0, len(CONTENT)), st.integers(1, 3), st.booleans()), max_size=10))
@settings(max_examples=60)
def test_a_line_taken_too_early_is_mended(steps: list[tuple[int, int, bool]]):
    """Time passes between looks, so unfinished lines are taken; the file goes on all the same."""
    now, rows, position = NOW, {}, {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.dat"
        for cut, looks, renamed in [*sorted(steps), (len(CONTENT), 1, False)]:
            path.write_bytes(CONTENT[:cut])
            if renamed:
                path = path.rename(path.with_suffix(".bak"))
            for _ in range(looks):
                seen = look(files(folder), position, now)
                position = seen.position
                rows |= key(seen.rows)
                now += SETTLE
        assert rows == key(look(files(folder)).rows)


def test_an_unfinished_last_line_is_taken_at_the_second_look(tmp_path: Path):
    path = tmp_path / "a.dat"
    path.write_bytes(table(1) + row(2).rstrip())
    source = files(tmp_path)
    first = look(source)
    assert first.numbers == [1]
    assert source.news(first.position)
    too_soon = look(source, first.position, NOW + SETTLE - 1)
    assert too_soon.numbers == []
    assert source.news(too_soon.position)
    second = look(source, too_soon.position, NOW + SETTLE)
    assert second.numbers == [2]
    assert not source.news(second.position)
    assert look(source, second.position, NOW + 60 * SECOND).numbers == []
    assert look(source, known=second.position, now=NOW + 60 * SECOND).numbers == [1, 2]  # read as a whole


def test_a_line_that_grows_between_the_looks_is_not_taken(tmp_path: Path):
    path = tmp_path / "a.dat"
    line = row(2, "12.75", "3.25")
    source, position = files(tmp_path), {}
    for cut in range(1, len(line)):
        path.write_bytes(table(1) + line[:cut])
        seen = look(source, position, NOW + cut * 60 * SECOND)
        position = seen.position
        assert seen.numbers == ([1] if cut == 1 else [])
        assert not seen.rejects


def test_a_taken_line_that_grows_is_read_anew_as_the_same_row(tmp_path: Path):
    path = tmp_path / "a.dat"
    path.write_bytes(table(1) + row(2, "1.5", "22.75")[:-4])
    position = look(files(tmp_path)).position
    early = look(files(tmp_path), position, NOW + SETTLE)
    assert [r["B"] for r in early.rows] == [22.0]
    path.write_bytes(table(1, 2, 3))
    later = look(files(tmp_path), early.position, NOW + 2 * SETTLE)
    assert [(r["_order"], r["B"]) for r in later.rows] == [(2, 22.75), (3, 22.75)]
    assert later.rows[0]["_place"] == early.rows[0]["_place"]


def test_an_unfinished_header_that_stands_still_is_said(tmp_path: Path):
    (tmp_path / "a.dat").write_bytes(b"".join(HEADER.splitlines(keepends=True)[:2]))
    first = look(files(tmp_path))
    assert (first.rows, first.rejects) == ([], [])
    second = look(files(tmp_path), first.position, NOW + SETTLE)
    assert [one.reason for one in second.rejects] == [
        "the table cannot be read: only 2 of the 4 header lines are there"
    ]
    assert not files(tmp_path).news(second.position)


def test_only_what_is_new_is_read(tmp_path: Path):
    path = tmp_path / "a.dat"
    path.write_bytes(table(1, 2))
    position = look(files(tmp_path)).position
    path.write_bytes(table(1, 2, 3))
    seen = look(files(tmp_path), position)
    assert seen.numbers == [3]
    assert seen.rejects == []
    assert [header["station"] for header in seen.facts["headers"]] == ["46m"]


def test_a_file_in_which_only_the_old_part_changed_is_read_from_its_beginning(tmp_path: Path):
    path = tmp_path / "a.dat"
    path.write_bytes(table(1, 2, 3))
    position = look(files(tmp_path)).position
    path.write_bytes(table(1, 2) + row(3, "9.5") + row(4))
    assert look(files(tmp_path), position).numbers == [1, 2, 3, 4]


def test_a_table_once_refused_is_read_when_its_settings_are_mended(tmp_path: Path):
    path = tmp_path / "a.dat"
    path.write_bytes(table(1, 2))
    refused = look(files(tmp_path, replace(SPEC, stamp="Time")))
    assert (refused.rows, len(refused.rejects)) == ([], 1)
    path.write_bytes(table(1, 2, 3))
    still = look(files(tmp_path, replace(SPEC, stamp="Time")), refused.position)
    assert (still.rows, still.rejects) == ([], [])
    path.write_bytes(table(1, 2, 3, 4))
    mended = look(files(tmp_path), still.position)
    assert mended.numbers == [1, 2, 3, 4]
    path.write_bytes(table(1, 2, 3, 4, 5))
    again = look(files(tmp_path, replace(SPEC, stamp="Time")), mended.position)
    assert (again.rows, len(again.rejects)) == ([], 1)


def test_a_header_longer_than_any_block(tmp_path: Path):
    names = [f"Column_{n:05}" for n in range(9000)]
    lines = [
        b'"TOA5","46m","CR5000","1041","OS","P","1","T"',
        ",".join(['"TIMESTAMP"', '"RECORD"', *(f'"{n}"' for n in names)]).encode(),
        ",".join(['"TS"', '"RN"', *('""' for _ in names)]).encode(),
        ",".join(['""', '""', *('"Smp"' for _ in names)]).encode(),
    ]
    rows = [f'"2021-06-25 10:00:0{n}",{n},'.encode() + b",".join([b"1.5"] * 9000) for n in range(4)]
    content = b"\r\n".join([*lines, *rows]) + b"\r\n"
    path = tmp_path / "a.dat"
    path.write_bytes(content[: content.rindex(b'"2021')])
    first = look(files(tmp_path, SPEC, 1 << 14))
    assert (first.numbers, first.rejects) == ([0, 1, 2], [])
    path.write_bytes(content)
    second = look(files(tmp_path), first.position)
    assert (second.numbers, second.rejects) == ([3], [])
    assert second.rows[0]["Column_08999"] == 1.5


@pytest.mark.parametrize("block", range(1, len(HEADER) + 60, 7))
def test_the_borders_of_blocks_do_not_matter(tmp_path: Path, block: int):
    (tmp_path / "a.dat").write_bytes(CONTENT)
    whole, cut = look(files(tmp_path)), look(files(tmp_path, SPEC, block))
    assert cut.rows == whole.rows
    assert cut.rejects == whole.rejects
    assert cut.position == whole.position
    assert cut.facts == whole.facts
