"""The names of ricochet.monitoring.ricochetdb, for programs that change only the line of their import.

What a program does not use is not loaded. See docs/ricochetdb.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labmon_dagster.clients.ricochetdb.collector import UdpImacrtCollector
    from labmon_dagster.clients.ricochetdb.daq import DaqLogger, UndeliveredError
    from labmon_dagster.clients.ricochetdb.database import Database
    from labmon_dagster.clients.ricochetdb.devices import (
        CMCPADevice,
        CPX200Device,
        CryoConceptDevice,
        Device,
        JSONCMCPADevice,
        JSONCryoConceptDevice,
        JSONScaleDevice,
        MGC3Device,
        MMR3Device,
        MP710508Device,
    )
    from labmon_dagster.clients.ricochetdb.dummy import DummyImacrtServer
    from labmon_dagster.clients.ricochetdb.fetcher import DataFetcher
    from labmon_dagster.clients.ricochetdb.imacrt_udp import query_imacrt_udp, send_udp_message
    from labmon_dagster.clients.ricochetdb.processing import ProcessingDataLoader, ProcessingRecord
    from labmon_dagster.clients.ricochetdb.records import (
        DatedRecordManager,
        DetectorManager,
        RecordManager,
        RunManager,
        StreamManager,
    )
    from labmon_dagster.clients.ricochetdb.values import is_date, is_float, is_int, to_local

__all__ = [
    "CMCPADevice",
    "CPX200Device",
    "CryoConceptDevice",
    "DaqLogger",
    "DataFetcher",
    "Database",
    "DatedRecordManager",
    "DetectorManager",
    "Device",
    "DummyImacrtServer",
    "JSONCMCPADevice",
    "JSONCryoConceptDevice",
    "JSONScaleDevice",
    "MGC3Device",
    "MMR3Device",
    "MP710508Device",
    "ProcessingDataLoader",
    "ProcessingRecord",
    "RecordManager",
    "RunManager",
    "StreamManager",
    "UdpImacrtCollector",
    "UndeliveredError",
    "is_date",
    "is_float",
    "is_int",
    "query_imacrt_udp",
    "send_udp_message",
    "to_local",
]
_MODULES = {
    "DaqLogger": "daq",
    "DataFetcher": "fetcher",
    "Database": "database",
    "DummyImacrtServer": "dummy",
    "UdpImacrtCollector": "collector",
    "UndeliveredError": "daq",
    **dict.fromkeys(("query_imacrt_udp", "send_udp_message"), "imacrt_udp"),
    **dict.fromkeys(("ProcessingDataLoader", "ProcessingRecord"), "processing"),
    **dict.fromkeys(("is_date", "is_float", "is_int", "to_local"), "values"),
}


def __getattr__(name: str) -> Any:
    """Load what is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _MODULES.get(name) or ("records" if name.endswith("Manager") else "devices")
    return getattr(import_module(f"{__name__}.{module}"), name)
