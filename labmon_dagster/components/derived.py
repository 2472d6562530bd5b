"""What components have in common whose assets are made out of records and a thermometer's readings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

import dagster as dg
from pydantic import ConfigDict, Field

from labmon_dagster import settings
from labmon_dagster.components.asset_component import AssetKey, Described, StoreName
from labmon_dagster.components.feed import experiment_of, op_of
from labmon_dagster.lookup import existing_store
from labmon_dagster.records.lab import LabRecords
from labmon_dagster.records.spans import existing_lab
from labmon_dagster.records.temperature import Thermometer
from labmon_dagster.stores import ReadingStore


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a look found. ``run``: there is something to do, for an asset without partitions.

    ``partitions``: the state of each, as a text that changes with it, for an asset that has them. ``told``:
    what people should know.
    """

    run: bool = False
    partitions: Mapping[str, str] = field(default_factory=dict)
    told: Sequence[str] = ()


Look: TypeAlias = Callable[[], Wanted]


class DerivedComponent(dg.Component, Described):
    """An asset out of the lab's records and the temperature (K) that a thermometer gave.

    ``readings`` is the asset of the readings, ``timeseries`` their store; ``records`` the store of documents
    that has the runs and streams. What ended before ``start`` is left alone.
    """

    model_config = ConfigDict(extra="forbid")
    readings: AssetKey
    measurement: Annotated[str, Field(min_length=1)]
    field: Annotated[str, Field(min_length=1, description="the field with the temperature in K")]
    tags: dict[str, str] = {}
    timeseries: StoreName = settings.TIMESERIES
    records: StoreName = settings.DOCUMENTS

    @property
    def thermometer(self) -> Thermometer:
        """Where the temperature is read."""
        return Thermometer(self.readings, self.measurement, self.field, self.tags)

    @property
    def experiment(self) -> str:
        """The first part of the key."""
        return experiment_of(self.asset)

    @property
    def op(self) -> str:
        """The asset's name in a run."""
        return op_of(self.asset)

    @abstractmethod
    def looker(self) -> Look:
        """Give a function that looks what there is to do, and remembers what it saw before."""

    @abstractmethod
    def definition(self) -> dg.AssetsDefinition:
        """Give the asset."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset."""
        return dg.Definitions(assets=[self.definition()])

    @contextmanager
    def opened(self) -> Iterator[tuple[LabRecords, ReadingStore]]:
        """The records, and the store of the readings; neither is created.

        Raises NothingStoredError where there is no file yet, StoreError where a database is away.
        """
        with ExitStack() as held:
            lab = held.enter_context(existing_lab(self.records))
            yield lab, held.enter_context(closing(existing_store(self.timeseries)))

    def made(
        self, compute: Callable[..., None], kind: str, partitions: dg.PartitionsDefinition[str] | None = None
    ) -> dg.AssetsDefinition:
        """Give the asset that ``compute`` makes, of all its partitions in one run where it has any."""
        return dg.asset(
            key=dg.AssetKey(self.asset.split("/")),
            deps=[dg.AssetDep(self.readings.split("/"), partition_mapping=dg.AllPartitionMapping())],
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run() if partitions else None,
            group_name=self.experiment,
            description=self.description,
            owners=self.owners or None,
            kinds={kind},
            code_version="1",
            pool=self.op,
            metadata={"labmon/measurement": self.measurement, "labmon/field": self.field},
        )(compute)
