"""The word `LoggerNetTable` in a defs.yaml: a Campbell Scientific table, from the logger PC's files."""

from __future__ import annotations

from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from labmon_dagster import settings
from labmon_dagster.components.feed import Feed
from labmon_dagster.components.overwritten import Overwritten
from labmon_dagster.components.table import TableComponent, as_wanted, check_names
from labmon_dagster.journal import Journal
from labmon_dagster.landing import Recipe
from labmon_dagster.model import Field as ValueField
from labmon_dagster.model import FieldType, Source
from labmon_dagster.model.stamps import Zone
from labmon_dagster.quality import check_tags
from labmon_dagster.sources.loggernet.files import TableFiles
from labmon_dagster.sources.loggernet.folder import Folder
from labmon_dagster.sources.loggernet.snapshots import TableSnapshots
from labmon_dagster.sources.loggernet.spec import Column, TableSpec

READER = "2"
_LABELS = ("station", "model", "serial", "os", "program", "signature", "table")
_NUMERIC = {FieldType.FLOAT, FieldType.INTEGER}


class FieldEntry(BaseModel):
    """A field of the measurement: the column of the file it comes from (its own name if not given)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    column: str = ""
    type: FieldType = FieldType.FLOAT
    unit: str | None = None
    description: str = ""


class TagColumn(BaseModel):
    """A tag whose text is in a column of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    column: str


