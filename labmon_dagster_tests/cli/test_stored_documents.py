"""`labmon documents`: what a collection holds, by time and by values."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime

import pytest

from labmon_dagster import settings
from labmon_dagster.model.documents import Document
from labmon_dagster_tests.cli.lab import labmon, told

NAME = "events"
SECOND = 10**9


@pytest.fixture(autouse=True)
def documents() -> None:
    """Ten documents, a second apart."""
    made = [
        Document(
            f"event-{n}",
            n * SECOND,
            {
                "run": n // 5,
                "told": {"good": n % 2 == 0, "name": f"n{n}"},
                "at": datetime(2026, 1, 1, 0, 0, n, 123_456, tzinfo=UTC),
            },
        )
        for n in range(10)
    ]
    with closing(settings.open_documents()) as store:
        store.write(NAME, store.admit(made, 0).kept)


def ids(*options: str) -> list[str]:
    lines = told("documents", NAME, "--format", "jsonl", *options).splitlines()
    return [json.loads(line)["_id"] for line in lines]


def test_documents_come_by_time() -> None:
    assert ids() == [f"event-{n}" for n in range(10)]
    between = ("--start", "1970-01-01T00:00:02Z", "--end", "1970-01-01T00:00:04Z")
    assert ids(*between) == ["event-2", "event-3"]
    assert ids("--limit", "2") == ["event-0", "event-1"]


def test_documents_with_some_values() -> None:
    assert ids("--where", "run=1", "--where", "told.good=true") == ["event-6", "event-8"]
    assert ids("--where", "told.name=n3") == ["event-3"]
    assert ids("--where", "told.name=n3", "--where", "run=1") == []


def test_they_are_written_as_the_asset_gave_them() -> None:
    (line,) = told("documents", NAME, "--limit", "1", "--format", "jsonl").splitlines()
    one = json.loads(line)
    assert one["time"] == "1970-01-01T00:00:00.000000000Z"
    assert one["at"] == "2026-01-01T00:00:00.123456000Z"
    assert one["told"] == {"good": True, "name": "n0"}
    assert "at_ns" not in one


def test_blocks_and_tables() -> None:
    blocks = told("documents", NAME, "--limit", "2").split("\n\n")
    assert [block.split()[1] for block in blocks] == ["event-0", "event-1"]
    table = told("documents", NAME, "--format", "csv").splitlines()
    assert len(table) == 11
    assert "told.name" in table[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["other"], "no collection 'other'; there are: events"),
        ([NAME, "--format", "line"], "line protocol cannot carry them"),
        ([NAME, "--where", "run"], "name=value"),
        ([NAME, "--start", "soon"], "soon"),
    ],
)
def test_what_cannot_be_shown(options: list[str], said: str) -> None:
    result = labmon("documents", *options)
    assert result.exit_code != 0
    assert said in " ".join(result.output.split())


def test_nothing_found_is_said() -> None:
    assert "no documents" in labmon("documents", NAME, "--where", "run=7").stderr
