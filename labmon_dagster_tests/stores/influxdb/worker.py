"""What the processes of `test_concurrency` do."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from labmon_dagster.landing import Landing
from labmon_dagster.model import Field, FieldType, Measurement, Readings
from labmon_dagster.stores import InfluxStore
from labmon_dagster.stores.influxdb import Target
from labmon_dagster_tests.landing.rows import LATER, Row, batch, delivery
from labmon_dagster_tests.stores.frames import frame

ROWS, SIZE = 1_000, 100


def rows(site: str) -> list[Row]:
    """Rows of a site, some of them twice, the second with other values."""
    once = [Row(n * 10, site, float(n), n, place=n) for n in range(ROWS)]
    return once + [row._replace(x=-1.0, place=ROWS + n) for n, row in enumerate(once[::100])]


def land_all(url: str, asset: str, site: str) -> str:
    """Land a site in small batches; '' or what went wrong."""
    found = rows(site)
    batches = [batch(found[n : n + SIZE], n + SIZE) for n in range(0, len(found), SIZE)]
    try:
        with closing(InfluxStore(Target.parse(url))) as store:
            delivered = replace(delivery(), asset=asset)
            (row,) = Landing(store, delivered, LATER).land(Readings(iter(batches))).values()
            return "" if row.proven else row.trouble
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def add_columns(url: str, number: int) -> str:
    """Add measurements, tags and fields that others are just adding too, and some that they are not."""
    try:
        with closing(InfluxStore(Target.parse(url))) as store:
            for turn in range(5):
                own = Field(f"x{number}_{turn}", (FieldType.FLOAT, FieldType.TEXT)[number % 2])
                about = Measurement(f"m{turn}", ("site", f"tag{number}"), (Field("x"), own))
                value = 0.5 if number % 2 == 0 else "text"
                store.write(about, frame(about, [(turn, "a", f"t{number}", 1.5, value)]))
            assert store.settle() == []
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