class LoggerNetTable(TableComponent):
    """A table of a Campbell Scientific logger, as LoggerNet writes it to files (TOA5, or without header)."""

    directory: Annotated[str, Field(description="folder or fsspec URL; relative paths lie under LABMON_HOME")]
    files: Annotated[
        list[str], Field(min_length=1, description="patterns; LoggerNet's backups are found beside them")
    ]
    zone: Annotated[str, Field(description="zone of the logger's clock: UTC-05:00 or America/Detroit")]
    mode: Literal["append", "create-new", "overwrite"] = "append"
    header: Literal["toa5", "none"] = "toa5"
    names: Annotated[list[str], Field(description="columns of a file without header")] = []
    stamp: str = "TIMESTAMP"
    record: str = "RECORD"
    encoding: Literal["utf-8", "latin-1"] = "utf-8"
    tags: dict[str, str | TagColumn] = {}
    fields: dict[str, FieldEntry] = {}
    drop: Annotated[list[str], Field(description="columns that are not stored")] = []
    unlisted: Annotated[Literal["keep", "drop"], Field(description="columns named nowhere")] = "keep"
    computed: Annotated[dict[str, str], Field(description="field: expression over other fields")] = {}

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, given: str) -> str:
        Zone(given)
        return given

    @field_validator("fields", mode="before")
    @classmethod
    def _bare_fields(cls, given: Any) -> Any:
        return (
            {name: {} if entry is None else entry for name, entry in given.items()}
            if isinstance(given, dict)
            else given
        )

    @field_validator("tags")
    @classmethod
    def _known_labels(cls, given: dict[str, str | TagColumn]) -> dict[str, str | TagColumn]:
        for tag, text in given.items():
            if isinstance(text, str):
                unknown = {name for _, name, _, _ in Formatter().parse(text) if name} - set(_LABELS)
                if unknown:
                    raise ValueError(
                        f"tag {tag}: unknown {{{', '.join(unknown)}}}; allowed: {', '.join(_LABELS)}"
                    )
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> LoggerNetTable:
        if (self.header == "none") != bool(self.names):
            raise ValueError(
                "`names` goes with `header: none`, and only with it: it names the columns of the file"
            )
        self._check_columns()
        self._check_computed()
        self._check_rules()
        return self

    def _check_columns(self) -> None:
        tagged = [tag.column for tag in self.tags.values() if isinstance(tag, TagColumn)]
        used = [*(entry.column or name for name, entry in self.fields.items()), *tagged, *self.drop]
        twice = sorted({name for name in used if used.count(name) > 1})
        if twice:
            raise ValueError(f"columns used more than once: {', '.join(twice)}")
        unknown = sorted(set(used) - set(self.names)) if self.names else []
        if unknown:
            raise ValueError(
                f"columns not in `names`: {', '.join(unknown)}; there are {', '.join(self.names)}"
            )
        check_names([*self.fields, *self.computed], self.tags)

    def _check_computed(self) -> None:
        for name, expression in self.computed.items():
            if name in self.fields:
                raise ValueError(f"computed {name}: there is a field of that name")
            try:
                needed = set(pl.sql_expr(expression).meta.root_names())
            except pl.exceptions.PolarsError as error:
                raise ValueError(f"computed {name}: {expression!r} is no expression: {error}") from error
            missing = ", ".join(sorted(needed - self._numbers()))
            if missing:
                raise ValueError(
                    f"computed {name}: no number field {missing}; allowed: {_list(self._numbers())}"
                )

    def _check_rules(self) -> None:
        allowed = self._numbers() | set(self.computed)
        for name in self.quality:
            if name in self.fields and name not in allowed:
                raise ValueError(
                    f"quality {name}: rules are for numbers, and this is {self.fields[name].type}"
                )
            if name not in allowed:
                raise ValueError(f"quality {name}: no such field; allowed: {_list(allowed)}")
        check_tags(self.quality, self.tags)

    def _numbers(self) -> set[str]:
        return {name for name, entry in self.fields.items() if entry.type in _NUMERIC}

    @property
    def columns(self) -> dict[str, Column]:
        """What becomes of the columns named in the YAML (those to drop aside)."""
        found = {
            entry.column or name: Column(name, "field", _declared(entry), entry.unit, entry.description)
            for name, entry in self.fields.items()
        }
        found |= {
            tag.column: Column(name, "tag") for name, tag in self.tags.items() if isinstance(tag, TagColumn)
        }
        return found

    @property
    def place(self) -> str:
        """The folder and the patterns."""
        return f"{self.directory}/{', '.join(self.files)}"

    @property
    def absent(self) -> tuple[str, str] | None:
        """The folder, where it is a local one and not there."""
        folder = settings.lab_folder(self.directory)
        there = "://" in folder or Path(folder).is_dir()
        return None if there else ("directory", f"there is no folder {folder} yet")

    def feed(self) -> Feed:
        """The table as a feed."""
        listed = tuple(ValueField(n, e.type, e.unit or "", e.description) for n, e in self.fields.items())
        source, fields = as_wanted(self._source(), listed, self.bin)
        return Feed(
            asset=self.asset,
            measurement=self.measurement,
            source=source,
            start=self.first_day,
            version=self.version_of(READER, "directory", "files"),
            store=self.store,
            recipe=Recipe(self.computed, self.quality),
            interval=self.step,
            look=self._overwritten().look if self.mode == "overwrite" else None,
            patience=self.patience,
            fields=fields,
            tags={tag: text if isinstance(text, str) else "" for tag, text in self.tags.items()},
            description=self.description,
            owners=tuple(self.owners),
            kinds=("loggernet", "csv"),
        )

    def _spec(self) -> TableSpec:
        return TableSpec(
            measurement=self.measurement,
            zone=Zone(self.zone),
            start=self.first_instant,
            columns={**self.columns, **{name: Column(name, "drop") for name in self.drop}},
            tags={tag: text for tag, text in self.tags.items() if isinstance(text, str)},
            unlisted=self.unlisted,
            header=self.header,
            names=tuple(self.names),
            stamp=self.stamp,
            record=self.record,
            encoding=self.encoding,
        )

    def _folder(self) -> Folder:
        return Folder(settings.lab_folder(self.directory), tuple(self.files))

    def _overwritten(self) -> Overwritten:
        return Overwritten(self._folder(), Journal(settings.journal_root(), self.asset))

    def _source(self) -> Source:
        files = TableFiles(self._folder(), self._spec())
        if self.mode != "overwrite":
            return files
        overwritten = self._overwritten()
        return TableSnapshots(self._spec(), overwritten.landed, overwritten.waiting, files)


def _declared(entry: FieldEntry) -> FieldType | None:
    return entry.type if "type" in entry.model_fields_set else None


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none is declared"
