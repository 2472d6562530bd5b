"""A feed: one source, how its rows are treated, and the asset they become. Components build feeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from labmon_dagster.landing import Recipe
from labmon_dagster.model import Field, Source
from labmon_dagster.settings import TIMESERIES


@dataclass(frozen=True, slots=True)
class Feed:
    """Everything the rest of the house needs to know of one asset.

    ``asset`` is its key (``experiment/table``), ``start`` its first day, ``interval`` the ns between
    readings if known. ``store`` names the store it is landed in. ``look`` lands what would be lost
    before it is asked for (overwritten files), and says what it could not look at.
    ``patience`` (s) is how long the source may be silent while it is read. ``version`` changes with
    every setting that changes rows.
    """

    asset: str
    measurement: str
    source: Source
    start: date
    version: str
    store: str = TIMESERIES
    recipe: Recipe = field(default_factory=Recipe)
    interval: int | None = None
    look: Callable[[], list[str]] | None = None
    patience: float = 300.0
    fields: tuple[Field, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    owners: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    @property
    def experiment(self) -> str:
        """The first part of the key: what is run together."""
        return self.asset.split("/", 1)[0]

    @property
    def op(self) -> str:
        """The asset's name in a run's config."""
        return self.asset.replace("/", "__")
