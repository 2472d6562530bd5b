"""A module as labmon asks it, and hears what it says unasked."""

from __future__ import annotations

import re
from collections.abc import Callable

from labmon_dagster.model.devices import DeviceError, DeviceSettings, Heard, Unasked
from labmon_dagster.sources.imacrt.options import device_port, options_of
from labmon_dagster.sources.imacrt.pushes import is_push
from labmon_dagster.sources.imacrt.quantities import Table
from labmon_dagster.sources.imacrt.queries import checked_query
from labmon_dagster.sources.wire import exchange
from labmon_dagster.sources.wire.peer import Peer
from labmon_dagster.sources.wire.round import Manner, Marker, Round
from labmon_dagster.sources.wire.udp import UdpPort, numeric, shared


class Module:
    """One iMACRT module. Questions that it was silent to are asked last the next time."""

    def __init__(self, table: Table, settings: DeviceSettings, unasked: Unasked) -> None:
        options = options_of(settings, table)
        self._settings = settings
        self._unasked = unasked
        self._local_port = options.local_port
        self._queries = options.queries(table)
        self._marker = Marker(checked_query(options.identify), _is_name(table))
        self._manner = Manner(options.manner_end, settings.timeout, options.pause, options.grace)
        self._port: UdpPort | None = None
        self._peer: Peer | None = None
        self._silent: list[str] = []
        self._moved = False

    async def open(self) -> None:
        """Take the local port, and hear what the module says. Raises DeviceError."""
        await self._joined()

    async def poll(self) -> Heard:
        """Ask for everything once. Raises DeviceError if nothing at all was heard."""
        try:
            peer = await self._joined()
            heard = await Round(peer, self._marker, self._manner).ask(self._in_order())
        except DeviceError:
            self._moved = True
            raise
        silent = [one.asked for one in exchange.parse(heard.payload) if one.error is not None]
        self._silent = silent[1:] + silent[:1]
        return heard

    async def close(self) -> None:
        """Give up the port."""
        peer, self._peer, self._port = self._peer, None, None
        if peer is not None:
            peer.leave()

    def _in_order(self) -> list[str]:
        return [query for query in self._queries if query not in self._silent] + self._silent

    async def _joined(self) -> Peer:
        """Give the place at the port; after an error the name of a host may mean another address."""
        if self._peer is not None and not self._moved:
            return self._peer
        host = await numeric(self._settings.address.host, self._settings.timeout)
        to = (host, device_port(self._settings, host))
        if self._peer is None or self._peer.to != to:
            port = self._port or shared(self._local_port)
            old, self._peer = self._peer, port.join(*to, self._unasked, is_push)
            self._port = port
            if old is not None:
                old.leave()
        self._moved = False
        return self._peer


def _is_name(table: Table) -> Callable[[bytes], bool]:
    pattern = re.compile(table.prefix.encode() + rb"[ -~]{1,60}[\s\0]{0,4}")
    return lambda answer: pattern.fullmatch(answer) is not None
