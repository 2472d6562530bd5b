"""Asks one device at its interval. Each has a task of its own: one that hangs delays no other."""

from __future__ import annotations

import asyncio
import logging
import time

from labmon_dagster.collector.health import DeviceHealth
from labmon_dagster.collector.scribe import Scribe
from labmon_dagster.collector.station import Station, legible
from labmon_dagster.model import SECOND
from labmon_dagster.model.devices import DeviceError, Heard, SwitchingError

_LOG = logging.getLogger(__name__)
_LONGEST_POLL = 60.0
_OPEN_AGAIN = 5.0
_REMINDER = 720  # errors in a row between two lines in the log about them


class Poller:
    """Asks the device of a station, and hands what it says to the scribe."""

    def __init__(self, station: Station, scribe: Scribe) -> None:
        self.station = station
        self.health = DeviceHealth(
            station.asset,
            station.settings.name,
            station.settings.type,
            str(station.settings.address),
            station.poll,
        )
        self._scribe = scribe
        self._device = station.kind.connect(station.settings, self._unasked)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Poll no more; a poll under way goes on to its end."""
        self._stopping.set()

    async def run(self) -> None:
        """Listen, and poll on the grid of the interval, until stopped."""
        try:
            if self.station.poll is None:
                await self._listen()
            else:
                await self._poll_until_stopped(self.station.poll / SECOND)
        finally:
            await self._device.close()

    async def once(self) -> None:
        """Poll once; the scribe has what was heard."""
        try:
            await self.poll()
        finally:
            await self._device.close()

    async def poll(self) -> None:
        """Ask once, and have what was heard written."""
        began = time.monotonic()
        self.health.polls += 1
        try:
            async with asyncio.timeout(_LONGEST_POLL):
                heard = await self._device.poll()
        except TimeoutError:
            self._failed(f"no end of a poll within {_LONGEST_POLL:g} s", began)
        except (DeviceError, SwitchingError, OSError) as error:
            self._failed(str(error), began)
        except Exception as error:  # a fault in one kind of device must not end the watch over the others
            _LOG.exception("%s", self.station.name)
            self._failed(f"{type(error).__name__}: {error}", began)
        else:
            self._heard(heard, began)

    def _heard(self, heard: Heard, began: float) -> None:
        took = time.monotonic() - began
        if heard.clock is not None:
            self.health.offset = heard.clock - heard.received
        if heard.trouble:
            self.health.troubled += 1
            self._failed(heard.trouble, began)
        else:
            self._recovered()
            self.health.succeeded(heard.received, took)
        self._scribe.keep(self.station, heard, self.health)

    def _unasked(self, heard: Heard) -> None:
        self.health.unasked += 1
        if not heard.trouble and self.station.poll is None:
            self.health.succeeded(heard.received, 0.0)
        self._scribe.keep(self.station, heard, self.health)

    async def _listen(self) -> None:
        """Open the device so that it is heard; try again until it opens."""
        while True:
            try:
                await self._device.open()
                break
            except (DeviceError, OSError) as error:
                self._failed(str(error), time.monotonic())
                if await self._stopped_within(_OPEN_AGAIN):
                    return
        await self._stopping.wait()

    async def _poll_until_stopped(self, interval: float) -> None:
        """Poll at once, then at whole multiples of the interval.

        What a long poll has run over is missed, and counted; the poll at once may run over one.
        """
        due = time.monotonic() - time.time() % interval
        free = 1
        while True:
            if await self._stopped_within(due - time.monotonic()):
                return
            if self._scribe.refusing(self.station.asset):
                self.health.refused += 1
            else:
                await self.poll()
            due += interval
            late = time.monotonic() - due
            if late > 0:
                over = int(late // interval) + 1
                self.health.missed += over - free
                due += over * interval
            free = 0

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                return await self._stopping.wait()
        except TimeoutError:
            return False

    def _failed(self, error: str, began: float) -> None:
        told = legible(error)
        if self.health.errors_in_row % _REMINDER == 0:
            _LOG.warning("%s: %s", self.station.name, told)
        self.health.failed(told, time.time_ns(), time.monotonic() - began)

    def _recovered(self) -> None:
        if self.health.errors_in_row:
            _LOG.warning("%s: answers again after %d errors", self.station.name, self.health.errors_in_row)
