"""The reader as a whole: large streams in little memory, warnings, what strict means."""

from __future__ import annotations

import gzip
import logging
import time
from io import BytesIO, RawIOBase
from pathlib import Path

import pytest

from labmon_dagster.model.points import Points
from labmon_dagster.sources.annotated_csv.reader import PORTION, read
from labmon_dagster_tests.peak import peak_kib
from labmon_dagster_tests.sources.annotated_csv.reading import seen

HEAD = b"#datatype measurement,tag,long,dateTime:number\nm,t,x,time\n"
CASES = Path(__file__).parent / "cases"


class Long(RawIOBase):
    """A stream of ``rows`` rows that are made as they are read."""

    def __init__(self, rows: int) -> None:
        self._rest, self._left = HEAD, rows

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and self._left:
            count = min(self._left, 10_000)
            self._rest += b"pps,KP,12345,1617672549204824064\n" * count
            self._left -= count
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


def total(stream: Long) -> int:
    count = 0
    for one in read(stream):  # type: ignore[arg-type]
        assert isinstance(one, Points)
        assert one.rows.height <= PORTION
        count += one.rows.height
    return count


@pytest.mark.parametrize("name", ["*", "^.*$", "row", "name", "0", "^t"])
def test_a_name_is_no_pattern(name: str):
    text = f"#datatype measurement,tag,tag,long,double\nm,t,{name},x,{name}1\npps,KP,a,1,2\npps2,KP,a,1,2\n"
    found = seen(text.encode())
    assert [one.rows[name].to_list() for one in found.points] == [["a"], ["a"]]
    assert found.points[0].measurement.tags == ("t", name)
    assert not found.bad


def test_memory_does_not_grow_with_the_stream():
    assert total(Long(200_000)) == 200_000
    before = peak_kib()
    assert total(Long(4_000_000)) == 4_000_000
    assert peak_kib() - before < 100 * 1024


def test_a_gzip_stream():
    packed = gzip.compress(HEAD + b"pps,KP,1,2\n" * 100_000)
    with gzip.open(BytesIO(packed)) as stream:
        found = list(read(stream))  # type: ignore[arg-type]
    assert sum(one.rows.height for one in found if isinstance(one, Points)) == 100_000
    last = found[-1]
    assert isinstance(last, Points)
    assert last.rows["_place"][-1] == 100_002


def test_strict_refuses_fractions():
    found = seen((CASES / "cut_longs" / "input.csv").read_bytes(), strict=True)
    assert [(bad.line, bad.column) for bad in found.bad] == [(3, 2), (4, 2)]
    assert found.lines == "x l=5i,ul=5i\n"


@pytest.mark.parametrize(
    ("case", "warnings"),
    [
        ("cut_longs", ["line 3, column 2 (l): 1.9 was cut to 1", "line 3, column 3 (ul): 2.9 was cut to 2"]),
        (
            "warned",
            ["line 3: '#unknown'", "line 4: column 4 (early) is left out", "line 4: tag 't' stands twice"],
        ),
        ("comments", []),
    ],
)
def test_warnings(case: str, warnings: list[str], caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        seen((CASES / case / "input.csv").read_bytes())
    assert len(caplog.messages) == len(warnings)
    for message, begin in zip(caplog.messages, warnings, strict=True):
        assert message.startswith(begin)


def test_the_zone_of_this_computer(monkeypatch: pytest.MonkeyPatch):
    text = (
        b"#timezone Local\n#constant measurement,m\nt|dateTime:2006-01-02 15:04,x|long\n2021-07-01 12:00,1\n"
    )
    monkeypatch.setenv("TZ", "America/Detroit")
    assert seen(text).lines == "m x=1i 1625155200000000000\n"
    monkeypatch.delenv("TZ")
    time.tzset()
    here = int(time.mktime((2021, 7, 1, 12, 0, 0, 0, 0, -1))) * 10**9
    assert seen(text).lines == f"m x=1i {here}\n"
