"""Asset ⇄ store. What an asset hands over is landed; what a downstream asset asks for comes as pandas."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import pandas as pd

from labmon_dagster.collector.occupied import patiently
from labmon_dagster.landing import Delivery, Landing
from labmon_dagster.metadata import about_day, about_source, summary
from labmon_dagster.model import ORDER, PLACE, Readings, Window
from labmon_dagster.model.documents import Documents
from labmon_dagster.settings import TIMESERIES, open_store
from labmon_dagster.stores import LedgerRow, ReadingStore, StoreError, owned_by, owner_of
from labmon_dagster.stores.base import READ

_TURN = 30.0  # s


def show_landed(
    context: dg.AssetExecutionContext, given: Readings | Documents, rows: Mapping[date, LedgerRow]
) -> None:
    """Show what became of each day: the ledger's figures on its partition, their sum in the log."""
    source = about_source(given)
    for day, row in rows.items():
        context.add_asset_metadata({**about_day(row), **source}, partition_key=day.isoformat())
    context.log.info(summary(rows.values()))


def upstream_metadata(context: dg.InputContext) -> Mapping[str, str]:
    """Where the upstream asset's data are, as it says in its metadata."""
    metadata = context.upstream_output.definition_metadata if context.upstream_output else {}
    return {name: str(value) for name, value in metadata.items()}


def partition_window(context: dg.InputContext) -> Window:
    """All instants of the partitions that are asked for."""
    window = context.asset_partitions_time_window
    return Window(int(window.start.timestamp()) * 10**9, int(window.end.timestamp()) * 10**9)


class TimeseriesStores(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The stores of readings, by name; ``LABMON_<NAME>_URL`` says where each is."""

    @contextmanager
    def opened(self, name: str = TIMESERIES) -> Iterator[ReadingStore]:
        """One of them, closed afterwards."""
        with closing(open_store(name)) as store:
            yield store


@dataclass(frozen=True, slots=True)
class Handed:
    """What an asset hands to its IO manager: the readings, and how, as what and where to land them."""

    delivery: Delivery
    readings: Readings
    now: int
    context: dg.AssetExecutionContext
    store: str = TIMESERIES
    turns: Path | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep other programs from bringing the same to the store. Raises StoreError where one goes on to."""
        if self.turns is None:
            yield
            return
        asset = self.delivery.asset
        with patiently(self.turns, asset, _TURN) as mine:
            if not mine:
                raise StoreError(
                    f"{asset}: a program that writes the log delivers it too; where Dagster does, its "
                    "configuration is to say `deliver = dagster`"
                )
            yield


class ReadingsIOManager(dg.ConfigurableIOManager):
    """Lands readings in the store their asset names; gives back the rows of a partition as a DataFrame."""

    timeseries: dg.ResourceDependency[TimeseriesStores]

    def handle_output(self, context: dg.OutputContext, obj: Handed) -> None:
        """Land ``obj``, show the ledger's figures on each partition. Raises LedgerError if they are off."""
        with obj.turn(), self.timeseries.opened(obj.store) as store:
            rows = Landing(store, obj.delivery, obj.now).land(obj.readings)
        show_landed(obj.context, obj.readings, rows)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """The rows the upstream asset wrote for its partitions, indexed by time (UTC)."""
        metadata = upstream_metadata(context)
        if not metadata["labmon/measurement"]:
            key = context.asset_key.to_user_string()
            raise ValueError(f"{key} gives several measurements: read one with labmon_dagster.read(…)")
        with self.timeseries.opened(metadata["labmon/store"]) as store:
            rows = store.fetch(metadata["labmon/measurement"], partition_window(context))
        own = rows.filter(owned_by(owner_of(context.asset_key.to_user_string())))
        return own.drop(ORDER, PLACE, READ).to_pandas().set_index("time")
