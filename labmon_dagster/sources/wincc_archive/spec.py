"""What is read of a condition archive: its tables, which of their datapoints, and what these are called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from labmon_dagster.model import Field, Measurement

HOUR = 3600 * 1_000_000_000
NAMES = "DP_NAME2ID"


@dataclass(frozen=True, slots=True)
class TagRule:
    """Tags of the datapoints whose whole name ``match`` fits: its named groups, and the fixed ``tags``."""

    match: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The tags this rule gives."""
        return [*self.tags, *re.compile(self.match).groupindex]

    def tags_of(self, datapoint: str) -> dict[str, str] | None:
        """Give the tags of a datapoint, numbers without leading zeros; None where the rule does not fit."""
        found = re.fullmatch(self.match, datapoint)
        if found is None:
            return None
        groups = found.groupdict(default="")
        return {**self.tags, **{tag: _without_zeros(text) for tag, text in groups.items()}}


def _without_zeros(text: str) -> str:
    return text.lstrip("0") or "0" if text.isascii() and text.isdigit() else text


@dataclass(frozen=True, slots=True)
class Table:
    """A table of one datapoint type.

    ``value`` is the element column that is read, ``datapoints`` are patterns (``*``, ``?``, ``[0-5]``) of
    whole names. Of rows of one time the one with the highest ``order_by`` counts; where the table has no
    such column, that of the highest DPID.
    """

    name: str
    value: str
    datapoints: tuple[str, ...]
    rules: tuple[TagRule, ...]
    order_by: str = ""

    def takes(self, datapoint: str) -> bool:
        """Whether a datapoint is one of those to be read."""
        return any(fnmatchcase(datapoint, pattern) for pattern in self.datapoints)

    def tags_of(self, datapoint: str) -> dict[str, str] | None:
        """Give the tags of a datapoint by the first rule that fits; None where none does."""
        return next((tags for rule in self.rules if (tags := rule.tags_of(datapoint)) is not None), None)


@dataclass(frozen=True, slots=True)
class ArchiveSpec:
    """How to read an archive.

    ``start`` is the first instant believed (UTC ns). Rows that come up to ``lookback`` (ns) late are found
    by the next read; those that come later by reading whole days.
    """

    schema: str
    measurement: str
    field: Field
    tables: tuple[Table, ...]
    start: int
    lookback: int = HOUR

    @property
    def shape(self) -> Measurement:
        """The measurement of all tables together."""
        names = {tag for table in self.tables for rule in table.rules for tag in rule.names}
        return Measurement(self.measurement, tuple(sorted(names)), (self.field,), (self.field.name,))

    def stream(self, table: Table) -> str:
        """Name the stream a table is."""
        return f"{self.schema}.{table.name}"
