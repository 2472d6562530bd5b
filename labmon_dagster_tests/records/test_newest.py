"""A server may answer with an earlier state, until it knows that another was elected."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.lab import LabRecords
from labmon_dagster.stores.records import Record, RecordStore
from labmon_dagster_tests.records.conftest import BEGIN, END, run, stream


@pytest.fixture
def late(store: RecordStore, lab: LabRecords, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on the store knows of no later state, unless it is asked for the newest."""
    seen: dict[tuple[str, str], Record | None] = {}

    def remember() -> None:
        asked = type(store).find

        def find(self: RecordStore, collection: str, name: str, *, newest: bool = False) -> Record | None:
            found = asked(self, collection, name, newest=newest)
            return found if newest else seen.setdefault((collection, name), found)

        monkeypatch.setattr(type(store), "find", find)

    return remember


def test_what_is_there_is_found(lab: LabRecords, late: Callable[[], None]) -> None:
    late()
    for records, name in ((lab.runs, "run1"), (lab.detectors, "NEW")):
        with pytest.raises(RecordError, match="there is no such record"):
            records.get(name)
    lab.detectors.create({"name": "NEW"})
    lab.runs.create(run(detector=[{"name": "NEW"}]))
    assert lab.runs.get("run1").detectors == ["NEW"]


def test_what_was_done_is_no_hindrance(lab: LabRecords, late: Callable[[], None]) -> None:
    lab.runs.create(run())
    lab.streams.create(stream(stop_date=None))
    late()
    lab.runs.start("run1", BEGIN)
    lab.runs.stop("run1", END)
    lab.streams.stop("stream1", END)
    temperature = lab.streams.temperature("stream1", 4.0, 0.1)
    assert lab.streams.add_temperature("stream1", temperature).temperature == temperature
    with pytest.raises(RecordError, match="it was stopped already"):
        lab.runs.stop("run1")
