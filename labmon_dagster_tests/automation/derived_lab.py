"""Assets out of records and readings with their sensor, as an instance of Dagster has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from labmon_dagster.automation import derived
from labmon_dagster.components import RunPages, StreamTemperature
from labmon_dagster.definitions import resources
from labmon_dagster.records.lab import LabRecords, lab_records
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.records.thermometer import ASSET, FIELD, MEASUREMENT, TAGS, detectors

GIVEN: dict[str, Any] = {
    "start": "2026-03-01",
    "readings": ASSET,
    "measurement": MEASUREMENT,
    "field": FIELD,
    "tags": TAGS,
}
TEMPERATURE = StreamTemperature.model_validate({"asset": "ricochet/stream_temperature", **GIVEN})
PAGES = RunPages.model_validate({"asset": "ricochet/runs", **GIVEN})
PAGE_KEY = dg.AssetKey(["ricochet", "runs"])


class Lab:
    """The two assets with their sensor in an instance; remembers the cursor as Dagster does."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: str | None = None
        self.definitions = dg.Definitions.merge(
            dg.Definitions(assets=[TEMPERATURE.definition(), PAGES.definition()]),
            derived.derived_automation([PAGES, TEMPERATURE]),
            resources(),
        )

    def tick(self) -> tuple[list[dg.RunRequest], str]:
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=self.definitions.get_repository_def()
        )
        found = self.definitions.resolve_sensor_def("runs_and_streams")(context)
        assert isinstance(found, dg.SensorResult)
        self.cursor = found.cursor
        for asked in found.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(asked.partitions_def_name, asked.partition_keys)
        said = found.skip_reason.skip_message if isinstance(found.skip_reason, dg.SkipReason) else ""
        return list(found.run_requests or []), said or ""

    def run(self, request: dg.RunRequest, *, ok: bool = True) -> dg.ExecuteInProcessResult:
        assert request.asset_selection
        job = self.definitions.resolve_implicit_global_asset_job_def()
        result = job.get_subset(asset_selection=set(request.asset_selection)).execute_in_process(
            instance=self.instance, tags=dict(request.tags), raise_on_error=ok
        )
        assert result.success is ok
        return result

    def settle(self) -> list[str]:
        """Run what the sensor asks for until it is silent; give the assets that were run."""
        ran: list[str] = []
        for _ in range(6):
            requests, _said = self.tick()
            if not requests:
                return ran
            for request in requests:
                ran.append(request.tags["labmon/trigger"])
                self.run(request)
        raise AssertionError(f"never silent: {ran}")

    def report(self, names: list[str]) -> None:
        """Say that the pages of some runs are made."""
        for name in names:
            self.instance.report_runless_asset_event(dg.AssetMaterialization(PAGE_KEY, partition=name))

    def pages(self) -> dict[str, dict[str, dg.MetadataValue[Any]]]:
        """The newest page of each run."""
        found: dict[str, dict[str, dg.MetadataValue[Any]]] = {}
        for record in self.instance.fetch_materializations(PAGE_KEY, limit=100).records:
            made = record.asset_materialization
            assert made and made.partition
            found.setdefault(made.partition, dict(made.metadata))
        return found


@pytest.fixture
def lab(embedded: SqliteStore) -> Iterator[Lab]:
    embedded.measurements()  # the store is there
    with dg.instance_for_test() as instance, lab_records() as records:
        detectors(records)
        yield Lab(instance)


@pytest.fixture
def records(lab: Lab) -> Iterator[LabRecords]:
    with lab_records() as found:
        yield found
