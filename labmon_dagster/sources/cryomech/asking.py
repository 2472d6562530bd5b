"""Asks a compressor by pymodbus, and keeps the reply as it came on the wire.

pymodbus connects, numbers the queries and decodes; it neither retries nor reconnects here. It shows what
came since the query before it decodes it: so the reply is judged here, and pymodbus sees it only when it is
whole and fits the query.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from itertools import count
from typing import Any

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException, ModbusIOException

from labmon_dagster.model.devices import DeviceError, DeviceSettings, Heard, Unasked
from labmon_dagster.sources.cryomech.frames import FIRST, FORM, checked_query, is_whole
from labmon_dagster.sources.cryomech.options import options_of

PORT = 502
_LARGEST = 1 << 20  # pymodbus drops more than this unseen
_NUMBERS = 65_000  # that pymodbus gives to queries, from 1 on
_numbers = count(random.randrange(_NUMBERS))  # noqa: S311 - no secret  # noqa: S311 - no secret
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # what it would log is told as trouble


class Compressor:
    """A compressor. After anything but a good reply the next poll begins with a new connection."""

    def __init__(self, settings: DeviceSettings, unasked: Unasked) -> None:
        self._settings = settings
        self._unasked = unasked
        self._link: Link | None = None

    async def open(self) -> None:
        """Do nothing: a compressor says nothing unasked."""

    async def poll(self) -> Heard:
        """Read all registers once. Raises DeviceError if nothing was heard."""
        good = False
        try:
            if self._link is None or not self._link.usable:
                self._link = Link(self._settings, self._unasked)
                await self._link.connect()
            heard = await self._link.ask()
            good = not heard.trouble
        finally:
            if not good:
                await self.close()
        return heard

    async def close(self) -> None:
        """Close the connection."""
        if self._link is not None:
            self._link.close()
        self._link = None


class Link:
    """One connection. Only what `checked_query` lets pass is ever sent on it."""

    def __init__(self, settings: DeviceSettings, unasked: Unasked) -> None:
        self._settings = settings
        self._options = options_of(settings)
        self._unasked = unasked
        self._query = self._heard = b""
        self._received = 0
        self._waiting = False
        self._trouble = ""
        self.client = self._client()

    @property
    def usable(self) -> bool:
        """Whether the connection stands."""
        return self.client.connected

    async def connect(self) -> None:
        """Connect. Raises DeviceError."""
        if not await self.client.connect():
            within = f"no connection within {self._settings.timeout:g} s"
            raise DeviceError(f"{self._settings.address}: {self._trouble or within}")

    async def ask(self) -> Heard:
        """Read the registers. Raises DeviceError if nothing was heard."""
        self._heard, self._trouble = b"", ""
        # pymodbus would begin with 1 again on each connection, where a reply of the last may still come
        self.client.ctx.next_tid = next(_numbers) % _NUMBERS
        try:
            await self.client.read_input_registers(
                FIRST, count=self._options.count, device_id=self._options.unit
            )
        except ModbusException:
            self._trouble = self._trouble or self._late()
        finally:
            self._waiting = False
        if not self._heard:
            raise DeviceError(f"{self._settings.address}: {self._trouble}")
        return Heard(self._heard, self._received, FORM, self._trouble)

    def close(self) -> None:
        """Close the connection."""
        self.client.close()

    def _client(self) -> AsyncModbusTcpClient:
        client = AsyncModbusTcpClient(
            self._settings.address.host,
            port=self._settings.address.port or PORT,
            timeout=self._settings.timeout,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._traced,
            trace_connect=self._changed,
        )
        client.ctx.max_buffer_size = _LARGEST
        self._create, client.ctx.call_create = client.ctx.call_create, self._connected
        return client

    async def _connected(self) -> Any:
        """Connect as pymodbus does, and note why it failed: pymodbus tells only that it did."""
        try:
            return await self._create()
        except OSError as error:
            self._trouble = f"no connection: {error.strerror or error}"
            raise
        except ValueError as error:  # a UnicodeError is one
            self._trouble = f"no connection: {error}"
            raise OSError(self._trouble) from error

    def _traced(self, sending: bool, data: bytes) -> bytes:
        if sending:
            self._query, self._waiting = checked_query(data), True
            return data
        self._received = time.time_ns()
        if not self._waiting:
            return self._stray(data)
        self._heard = data
        return data if self._is_reply() else b""

    def _is_reply(self) -> bool:
        try:
            whole = is_whole(self._heard, self._query)
        except ValueError as error:
            self._fail(str(error))
            return False
        self._waiting = not whole
        return whole

    def _stray(self, data: bytes) -> bytes:
        """Keep what came to no query, and begin anew with the next."""
        self._unasked(Heard(data, self._received, FORM, "it came without having been asked for"))
        self.client.close()
        return b""

    def _changed(self, connected: bool) -> None:
        if not connected and self._waiting:
            self._fail(f"the connection was closed by the compressor after {len(self._heard)} bytes")

    def _fail(self, trouble: str) -> None:
        """End the wait for the reply; pymodbus would wait until its time is over."""
        self._trouble, self._waiting = trouble, False
        reply: asyncio.Future[Any] = self.client.ctx.response_future
        if not reply.done():
            reply.set_exception(ModbusIOException(trouble))

    def _late(self) -> str:
        came = f"only {len(self._heard)} bytes of a reply" if self._heard else "no reply"
        return f"{came} within {self._settings.timeout:g} s"
