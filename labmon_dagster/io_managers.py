"""Asset ⇄ store. What an asset hands over is landed; what a downstream asset asks for comes as pandas."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import dagster as dg
import pandas as pd

from labmon_dagster.landing import Delivery, Landing
from labmon_dagster.metadata import about_day, about_source, summary
from labmon_dagster.model import ORDER, PLACE, Readings, Window
from labmon_dagster.settings import TIMESERIES, open_store
from labmon_dagster.stores import ReadingStore, owned_by, owner_of
from labmon_dagster.stores.base import READ


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


class ReadingsIOManager(dg.ConfigurableIOManager):
    """Lands readings in the store their asset names; gives back the rows of a partition as a DataFrame."""

    timeseries: dg.ResourceDependency[TimeseriesStores]

    def handle_output(self, context: dg.OutputContext, obj: Handed) -> None:
        """Land ``obj``, show the ledger's figures on each partition. Raises LedgerError if they are off."""
        with self.timeseries.opened(obj.store) as store:
            rows = Landing(store, obj.delivery, obj.now).land(obj.readings)
        shown = about_source(obj.readings)
        for day, row in rows.items():
            obj.context.add_asset_metadata({**about_day(row), **shown}, partition_key=day.isoformat())
        context.log.info(summary(rows.values()))

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """The rows the upstream asset wrote for its partitions, indexed by time (UTC)."""
        metadata = context.upstream_output.definition_metadata if context.upstream_output else {}
        window = context.asset_partitions_time_window
        span = Window(int(window.start.timestamp()) * 10**9, int(window.end.timestamp()) * 10**9)
        with self.timeseries.opened(str(metadata["labmon/store"])) as store:
            rows = store.fetch(str(metadata["labmon/measurement"]), span)
        own = rows.filter(owned_by(owner_of(context.asset_key.to_user_string())))
        return own.drop(ORDER, PLACE, READ).to_pandas().set_index("time")
