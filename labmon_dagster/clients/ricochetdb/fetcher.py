"""Asks the devices of a lab at once, and brings what they said to the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from threading import RLock
from typing import Any

from labmon_dagster.clients.ricochetdb import local_file
from labmon_dagster.clients.ricochetdb.asking import Answer, ask
from labmon_dagster.clients.ricochetdb.database import Database
from labmon_dagster.clients.ricochetdb.devices import DEVICES, Device
from labmon_dagster.clients.ricochetdb.loop import wait_for
from labmon_dagster.clients.ricochetdb.mapping import DEFAULT, Mappings
from labmon_dagster.collector.database import offset_of

_LOG = logging.getLogger(__name__)
CATEGORIES = {
    "MMR3": "imacrt",
    "MGC3": "imacrt",
    "CRYO": "cryostat",
    "JSON-CRYO": "cryostat",
    "CMCPA": "compressor",
    "JSON-CMCPA": "compressor",
    "CPX200": "supply",
    "MP710508": "supply",
    "JSON-SCALE": "scale",
}
"""What `DataFetcher.fetch` knows each type of device by."""


class DataFetcher:
    """Retrieve data from different datasources and upload them to the database.

    ``data`` holds what was fetched and is neither uploaded nor in a file yet. ``mapping_file``: see
    docs/ricochetdb.md.
    """

    def __init__(self, mapping_file: str = DEFAULT) -> None:
        self.data: list[dict[str, Any]] = []
        self._devices: list[Device] = []
        self._mappings = Mappings.read(mapping_file)
        self._moving = RLock()

    def add_datasource(
        self, device_type: str, device_ip_address: str, file_location: str = "/www/device.htm"
    ) -> None:
        """Adds a datasource to be queried by the DataFetcher.

        ``device_type``: a key of `CATEGORIES`. ``file_location``: ``udp``, ``http``, or the path of a page
        (see `Device`). Raises RuntimeError that says what is allowed.
        """
        if device_type not in DEVICES:
            raise RuntimeError(f"device_type {device_type!r}; allowed: {', '.join(DEVICES)}")
        device = DEVICES[device_type](device_ip_address, file_location, CATEGORIES[device_type])
        is_page = device.settings.address.scheme in {"http", "https"}
        device.names = self._mappings.names(device_type, device_ip_address, is_page)
        _ = device.settings  # the names are checked with it
        self._devices.append(device)

    def fetch(self, data_type: str = "imacrt") -> None:
        """Query the registered datasources of a category at once, and store the results.

        ``data_type``: imacrt (MMR3, MGC3), cryostat (CRYO, JSON-CRYO), compressor (CMCPA, JSON-CMCPA), supply
        (CPX200, MP710508) or scale (JSON-SCALE). The UTC timestamp is the time of receipt by the clock of the
        database server. A silent device is in the log, and its quantities are ``missing`` in its record.
        Raises RuntimeError if no database is configured, or no device answered.
        """
        asked = [device.settings for device in self._devices if device.cat == data_type]
        if not asked:
            there = sorted({device.cat for device in self._devices})
            raise RuntimeError(
                f"no datasource of {data_type!r} was added; added: {', '.join(there) or 'none'}"
            )
        ahead = _ahead()

        async def all_at_once() -> list[Answer]:
            return await asyncio.gather(*map(ask, asked))

        answers = wait_for(all_at_once())
        _refuse_silence(answers)
        self.data += [_identified(one, ahead) for one in answers]

    def upload(self, collection: str) -> None:
        """Uploads the data to the configured database; they are kept here until it has acknowledged them."""
        with self._moving:
            sent = list(self.data)
            Database.get_database().upload(sent, collection)
            del self.data[: len(sent)]

    def move_to_file(self, file_name: str) -> None:
        """Move the data to a local JSON file; they are kept here until the disk has them.

        If there is such a file they are added to it. Raises RuntimeError that names it, if it holds something
        else or cannot be written.
        """
        with self._moving:
            moved = list(self.data)
            local_file.add(Path(file_name), moved)
            del self.data[: len(moved)]

    def append_from_file(self, file_name: str) -> None:
        """Append the data of a JSON file, which stays as it is. Raises RuntimeError that names it."""
        self.data += local_file.read(Path(file_name))


def _ahead() -> int:
    """Give by how much the clock of the database server is ahead of ours (ns).

    Our own clock counts where the server is away: what devices say now they say only once.
    """
    database = Database.get_database()
    try:
        return offset_of(lambda: round(database.get_db_timestamp().timestamp() * 1000) * 1_000_000) or 0
    except RuntimeError as error:
        if not database.is_configured():
            raise
        _LOG.warning("the time is that of this computer: %s", error)
        return 0


def _refuse_silence(answers: Sequence[Answer]) -> None:
    if any(one.said.values or one.said.details for one in answers):
        return
    told = (f"{one.settings.address}: {next(iter(one.said.missing.values()), '')}" for one in answers)
    raise RuntimeError(f"no device answered: {'; '.join(told)}")


def _identified(answer: Answer, ahead: int) -> dict[str, Any]:
    """Give a record with an ``_id``: so it is stored once, also if it is sent again, or comes from a file."""
    settings = answer.settings
    return {"_id": f"{settings.type}/{settings.name}/{answer.received}", **answer.record(ahead)}
