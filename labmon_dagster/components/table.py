"""What the YAML of every table of readings says alike: its key, first day, quality, owners, store."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Annotated, TypeAlias

import dagster as dg
from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from labmon_dagster import settings
from labmon_dagster.components.base import FeedComponent
from labmon_dagster.model import TIME
from labmon_dagster.quality import FLAG_SUFFIX, RuleEntry, nanoseconds

# What these say does not change a row.
_NOT_IN_ROWS = {"description", "owners", "patience", "interval", "store"}


def _duration(given: str) -> str:
    nanoseconds(given)
    return given


Duration: TypeAlias = Annotated[str, AfterValidator(_duration)]
"""A length of time in YAML: 5s, 30min, 1h."""


class TableComponent(FeedComponent, dg.Model, dg.Resolvable):
    """A component whose feed is one table of readings."""

    asset: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+(/[A-Za-z0-9_]+)+$", description="experiment/table")]
    measurement: Annotated[str, Field(min_length=1)]
    start: Annotated[str, BeforeValidator(str), Field(description="first day, YYYY-MM-DD")]
    interval: Annotated[Duration | None, Field(description="time between rows: 5s, 1min, 30min")] = None
    quality: dict[str, RuleEntry] = {}
    description: str = ""
    owners: list[str] = []
    store: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", description="name of the store")] = (
        settings.TIMESERIES
    )
    patience: Annotated[float, Field(gt=0, description="seconds the source may be silent while read")] = 300.0

    @field_validator("start")
    @classmethod
    def _is_day(cls, given: str) -> str:
        try:
            return date.fromisoformat(given).isoformat()
        except ValueError as error:
            raise ValueError(f"{given!r} is no day; write YYYY-MM-DD") from error

    def check_names(self, fields: Collection[str], tags: Collection[str]) -> None:
        """Raise ValueError for names that are labmon's own, or both a tag's and a field's."""
        both = sorted(set(tags) & set(fields))
        if both:
            raise ValueError(f"both tag and field: {', '.join(both)}")
        flags = {f"{name}{FLAG_SUFFIX}" for name in fields}
        own = [name for name in (*tags, *fields) if name in {TIME, *flags} or name.startswith("_")]
        if own:
            raise ValueError(f"{', '.join(sorted(own))}: such names are labmon's own; choose another")

    @field_validator("measurement")
    @classmethod
    def _is_free(cls, given: str) -> str:
        if given.startswith("labmon_"):
            raise ValueError(f"{given!r}: names that begin with labmon_ are labmon's own; choose another")
        return given

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the source is, for people to read; without secrets."""

    @property
    def absent(self) -> tuple[str, str] | None:
        """What is not there yet on this machine, and need not be: the setting that names it, and words."""
        return None

    @property
    def step(self) -> int | None:
        """The time between rows (ns), if it is known."""
        return nanoseconds(self.interval) if self.interval else None

    @property
    def first_day(self) -> date:
        """The first day there is."""
        return date.fromisoformat(self.start)

    @property
    def first_instant(self) -> int:
        """The first instant believed (UTC ns)."""
        return int(datetime.combine(self.first_day, datetime.min.time(), UTC).timestamp()) * 10**9

    def version_of(self, reader: str, *where: str) -> str:
        """Give a version that changes with every setting that changes rows, and with the ``reader``.

        ``where``: settings that only say where the source is.
        """
        said = self.model_dump_json(exclude=_NOT_IN_ROWS | set(where))
        return hashlib.blake2b(f"{reader} {said}".encode(), digest_size=6).hexdigest()
