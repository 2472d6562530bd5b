"""The words a defs.yaml may use. Each builds an asset and its checks out of a source, and nothing more."""

from labmon_dagster.components.cosmic_events import CosmicEvents
from labmon_dagster.components.devices import Devices
from labmon_dagster.components.event_rates import EventRates
from labmon_dagster.components.feed import Feed
from labmon_dagster.components.loggernet_table import LoggerNetTable
from labmon_dagster.components.messages import Messages
from labmon_dagster.components.processing_folder import ProcessingFolder
from labmon_dagster.components.run_pages import RunPages
from labmon_dagster.components.station_log import StationLog
from labmon_dagster.components.stream_temperature import StreamTemperature
from labmon_dagster.components.wincc_archive import WinccArchive

__all__ = [
    "CosmicEvents",
    "Devices",
    "EventRates",
    "Feed",
    "LoggerNetTable",
    "Messages",
    "ProcessingFolder",
    "RunPages",
    "StationLog",
    "StreamTemperature",
    "WinccArchive",
]
