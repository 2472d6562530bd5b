"""A feed: one source, how its rows are treated, and the asset they become. Components build feeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from labmon_dagster.collector.station import Station
from labmon_dagster.landing import Recipe
from labmon_dagster.model import Field, Source
from labmon_dagster.model.documents import DocumentSource
from labmon_dagster.settings import DOCUMENTS, TIMESERIES, StoreKey
from labmon_dagster.stores import DocumentStore

Tell: TypeAlias = Callable[[str], object]
"""Takes a line for the people who watch a run."""


class Verdict(NamedTuple):
    """What a judge finds: whether all is well, and what to show of it."""

    passed: bool
    shown: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Judge:
    """A check of an asset of documents: ``look`` is given its store and the days that a run has read."""

    name: str
    about: str
    look: Callable[[DocumentStore, Sequence[date]], Verdict]


@dataclass(frozen=True, slots=True)
class Feed:
    """Everything the rest of the house needs to know of one asset.

    ``asset`` is its key (``experiment/table``), ``start`` its first day, ``interval`` the ns between
    readings if known. ``documents``: it gives documents and not readings; ``measurement`` is then the
    collection, and ``source`` a `DocumentSource`. ``store`` names the store it is landed in, by default
    that of its kind. ``look`` lands what would be lost before it is asked for (overwritten files), and says
    what it could not look at. ``take`` lands, too, but in a run only; ``landed`` is done when a run has
    delivered its documents; both are given what takes lines for the run's log. ``journal`` names the journal
    the source reads, ``pruned`` says whether a day was removed from it, so that it cannot be read again.
    ``stations`` are the devices that the collector asks; without one running ``look`` does.
    ``patience`` (s) is how long the source may be silent while it is read. ``version`` changes with
    every setting that changes rows. ``by_receipt``: its rows are filed under the day they were received;
    ``measurement`` is '' where they are of several. For this, ``by_content`` and ``indexes`` see `Delivery`.
    ``alone``: it is read in runs of its own, a day each, since its store may be far away.
    ``newest_first``: of missed days the newest comes first.
    ``turns``: folder of locks, where other programs too may bring the source to the store. ``deps`` are the
    assets it is made of, where the source reads what they stored. ``judges``: checks of its own.
    """

    asset: str
    measurement: str
    source: Source | DocumentSource
    start: date
    version: str
    store: str = ""
    documents: bool = False
    journal: str | None = None
    pruned: Callable[[date], bool] | None = None
    stations: tuple[Station, ...] = ()
    recipe: Recipe = field(default_factory=Recipe)
    interval: int | None = None
    look: Callable[[], list[str]] | None = None
    take: Callable[[Tell], None] | None = None
    landed: Callable[[DocumentStore, Tell], None] | None = None
    patience: float = 300.0
    by_receipt: bool = False
    alone: bool = False
    newest_first: bool = False
    turns: Path | None = None
    by_content: bool = False
    deps: tuple[str, ...] = ()
    judges: tuple[Judge, ...] = ()
    indexes: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    owners: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Take the store of its kind where none is named."""
        if not self.store:
            object.__setattr__(self, "store", DOCUMENTS if self.documents else TIMESERIES)

    @property
    def store_key(self) -> StoreKey:
        """Which store it is landed in: those of readings and of documents have names apart."""
        return StoreKey(self.store, self.documents)

    @property
    def experiment(self) -> str:
        """The first part of the key: what is run together."""
        return experiment_of(self.asset)

    @property
    def lane(self) -> str:
        """What is read together in one run, and waits for each other: its experiment, or it alone."""
        return self.asset if self.alone else self.experiment

    @property
    def op(self) -> str:
        """The asset's name in a run's config."""
        return op_of(self.asset)


def experiment_of(asset: str) -> str:
    """Give the first part of an asset's key."""
    return asset.split("/", 1)[0]


def op_of(asset: str) -> str:
    """Give an asset's name where no slash may stand."""
    return asset.replace("/", "__")
