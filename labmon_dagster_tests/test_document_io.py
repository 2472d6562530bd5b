"""Assets of documents: landed with figures on each partition, and given to those downstream."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pytest

from labmon_dagster.document_io import DocumentsIOManager, DocumentStores, HandedDocuments
from labmon_dagster.landing import Delivery
from labmon_dagster.model import DAY, Mark
from labmon_dagster.model.documents import Document, DocumentBatch, Documents
from labmon_dagster.model.window import day_number
from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster_tests.stores.documents.conftest import STORES, opened, url

__all__ = ["url"]

DAYS = dg.DailyPartitionsDefinition("2024-05-01", end_date="2024-05-05")
STAMP = datetime(2024, 5, 1, 1, 2, 3, 456_789, tzinfo=UTC)
SEEN: list[list[dict[str, Any]]] = []


class Chosen(DocumentStores):
    """The store of this test, whatever its name."""

    address: str

    @contextmanager
    def opened(self, name: str = "") -> Iterator[DocumentStore]:
        assert name == "documents"
        with closing(opened(self.address)) as store:
            yield store


def _documents(days: tuple[date, ...]) -> Documents:
    made = tuple(
        Document(f"{day} {n}", day_number(day) * DAY + n, {"n": n, "at": STAMP}, place=n)
        for day in days
        for n in range(3)
    )
    return Documents(iter([DocumentBatch("runs", made, "s", Mark(1))]), {"source files": ["a.json"]})


@dg.asset(
    key=["lab", "runs"],
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    io_manager_key="documents_io",
    metadata={"labmon/collection": "runs", "labmon/store": "documents"},
)
def runs(context: dg.AssetExecutionContext) -> HandedDocuments:
    days = tuple(map(date.fromisoformat, context.partition_keys))
    delivery = Delivery("lab/runs", "runs", days, run=context.run.run_id)
    return HandedDocuments(delivery, _documents(days), 2_000_000_000_000_000_000, context)


@dg.asset(
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    ins={"runs": dg.AssetIn(["lab", "runs"])},
)
def longest(runs: list[dict[str, Any]]) -> None:
    SEEN.append(runs)


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_documents_are_landed_shown_and_given_on(url: str) -> None:
    SEEN.clear()
    stores = Chosen(address=url)
    with closing(opened(url)) as store:
        other = store.admit([Document("other", day_number(date(2024, 5, 1)) * DAY, {"n": 9})], 5)
        store.write("runs", other.kept)
    resources = {"documents_io": DocumentsIOManager(documents=stores), "io_manager": dg.mem_io_manager}
    definitions = dg.Definitions(assets=[runs, longest], resources=resources)
    job = definitions.resolve_implicit_global_asset_job_def()
    tags = {
        "dagster/asset_partition_range_start": "2024-05-01",
        "dagster/asset_partition_range_end": "2024-05-02",
    }
    for _ in range(2):
        with dg.DagsterInstance.ephemeral() as instance:
            result = job.execute_in_process(instance=instance, tags=tags)
            assert result.success
            done = [
                one
                for one in result.get_asset_materialization_events()
                if one.asset_key == dg.AssetKey(["lab", "runs"])
            ]
    figures = {one.partition: one.materialization.metadata for one in done}
    assert set(figures) == {"2024-05-01", "2024-05-02"}
    first = figures["2024-05-01"]
    assert (first["read"].value, first["repeated"].value, first["dagster/partition_row_count"].value) == (
        3,
        3,
        3,
    )
    assert first["proven"].value is True
    assert first["source files"].value == "a.json"
    assert [one["_id"] for one in SEEN[0]] == [f"2024-05-0{d} {n}" for d in (1, 2) for n in range(3)]
    assert SEEN[0][1] == {
        "_id": "2024-05-01 1",
        "time": datetime(2024, 5, 1, tzinfo=UTC),
        "time_ns": day_number(date(2024, 5, 1)) * DAY + 1,
        "n": 1,
        "at": STAMP.replace(microsecond=456_000),
        "at_ns": 1_714_525_323_456_789_000,
    }
    assert SEEN[0] == SEEN[1]
