"""A device's place at a UDP port of ours, and its polls from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from labmon_dagster.model.devices import DeviceError, DeviceSettings, Heard, Unasked
from labmon_dagster.sources.wire.peer import Joined, Peer
from labmon_dagster.sources.wire.round import Manner, Marker, Round
from labmon_dagster.sources.wire.udp import numeric, shared

PortOf: TypeAlias = Callable[[int], Joined]
"""Gives the port of ours that has a number (0: any free one). Raises DeviceError if it cannot be had."""


@dataclass
class Place:
    """Where a device is asked from. Its host is looked up again after any poll that did not go well.

    ``port_of``: the device's port at a host (numeric). ``local_port``: ours, None for the device's own
    number. ``is_push`` tells messages that are never answers. ``port`` gives the port of ours of a number.
    """

    settings: DeviceSettings
    unasked: Unasked
    port_of: Callable[[str], int]
    local_port: int | None
    is_push: Callable[[bytes], bool]
    port: PortOf = shared
    _port: Joined | None = field(default=None, init=False)
    _peer: Peer | None = field(default=None, init=False)
    _doubtful: bool = field(default=False, init=False)

    async def ask(self, marker: Marker, manner: Manner, queries: Sequence[str]) -> Heard:
        """Ask a round of questions. Raises DeviceError if nothing at all was heard."""
        good = False
        try:
            peer = await self.taken()
            heard = await self._round(Round(peer, marker, manner), queries)
            good = not heard.trouble
        finally:
            self._doubtful = not good
        return heard

    async def taken(self) -> Peer:
        """Take the place; after trouble the name of the host may mean another address.

        Raises DeviceError if the port cannot be had or, at first, the host is not known.
        """
        if self._peer is not None and not self._doubtful:
            return self._peer
        try:
            host = await numeric(self.settings.address.host, self.settings.timeout)
        except DeviceError:
            if self._peer is None:
                raise
            return self._peer  # the name server is away, and the device may be where it was
        to = (host, self.port_of(host))
        if self._peer is None or self._peer.to != to:
            self._peer = self._moved(*to)
        self._doubtful = False
        return self._peer

    def leave(self) -> None:
        """Give the place up."""
        peer, self._peer, self._port = self._peer, None, None
        if peer is not None:
            peer.leave()

    def _moved(self, host: str, number: int) -> Peer:
        port = self._port or self.port(number if self.local_port is None else self.local_port)
        new = port.join(host, number, self.unasked, self.is_push)
        self._port = port
        if self._peer is not None:
            self._peer.leave()
        return new

    async def _round(self, asking: Round, queries: Sequence[str]) -> Heard:
        try:
            return await asking.ask(queries)
        except DeviceError as error:
            told = str(error)
            if not told.startswith("udp://"):
                told = f"{self.settings.address}: {told}"
            raise DeviceError(told) from error
