"""Tables that LoggerNet overwrites, read back from the contents that were landed."""

from __future__ import annotations

from typing import Any

import pytest

from labmon_dagster.sources.loggernet.snapshots import Snapshot, TableSnapshots
from labmon_dagster_tests.sources.loggernet.reading import HEADER, NOW, SPEC, Look, files, request, row, table


def snapshots(*contents: bytes, settled: bool = False) -> TableSnapshots:
    landed = [
        Snapshot("2021-06-30", 100 * n, NOW + n, "a.dat", content, settled)
        for n, content in enumerate(contents, start=1)
    ]

    def since(position: Any) -> list[Snapshot]:
        mark = position.get("2021-06-30")
        return [one for one in landed if not mark or one.end > mark.offset]

    return TableSnapshots(SPEC, since, lambda known: bool(since(known)), files("unused"))


def test_each_content_of_an_overwritten_file_is_read():
    source = snapshots(table(1, 2), table(2, 3), table(3, 4) + row(5)[:-3])
    seen = Look(source.read(request()))
    assert seen.numbers == [1, 2, 2, 3, 3, 4]
    assert seen.facts["source files"] == ["a.dat"]
    assert len(seen.facts["headers"]) == 1
    assert not source.news(seen.position)
    rest = Look(
        snapshots(table(1, 2), table(2, 3), table(9)).read(request({"2021-06-30": seen.batches[0].mark}))
    )
    assert rest.numbers == [2, 3, 9]


@pytest.mark.parametrize("content", [b"", HEADER, HEADER[:40], HEADER[: HEADER.index(b"\n") + 9]])
def test_a_content_without_rows_is_done_with(content: bytes):
    source = snapshots(content)
    seen = Look(source.read(request()))
    assert (seen.rows, seen.rejects) == ([], [])
    assert not source.news(seen.position)


def test_an_unfinished_last_line_of_a_content_that_settled():
    assert Look(snapshots(table(1) + row(2)[:-2], settled=True).read(request())).numbers == [1, 2]
