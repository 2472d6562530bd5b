"""What the YAML of every component says alike: the key of its asset, the first day, owners, patience."""

from __future__ import annotations

import hashlib
import re
from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeAlias

import dagster as dg
from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from labmon_dagster.components.base import FeedComponent
from labmon_dagster.components.feed import Feed
from labmon_dagster.quality import nanoseconds

_OWNER = re.compile(r"team:[A-Za-z0-9_]+|[^@\s:]+@[^@\s]+\.[^@\s]+")
# What these say does not change a row.
_NOT_IN_ROWS = {"description", "owners", "patience", "interval", "store"}


def _duration(given: str) -> str:
    nanoseconds(given)
    return given


Duration: TypeAlias = Annotated[str, AfterValidator(_duration)]
"""A length of time in YAML: 5s, 30min, 1h."""
AssetKey: TypeAlias = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_]+(/[A-Za-z0-9_]+)+$", description="experiment/table")
]
StoreName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", description="name of the store")]


class Described(dg.Model, dg.Resolvable):
    """An asset, whose it is, and its first day."""

    asset: AssetKey
    start: Annotated[str, BeforeValidator(str), Field(description="first day, YYYY-MM-DD")]
    description: str = ""
    owners: list[str] = []

    @field_validator("start")
    @classmethod
    def _is_day(cls, given: str) -> str:
        try:
            return date.fromisoformat(given).isoformat()
        except ValueError as error:
            raise ValueError(f"{given!r} is no day; write YYYY-MM-DD") from error

    @field_validator("owners")
    @classmethod
    def _are_owners(cls, given: list[str]) -> list[str]:
        for one in given:
            if not _OWNER.fullmatch(one):
                raise ValueError(f"{one!r} is no owner: write team:NAME, or an email address")
        return given

    @property
    def first_day(self) -> date:
        """The first day there is."""
        return date.fromisoformat(self.start)

    @property
    def first_instant(self) -> int:
        """The first instant believed (UTC ns)."""
        return int(datetime.combine(self.first_day, datetime.min.time(), UTC).timestamp()) * 10**9


class AssetComponent(FeedComponent, Described):
    """A component with one source, read day by day."""

    patience: Annotated[float, Field(gt=0, description="seconds the source may be silent while read")] = 300.0

    @abstractmethod
    def feed(self) -> Feed:
        """The source, how its rows are treated, and the asset they become."""

    def feeds(self) -> list[Feed]:
        """Every feed it gives: that one, and what is made of the same source besides."""
        return [self.feed()]

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the source is, for people to read; without secrets."""

    @property
    def absent(self) -> tuple[str, str] | None:
        """What is not there yet on this machine, and need not be: the setting that names it, and words."""
        return None

    def version_of(self, reader: str, *where: str, within: Mapping[str, Any] | None = None) -> str:
        """Give a version that changes with every setting that changes rows, and with the ``reader``.

        ``where``: settings that only say where the source is; ``within``: parts of settings that do so.
        """
        aside = {**dict.fromkeys(_NOT_IN_ROWS | set(where), True), **(within or {})}
        said = self.model_dump_json(exclude=aside)
        return hashlib.blake2b(f"{reader} {said}".encode(), digest_size=6).hexdigest()
