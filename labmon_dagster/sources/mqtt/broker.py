"""A broker as the collector hears it: a session that lasts, over one connection after another."""

from __future__ import annotations

import asyncio
import time

from labmon_dagster.model.devices import DeviceError, DeviceSettings, Heard, Unasked
from labmon_dagster.sources.mqtt.connection import Connection
from labmon_dagster.sources.mqtt.options import options_of
from labmon_dagster.sources.mqtt.words import NOT_KEPT

_STEPS = 3  # a connection, TLS, the answer to CONNECT and SUBSCRIBE: each may take the time-out
_LEAVING = 2.0  # s
_SOON = 10.0  # s; what ends so soon has perhaps been thrown out


class Broker:
    """The messages of the topics that the YAML names, each confirmed when ``unasked`` has it on disk."""

    def __init__(self, settings: DeviceSettings, unasked: Unasked) -> None:
        self.remark = ""
        self._settings, self._unasked = settings, unasked
        self._client_id = options_of(settings).client_id
        self._connection: Connection | None = None
        self._since = 0.0
        self._known = False

    async def open(self) -> None:
        """Connect and subscribe. Raises DeviceError that says what the broker, or TLS, has against it."""
        await self.close()
        self._connection = connection = Connection(self._settings, self._unasked)
        connection.start()
        patience = _STEPS * self._settings.timeout
        try:
            async with asyncio.timeout(patience):
                session, told = await asyncio.wrap_future(connection.opened)
        except TimeoutError:
            raise await self._failed(f"no answer within {patience:g} s") from None
        except DeviceError as error:
            raise await self._failed(str(error)) from None
        self._since = time.monotonic()
        self.remark = "; ".join(filter(None, [self._session_lost(session), told]))
        self._known = True

    async def lost(self) -> None:
        """Wait until the connection ends. Raises DeviceError that says why."""
        if self._connection is None:
            raise DeviceError(f"{self._settings.address}: not connected")
        why = await asyncio.shield(asyncio.wrap_future(self._connection.over))
        lasted = time.monotonic() - self._since
        if lasted < _SOON and not why.startswith(NOT_KEPT):
            why += f" after {lasted:.1f} s; does another program use client_id {self._client_id!r} too?"
        raise DeviceError(f"{self._settings.address}: {why}")

    async def poll(self) -> Heard:
        """Say that a broker is not polled: DeviceError."""
        raise DeviceError(f"{self._settings.address}: a broker is listened to, and says nothing when asked")

    async def close(self) -> None:
        """Confirm what is on its way to the disk, and disconnect; the session stays with the broker."""
        connection, self._connection = self._connection, None
        if connection is None or connection.gone.done():
            return
        connection.leave()
        try:
            async with asyncio.timeout(_LEAVING):
                await asyncio.shield(asyncio.wrap_future(connection.gone))
        except TimeoutError:
            connection.end("it was left")

    async def _failed(self, why: str) -> DeviceError:
        if self._connection is not None:
            self._connection.end(why)
        await self.close()
        return DeviceError(f"{self._settings.address}: {why}")

    def _session_lost(self, session: bool) -> str:
        """Say what a session that the broker does not know means."""
        if session:
            return ""
        told = f"the broker knew no session {self._client_id!r}"
        if self._known:
            return f"{told} any more: what was published meanwhile is missing"
        return f"{told}: nothing from before comes, as at a first start"
