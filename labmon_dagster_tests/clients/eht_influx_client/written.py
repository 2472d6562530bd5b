"""What a call of write() would put into the log."""

from __future__ import annotations

from typing import Any

from labmon_dagster.clients.eht_influx_client.body import Body
from labmon_dagster.clients.eht_influx_client.options import Options
from labmon_dagster.clients.eht_influx_client.records import add_record

NOW = 1_617_672_549_204_824_064
"""2021-04-06T01:29:09.204824064Z, the seed's time stamp."""


def body(record: Any, precision: str = "ns", tags: dict[str, str] | None = None, **keywords: Any) -> Body:
    """The body of a call at `NOW`."""
    found = Body(NOW)
    add_record(found, record, Options.of(precision, tags or {}, keywords))
    return found


def lines(
    record: Any, precision: str = "ns", tags: dict[str, str] | None = None, **keywords: Any
) -> list[str]:
    """The lines of a call at `NOW`."""
    return body(record, precision, tags, **keywords).data().decode().splitlines()
