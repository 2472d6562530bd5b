"""The names of eht_influx_client, for programs that change only the line of their import.

What a program does not use is not loaded. See docs/eht.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from influxdb_client.client.write.point import Point
    from influxdb_client.client.write_api import ASYNCHRONOUS, SYNCHRONOUS, PointSettings, WriteOptions
    from influxdb_client.domain.write_precision import WritePrecision

    from labmon_dagster.clients.eht_influx_client.client import EHTInfluxDBClient
    from labmon_dagster.clients.eht_influx_client.rfc3339 import from_rfc3339, to_rfc3339
    from labmon_dagster.clients.eht_influx_client.timebin import TimeBin
    from labmon_dagster.clients.eht_influx_client.write_api import NotDeliveredError, WriteApi

_MODULES = {
    "ASYNCHRONOUS": "influxdb_client.client.write_api",
    "EHTInfluxDBClient": f"{__name__}.client",
    "NotDeliveredError": f"{__name__}.write_api",
    "Point": "influxdb_client.client.write.point",
    "PointSettings": "influxdb_client.client.write_api",
    "SYNCHRONOUS": "influxdb_client.client.write_api",
    "TimeBin": f"{__name__}.timebin",
    "WriteApi": f"{__name__}.write_api",
    "WriteOptions": "influxdb_client.client.write_api",
    "WritePrecision": "influxdb_client.domain.write_precision",
    "from_rfc3339": f"{__name__}.rfc3339",
    "to_rfc3339": f"{__name__}.rfc3339",
}
__all__ = [
    "ASYNCHRONOUS",
    "SYNCHRONOUS",
    "EHTInfluxDBClient",
    "NotDeliveredError",
    "Point",
    "PointSettings",
    "TimeBin",
    "WriteApi",
    "WriteOptions",
    "WritePrecision",
    "from_rfc3339",
    "to_rfc3339",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
