"""The word `EventRates` in a defs.yaml: how many events there were each minute, out of their documents."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, field_validator

from labmon_dagster import settings
from labmon_dagster.components.asset_component import AssetComponent, AssetKey, Duration, StoreName
from labmon_dagster.components.event_counts import TAGS, EventCounts, measured
from labmon_dagster.components.feed import Feed
from labmon_dagster.components.table import free_name
from labmon_dagster.model import DAY
from labmon_dagster.quality import nanoseconds

READER = "1"


class EventRates(AssetComponent):
    """Counts of the documents of the asset ``events``, by detector, trigger bit and cosmic block."""

    model_config = ConfigDict(extra="forbid")
    events: Annotated[AssetKey, Field(description="the asset whose documents are counted")]
    collection: Annotated[str, Field(min_length=1, description="the collection these are in")]
    documents: Annotated[StoreName, Field(description="the store of documents that has it")] = (
        settings.DOCUMENTS
    )
    measurement: Annotated[str, Field(min_length=1)]
    interval: Annotated[Duration, Field(description="events are counted by: 1min, 10s")] = "1min"
    store: StoreName = settings.TIMESERIES

    @field_validator("measurement")
    @classmethod
    def _is_free(cls, given: str) -> str:
        return free_name(given)

    @field_validator("interval")
    @classmethod
    def _divides_a_day(cls, given: str) -> str:
        if DAY % nanoseconds(given):
            raise ValueError(f"{given}: a day must be a whole number of them, as of 1min, 10s or 1h")
        return given

    @property
    def place(self) -> str:
        """The collection."""
        return f"collection {self.collection}"

    def feed(self) -> Feed:
        """The counts."""
        step = nanoseconds(self.interval)
        counts = EventCounts(self.events, self.collection, self.documents, self.measurement, step)
        return Feed(
            asset=self.asset,
            measurement=self.measurement,
            source=counts,
            start=self.first_day,
            # What it says of intervals elsewhere changes no row; here it does.
            version=f"{self.version_of(READER)} {step}",
            store=self.store,
            patience=self.patience,
            deps=(self.events,),
            fields=measured(self.measurement).fields,
            tags=dict.fromkeys(TAGS, ""),
            description=self.description,
            owners=tuple(self.owners),
            kinds=("rates",),
        )
