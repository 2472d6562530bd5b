"""The word `WinccArchive` in a defs.yaml: tables of a WinCC OA condition archive, in Oracle or SQLite."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from labmon_dagster import settings
from labmon_dagster.components.asset_component import Duration
from labmon_dagster.components.feed import Feed
from labmon_dagster.components.table import TableComponent, as_wanted, check_names
from labmon_dagster.landing import Recipe
from labmon_dagster.model import SECOND, FieldType, SourceError
from labmon_dagster.model import Field as ValueField
from labmon_dagster.quality import check_tags, nanoseconds
from labmon_dagster.secret import secret
from labmon_dagster.sources.wincc_archive.address import Address
from labmon_dagster.sources.wincc_archive.archive import Archive
from labmon_dagster.sources.wincc_archive.reader import ArchiveReadings
from labmon_dagster.sources.wincc_archive.spec import ArchiveSpec, Table, TagRule
from labmon_dagster.sources.wincc_archive.sqlite import SqliteArchive
from labmon_dagster.sources.wincc_archive.statements import COLUMNS

READER = "1"
_LONGEST_LOOKBACK = 3 * 3600 * SECOND  # until then a day's end is read with the next day
_IDENTIFIER = r"[A-Za-z][A-Za-z0-9_$#]*"


class TagEntry(BaseModel):
    """Tags for the datapoints whose whole name ``match`` fits: its named groups, and what ``set`` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    match: str
    set: dict[str, str] = {}

    @field_validator("match")
    @classmethod
    def _is_expression(cls, given: str) -> str:
        try:
            re.compile(given)
        except re.error as error:
            raise ValueError(f"{given!r} is no regular expression: {error}") from error
        return given

    @model_validator(mode="after")
    def _says_something(self) -> TagEntry:
        groups = re.compile(self.match).groupindex
        both = sorted(set(groups) & set(self.set))
        if both:
            raise ValueError(f"{', '.join(both)}: both a group of `match` and in `set`")
        if not groups and not self.set:
            raise ValueError("no tag is given: name groups, as in (?P<chip>\\d+), or write `set`")
        return self


class TableEntry(BaseModel):
    """A table of one datapoint type: the element column that is read, and of which datapoints.

    ``datapoints`` are whole names, with ``*``, ``?`` and ``[0-5]``; ``order_by`` orders rows of one time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    table: str
    value: str
    order_by: str | None = None
    datapoints: list[str]
    tags: list[TagEntry]

    @field_validator("table", "value", "order_by")
    @classmethod
    def _is_name(cls, given: str | None) -> str | None:
        if given is not None and not re.fullmatch(_IDENTIFIER, given):
            raise ValueError(f"{given!r} is no name in SQL: a letter, then letters, digits, _, $ and #")
        return given

    @field_validator("datapoints", "tags")
    @classmethod
    def _names_some(cls, given: list[Any]) -> list[Any]:
        if not given:
            raise ValueError("the list is empty; name at least one")
        return given


class ValueEntry(BaseModel):
    """The field that holds the values."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = "value"
    unit: str = ""
    description: str = ""


class WinccArchive(TableComponent):
    """Tables of a WinCC OA (PVSS) condition archive: one measurement, a series for each datapoint."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    archive: Annotated[str, Field(description="oracle://USER@HOST:PORT/SERVICE or sqlite:///FILE")]
    password_variable: Annotated[str, Field(description="the environment variable that has the password")]
    schema_name: Annotated[str, Field(pattern=f"^{_IDENTIFIER}$", description="owner of the tables")]
    tables: Annotated[list[TableEntry], Field(min_length=1)]
    field: ValueEntry = ValueEntry()
    lookback: Annotated[Duration, Field(description="how late rows may come and be found at once")] = "1h"

    @field_validator("archive")
    @classmethod
    def _is_address(cls, given: str) -> str:
        Address.parse(given)
        return given

    @field_validator("password_variable")
    @classmethod
    def _is_variable(cls, given: str) -> str:
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", given):
            raise ValueError(
                "this is no name of an environment variable (capitals, digits and _); "
                "the password itself does not belong in the YAML"
            )
        return given

    @field_validator("lookback")
    @classmethod
    def _is_short(cls, given: str) -> str:
        if nanoseconds(given) > _LONGEST_LOOKBACK:
            raise ValueError(f"{given} is too long: at most 3h; the audit and the recount find what is later")
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> WinccArchive:
        names = [table.table for table in self.tables]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"tables named more than once: {', '.join(twice)}")
        tags = self.spec().shape.tags
        check_names([self.field.name], tags)
        own = sorted(COLUMNS & {*tags, self.field.name})
        if own:
            raise ValueError(f"{', '.join(own)}: such names are the archive's own; choose another")
        for name in self.quality:
            if name != self.field.name:
                raise ValueError(f"quality {name}: no such field; allowed: {self.field.name}")
        check_tags(self.quality, tags)
        return self

    def spec(self) -> ArchiveSpec:
        """How the archive is read."""
        tables = tuple(
            Table(
                one.table,
                one.value,
                tuple(one.datapoints),
                tuple(TagRule(rule.match, rule.set) for rule in one.tags),
                one.order_by or "",
            )
            for one in self.tables
        )
        field = ValueField(self.field.name, FieldType.FLOAT, self.field.unit, self.field.description)
        lookback = nanoseconds(self.lookback)
        return ArchiveSpec(self.schema_name, self.measurement, field, tables, self.first_instant, lookback)

    @property
    def place(self) -> str:
        """The database and the tables."""
        return f"{self._archive().shown}: {', '.join(table.table for table in self.tables)}"

    @property
    def absent(self) -> tuple[str, str] | None:
        """The file of an archive in SQLite, where it is not there."""
        archive = self._archive()
        if not isinstance(archive, SqliteArchive) or archive.path.is_file():
            return None
        return "archive", f"there is no file {archive.path} yet"

    def _archive(self) -> Archive:
        address = Address.parse(self.archive)
        return address.archive(self.schema_name, settings.home(), self._password, self.patience)

    def feed(self) -> Feed:
        """The archive as a feed."""
        spec = self.spec()
        source, fields = as_wanted(ArchiveReadings(self._archive(), spec), spec.shape.fields, self.bin)
        return Feed(
            asset=self.asset,
            measurement=self.measurement,
            source=source,
            start=self.first_day,
            version=self.version_of(READER, "archive", "password_variable", "lookback"),
            store=self.store,
            recipe=Recipe(rules=self.quality),
            interval=self.step,
            patience=self.patience,
            fields=fields,
            tags=dict.fromkeys(spec.shape.tags, ""),
            description=self.description,
            owners=tuple(self.owners),
            kinds=(self._archive().dialect.value,),
        )

    def _password(self) -> str:
        found = secret(self.password_variable)
        if found is None:
            raise SourceError(
                f"{self.asset}: the password of the archive is not set; set the variable that "
                "`password_variable` in the YAML names, or the same with _FILE behind it"
            )
        return found
