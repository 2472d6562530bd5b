"""Records in every store there is."""

from __future__ import annotations

import pytest

from labmon_dagster.records.lab import LabRecords
from labmon_dagster.stores.records import RecordStore
from labmon_dagster_tests.stores.records.conftest import factory, store

__all__ = ["factory", "lab", "store"]


@pytest.fixture
def lab(store: RecordStore) -> LabRecords:
    """The lab's records, with two detectors."""
    found = LabRecords.of(store)
    for name in ("FID1", "RED15"):
        found.detectors.create({"name": name})
    return found
