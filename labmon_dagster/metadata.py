"""What people see of a read in the Dagster UI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import dagster as dg

from labmon_dagster.model import Field, Readings
from labmon_dagster.model.documents import Documents
from labmon_dagster.model.window import instant_text
from labmon_dagster.quality import FLAG_SUFFIX
from labmon_dagster.stores import LedgerRow


def about_day(row: LedgerRow) -> dict[str, dg.MetadataValue]:
    """The ledger's figures of one day."""
    counts = row.counts
    figures = {name: dg.MetadataValue.int(getattr(counts, name)) for name in counts.__slots__}
    times = {"first time": row.first, "last time": row.last}
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(row.in_store),
        **figures,
        **{
            name: dg.MetadataValue.text(instant_text(time))
            for name, time in times.items()
            if time is not None
        },
        "covered": dg.MetadataValue.text(row.covered),
        "proven": dg.MetadataValue.bool(row.proven),
        **({"trouble": dg.MetadataValue.text(row.trouble)} if row.trouble else {}),
    }


def about_source(given: Readings | Documents) -> dict[str, dg.MetadataValue]:
    """What a source tells of itself: files and their headers, datapoints that nobody named, clocks (ms)."""
    return {
        name: _shown(fact)
        for name, fact in given.facts.items()
        if isinstance(fact, float)
        or (isinstance(fact, Sequence | Mapping) and not isinstance(fact, str) and fact)
    }


def _shown(fact: Sequence[object] | Mapping[str, object] | float) -> dg.MetadataValue:
    if isinstance(fact, float):
        return dg.MetadataValue.text(f"{fact:+.1f} ms")
    if isinstance(fact, Mapping):
        return dg.MetadataValue.json(dict(fact))
    if all(isinstance(one, Mapping) for one in fact):
        return dg.MetadataValue.json([dict(one) for one in fact if isinstance(one, Mapping)])
    return dg.MetadataValue.text(", ".join(map(str, fact)))


def column_schema(fields: Iterable[Field], tags: Iterable[str], flagged: Iterable[str]) -> dg.TableSchema:
    """The columns of an asset's table, with units."""
    columns = [dg.TableColumn("time", "timestamp[ns]", "UTC")]
    columns += [dg.TableColumn(tag, "text", "tag") for tag in tags]
    for field in fields:
        about = f"{field.description} [{field.unit}]" if field.unit else field.description
        columns.append(dg.TableColumn(field.name, field.type.value, about.strip() or None))
    columns += [
        dg.TableColumn(f"{name}{FLAG_SUFFIX}", "integer", f"QARTOD flag of {name}") for name in flagged
    ]
    return dg.TableSchema(columns)


def summary(rows: Iterable[LedgerRow]) -> str:
    """One line for the log of a run."""
    listed = list(rows)
    totals = listed[0].counts
    for row in listed[1:]:
        totals += row.counts
    told = ", ".join(f"{getattr(totals, name)} {name}" for name in totals.__slots__)
    return f"{span_of([row.day for row in listed])}: {told}"


def span_of(days: Sequence[date]) -> str:
    """Days in a row in words."""
    return f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"
