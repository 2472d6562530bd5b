from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from math import inf, isnan, nan
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.clients.ricochetdb import local_file
from labmon_dagster.stores.documents.plain import date_of

_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.integers(-(10**18), 4 * 10**18).map(date_of),
)
_RECORDS = st.lists(
    st.dictionaries(st.text().filter(lambda key: not key.startswith("$")), _VALUES | st.lists(_VALUES))
)


@given(_RECORDS, _RECORDS)
def test_what_was_written_comes_back_with_its_dates(
    first: Sequence[dict[str, Any]], second: Sequence[dict[str, Any]]
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "data.json"
        local_file.add(path, first)
        local_file.add(path, second)
        found = local_file.read(path)
        assert [
            {"_id": one["_id"], **known} for one, known in zip(found, [*first, *second], strict=True)
        ] == found
        assert len({str(one["_id"]) for one in found}) == len(found)
        assert [one.name for one in Path(folder).iterdir()] == ["data.json"]


def test_an_old_file_of_other_making_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text(
        '[{"timestamp": {"$date": 1589206530412}, "T": 4.2, "n": {"$numberLong": "7"}, "x": NaN}]'
    )
    (record,) = local_file.read(path)
    assert record.pop("x") != 0
    assert isinstance(record.pop("_id"), str)
    assert record == {"timestamp": datetime(2020, 5, 11, 14, 15, 30, 412000, UTC), "T": 4.2, "n": 7}


@pytest.mark.parametrize("begin", ["", "\ufeff"])
def test_an_old_file_without_ids_has_the_same_ones_each_time(tmp_path: Path, begin: str) -> None:
    path = tmp_path / "old.json"
    path.write_text(f'{begin}[{{"top": Infinity}}, {{"top": NaN}}, {{"top": 1}}, {{"top": 1}}]')
    found, again = local_file.read(path), local_file.read(path)
    assert found[0]["top"] == inf
    assert isnan(found[1]["top"])
    assert [one["_id"] for one in found] == [one["_id"] for one in again]
    assert len({one["_id"] for one in found}) == 4


def test_what_was_read_from_a_file_is_not_added_to_it_again(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    data: list[dict[str, Any]] = []
    for number in range(5):
        data += local_file.read(path) if path.exists() else []
        data.append({"_id": f"a/{number}", "at": date_of(number), "v": nan})
        local_file.add(path, data)
        data.clear()
    assert [one["_id"] for one in local_file.read(path)] == [f"a/{number}" for number in range(5)]
    local_file.add(path, [{"_id": "a/0", "v": 1}])
    assert len(local_file.read(path)) == 6


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "no JSON"),
        ('[{"a": 1}', "no JSON"),
        ('{"a": 1}', "a list of records was expected, not a dict"),
        ('[{"a": 1}, 7]', "record 1 is a int; an object was expected"),
        ('[{"$date": "yesterday"}]', "no JSON"),
    ],
)
def test_a_file_that_holds_something_else_is_named_and_left_alone(
    tmp_path: Path, text: str, wrong: str
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    for work in (lambda: local_file.read(path), lambda: local_file.add(path, [{"a": 1}])):
        with pytest.raises(RuntimeError, match=wrong) as caught:
            work()
        assert str(caught.value).startswith(str(path))
    assert path.read_text() == text


def test_a_file_that_cannot_be_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"absent\.json cannot be read: No such file"):
        local_file.read(tmp_path / "absent.json")
    with pytest.raises(RuntimeError, match=r"data\.json cannot be written: there is no folder"):
        local_file.add(tmp_path / "absent" / "data.json", [{"a": 1}])


def _add_many(path: Path, who: int) -> None:
    for number in range(25):
        local_file.add(path, [{"who": who, "number": number}])


def test_processes_that_move_to_one_file_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        list(pool.map(_add_many, [path] * 3, range(3)))
    found = local_file.read(path)
    for who in range(3):
        assert [one["number"] for one in found if one["who"] == who] == list(range(25))
