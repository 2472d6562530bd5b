"""What the YAML of every table of readings says alike: its measurement, interval, quality, store."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from pydantic import Field, field_validator

from labmon_dagster import settings
from labmon_dagster.binning import BinEntry, averaged, grid_of, in_bins
from labmon_dagster.components.asset_component import AssetComponent, Duration, StoreName
from labmon_dagster.model import TIME, Source
from labmon_dagster.model import Field as ValueField
from labmon_dagster.quality import FLAG_SUFFIX, RuleEntry, nanoseconds


def check_names(fields: Collection[str], tags: Collection[str]) -> None:
    """Raise ValueError for names that are labmon's own, or both a tag's and a field's."""
    both = sorted(set(tags) & set(fields))
    if both:
        raise ValueError(f"both tag and field: {', '.join(both)}")
    flags = {f"{name}{FLAG_SUFFIX}" for name in fields}
    own = [name for name in (*tags, *fields) if name in {TIME, *flags} or name.startswith("_")]
    if own:
        raise ValueError(f"{', '.join(sorted(own))}: such names are labmon's own; choose another")


def free_name(given: str) -> str:
    """Give the name of a measurement or collection. Raises ValueError for one of labmon's own."""
    if given.startswith("labmon_"):
        raise ValueError(f"{given!r}: names that begin with labmon_ are labmon's own; choose another")
    return given


def as_wanted(
    source: Source, fields: tuple[ValueField, ...], bins: BinEntry | None
) -> tuple[Source, tuple[ValueField, ...]]:
    """Give a source and its fields, in bins where the YAML wants them."""
    return (source, fields) if bins is None else (in_bins(source, grid_of(bins)), averaged(fields))


class TableComponent(AssetComponent):
    """A component whose feed is one table of readings."""

    measurement: Annotated[str, Field(min_length=1)]
    interval: Annotated[Duration | None, Field(description="time between rows: 5s, 1min, 30min")] = None
    bin: Annotated[BinEntry | None, Field(description="means over bins instead of rows: 1s")] = None
    quality: dict[str, RuleEntry] = {}
    store: StoreName = settings.TIMESERIES

    @field_validator("measurement")
    @classmethod
    def _is_free(cls, given: str) -> str:
        return free_name(given)

    @property
    def step(self) -> int | None:
        """The time between rows (ns), if it is known; of bins, that between those with a reading."""
        given = nanoseconds(self.interval) if self.interval else None
        if self.bin is None:
            return given
        grid = grid_of(self.bin)
        return given if given is not None and given > grid.longest else grid.interval
