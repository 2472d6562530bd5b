"""Records in every store there is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

import pytest

from labmon_dagster.records.lab import LabRecords
from labmon_dagster.stores.records import RecordStore
from labmon_dagster_tests.stores.records.conftest import factory, store, url

__all__ = ["BEGIN", "END", "Whole", "factory", "lab", "run", "store", "stream", "url", "whole"]

Whole: TypeAlias = Callable[[], list[tuple[str, str, dict[str, Any], int]]]
BEGIN, END = datetime(2022, 5, 11, 14, 35, 30, 412345), datetime(2022, 5, 11, 14, 43, 48, 586000)


@pytest.fixture
def lab(store: RecordStore) -> LabRecords:
    """The lab's records, with two detectors."""
    found = LabRecords.of(store)
    for name in ("FID1", "RED15"):
        found.detectors.create({"name": name})
    return found


@pytest.fixture
def whole(lab: LabRecords) -> Whole:
    """Gives everything that the store holds."""
    return lambda: [
        (one.collection, found.name, dict(found.body), found.revision)
        for one in (lab.detectors, lab.runs, lab.streams)
        for found in one.store.select(one.collection)
    ]


def run(name: str = "run1", **fields: Any) -> dict[str, Any]:
    """A run as it is given; a field that is None is left out."""
    given = {"name": name, "detector": [{"name": "RED15"}], **fields}
    return {key: value for key, value in given.items() if value is not None}


def stream(name: str = "stream1", **fields: Any) -> dict[str, Any]:
    """A stream as it is given, that is over; a field that is None is left out."""
    given = {
        "name": name,
        "acq_config": {"modulation": True, "d2": 250},
        "channel_config": [{"det_name": "FID1", "chan_name": "ChalA", "gain": 1}],
        "comment": "",
        "start_date": BEGIN,
        "stop_date": END,
        **fields,
    }
    return {key: value for key, value in given.items() if value is not None}
