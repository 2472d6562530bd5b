"""Asks one device at its interval. Each has a task of its own: one that hangs delays no other."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import Future
from typing import Any

from labmon_dagster.collector.health import DeviceHealth
from labmon_dagster.collector.scribe import Scribe
from labmon_dagster.collector.station import Station, legible
from labmon_dagster.journal import Entry
from labmon_dagster.model import SECOND
from labmon_dagster.model.devices import Connected, DeviceError, Heard, SwitchingError

_LOG = logging.getLogger(__name__)
_LONGEST_POLL = 60.0
_OPEN_AGAIN = 1.0
_LONGEST_PAUSE = 30.0
_LASTING = 60.0  # s; a connection that ends sooner is taken up again as slowly as one that was refused
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

    def _unasked(self, heard: Heard) -> Future[Entry] | None:
        """Keep what was said unasked; a device that has a connection calls it in a thread of its own."""
        self.health.unasked += 1
        if not heard.trouble and self.station.poll is None:
            self.health.succeeded(heard.received, 0.0)
        return self._scribe.keep(self.station, heard, self.health)

    async def _listen(self) -> None:
        """Open the device so that it is heard; again and again until it opens, and when its connection ends.

        The pause is doubled each time; two programs that throw each other out meet seldom.
        """
        pause = _OPEN_AGAIN
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                await self._open()
                self._opened()
                await self._stopped_or_lost()
            except (DeviceError, OSError) as error:
                self._failed(str(error), began)
            except Exception as error:  # a fault in one kind of device must not end the watch over the others
                _LOG.exception("%s", self.station.name)
                self._failed(f"{type(error).__name__}: {error}", began)
            if time.monotonic() - began > _LASTING:
                pause = _OPEN_AGAIN
            await self._stopped_within(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _open(self) -> None:
        """Open the device, unless it would send again and again what the journal does not take."""
        refusing = self._scribe.refusing(self.station.asset)
        if refusing and self.station.kind.confirmed:
            raise DeviceError(f"not connected while its messages cannot be journalled: {refusing}")
        await self._device.open()

    def _opened(self) -> None:
        """Note that it is heard from now on, however long it says nothing, and what it has to remark."""
        if not isinstance(self._device, Connected):
            return
        self._recovered()
        self.health.errors_in_row = 0
        self.health.connections += 1
        if remark := self._device.remark:
            _LOG.warning("%s: %s", self.station.name, legible(remark))
            self.health.last_error, self.health.last_error_at = legible(remark), time.time_ns()

    async def _stopped_or_lost(self) -> None:
        """Wait for the request to stop. Raises DeviceError if the device is heard no more."""
        waiting: set[asyncio.Task[Any]] = {asyncio.create_task(self._stopping.wait())}
        if isinstance(self._device, Connected):
            waiting.add(asyncio.create_task(self._device.lost()))
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in waiting:
                task.cancel()

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
