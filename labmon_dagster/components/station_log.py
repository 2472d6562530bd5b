"""The word `StationLog` in a defs.yaml: points that programs write into a log, brought to several stores."""

from __future__ import annotations

import re
from typing import Annotated

import dagster as dg
from pydantic import ConfigDict, Field, field_validator

from labmon_dagster import settings
from labmon_dagster.components.asset_component import AssetComponent, StoreName
from labmon_dagster.components.feed import Feed
from labmon_dagster.journal import Journal
from labmon_dagster.station_log.delivery import lock_folder
from labmon_dagster.station_log.source import VERSION, LogJournal, LogReadings

_ORDERS = ("oldest", "newest")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Destination(dg.Model, dg.Resolvable):
    """A store that gets the log. ``order``: which of the days that were missed comes first."""

    model_config = ConfigDict(extra="forbid")
    store: StoreName
    order: str = "oldest"
    patience: Annotated[float, Field(gt=0)] | None = None

    @field_validator("order")
    @classmethod
    def _is_order(cls, given: str) -> str:
        if given not in _ORDERS:
            raise ValueError(f"{given!r}: no such order; allowed: {', '.join(_ORDERS)}")
        return given


class StationLog(AssetComponent):
    """A log of points in line protocol, in the journal ``asset``: an asset ``<asset>_<name>`` a destination.

    Each destination is read in runs of its own, with its own ledger: one that is away holds up no other.
    """

    destinations: dict[str, Destination] = Field(min_length=1)

    @field_validator("destinations")
    @classmethod
    def _are_names(cls, given: dict[str, Destination]) -> dict[str, Destination]:
        for name in given:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r}: the name of a destination has small letters, digits and _")
        stores = [one.store for one in given.values()]
        if twice := {store for store in stores if stores.count(store) > 1}:
            raise ValueError(f"two destinations have store {min(twice)!r}: its points would have two owners")
        return given

    @property
    def place(self) -> str:
        """The journal."""
        return f"journal {self.asset}"

    def feed(self) -> Feed:
        """The feed of the first destination."""
        return self.feeds()[0]

    def feeds(self) -> list[Feed]:
        """One feed for each destination."""
        return [self._feed(name, to) for name, to in self.destinations.items()]

    def _feed(self, name: str, to: Destination) -> Feed:
        journal = Journal(settings.journal_root(), self.asset)
        reader = LogJournal(journal, self.first_day)
        return Feed(
            asset=f"{self.asset}_{name}",
            measurement="",
            source=LogReadings(reader),
            journal=self.asset,
            pruned=reader.pruned,
            start=self.first_day,
            version=VERSION,
            store=to.store,
            by_receipt=True,
            alone=True,
            newest_first=to.order == "newest",
            turns=lock_folder(journal),
            patience=to.patience or self.patience,
            description=self.description,
            owners=tuple(self.owners),
            kinds=("log",),
        )
