"""Which datapoints of an archive are read, and the tags each of its IDs has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise

import polars as pl

from labmon_dagster.model import ORDER, SourceError
from labmon_dagster.sources.wincc_archive.spec import Table
from labmon_dagster.sources.wincc_archive.statements import DPID, DPNAME


@dataclass(frozen=True, slots=True)
class Datapoints:
    """The datapoints of one table.

    ``series``: DPID, DPNAME, ``_order`` (which of the name's IDs it is, from 0 by size) and the tags of
    those that are read. ``ids``: all DPIDs there are. ``untagged``: datapoints that are named but match no
    tag rule. ``absent``: patterns that fit no datapoint of the archive.
    """

    series: pl.DataFrame
    ids: pl.Series
    untagged: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    def check_known(self, ids: pl.Series) -> None:
        """Raise SourceError for an ID that was not there when the names were read."""
        unknown = ids.unique().filter(~ids.unique().is_in(self.ids.implode()))
        if len(unknown):
            raise SourceError(
                f"DPID {unknown[0]} got its name while rows were read; the next read takes it in"
            )

    @property
    def tags_by_name(self) -> dict[str, dict[str, str]]:
        """Datapoint → its tags, in the order of the names."""
        rows = self.series.drop(DPID, ORDER).unique(DPNAME).sort(DPNAME).iter_rows(named=True)
        return {row.pop(DPNAME): row for row in rows}


def chosen(names: pl.DataFrame, table: Table, tags: Sequence[str]) -> Datapoints:
    """Choose among all ``names`` (DPID, DPNAME) of an archive. ``tags``: the columns to give.

    Raises SourceError where an ID has two names that are read.
    """
    listed = names.select(DPID, DPNAME).drop_nulls().iter_rows()
    named = sorted({(number, name) for number, name in listed if table.takes(name)})
    _refuse_two_names(named)
    tagged = {name: table.tags_of(name) for name in sorted({name for _, name in named})}
    series = {name: found for name, found in tagged.items() if found is not None}
    rows = [(number, name, *_texts(series[name], tags)) for number, name in named if name in series]
    schema = {DPID: pl.Int64, DPNAME: pl.String, **dict.fromkeys(tags, pl.String)}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return Datapoints(
        frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).over(DPNAME).alias(ORDER)),
        names[DPID].cast(pl.Int64).unique(),
        tuple(name for name, found in tagged.items() if found is None),
        tuple(_absent(table, [name for _, name in named])),
    )


def _texts(found: Mapping[str, str], tags: Sequence[str]) -> list[str]:
    return [found.get(tag, "") for tag in tags]


def refuse_twins(tables: Iterable[Datapoints]) -> None:
    """Raise SourceError where two datapoints of some tables have the same tags."""
    seen: dict[tuple[str, ...], str] = {}
    for name, found in (item for table in tables for item in table.tags_by_name.items()):
        other = seen.setdefault(tuple(found.values()), name)
        if other != name:
            told = ", ".join(f"{tag}={text}" for tag, text in found.items() if text)
            raise SourceError(
                f"datapoints {other} and {name} both have the tags {told}: they would be one series"
            )


def _refuse_two_names(named: Sequence[tuple[int, str]]) -> None:
    for (number, name), (next_number, other) in pairwise(named):
        if number == next_number:
            raise SourceError(f"DPID {number} has two names that are read: {name} and {other}")


def _absent(table: Table, names: Iterable[str]) -> list[str]:
    listed = list(names)
    return [one for one in table.datapoints if not any(fnmatchcase(name, one) for name in listed)]
