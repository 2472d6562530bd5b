"""Lands some days of one-minute rows with 40 columns, and prints the most memory that took (KiB)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from labmon_dagster.landing import Delivery, Landing, Recipe, time_boxed
from labmon_dagster.model import DAY, SECOND, Batch, Field, Mark, Measurement, Readings
from labmon_dagster.quality import FieldRules, Spike
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.landing.rows import ASSET, LATER, NAME, START, delivery
from labmon_dagster_tests.peak import peak_kib

WIDE = Measurement(NAME, ("site",), tuple(Field(f"x{n}") for n in range(40)))
RECIPE = Recipe(rules={"x0": FieldRules(spike=Spike(suspect=9, within="2min"))})
MINUTE = 60 * SECOND
SIZE = 10_000  # rows of a batch: as many as 4 MiB of such a file hold


def batches(days: int) -> Iterator[Batch]:
    random = np.random.default_rng(1)
    total = days * DAY // MINUTE
    for first in range(0, total, SIZE):
        count = min(SIZE, total - first)
        place = np.arange(first, first + count)
        columns = [
            pa.array(START + place * MINUTE).cast(pa.timestamp("ns", tz="UTC")),
            pa.repeat(pa.scalar("tower"), count),
            *(pa.array(random.random(count)) for _ in WIDE.fields),
            pa.array(place),
            pa.array(place),
        ]
        rows = pa.RecordBatch.from_arrays(columns, schema=WIDE.schema)
        yield Batch(WIDE, rows, "f", Mark(first + count))


def main(folder: str, days: int) -> None:
    delivered: Delivery = delivery(0, days - 1, RECIPE)
    store = SqliteStore(Path(folder) / f"{days}.db")
    readings = time_boxed(Readings(batches(days)), 600, ASSET)
    ledger = Landing(store, delivered, LATER + 400 * DAY).land(readings)
    assert all(row.in_store == 1440 and row.proven for row in ledger.values())
    print(peak_kib())  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
