"""An MP710508 as it is asked: from the port of ours that its answers go to, one question at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

from labmon_dagster.model.devices import DeviceSettings, Heard, Unasked
from labmon_dagster.sources.multicomp.options import Options
from labmon_dagster.sources.multicomp.queries import NAME, checked_query, queries
from labmon_dagster.sources.wire.peer import Peer
from labmon_dagster.sources.wire.round import Manner, Marker, Round
from labmon_dagster.sources.wire.udp import numeric, shared

PORT = 18_190


@dataclass
class Supply:
    """A power supply. Its answers are believed when they come to the port they are expected at."""

    settings: DeviceSettings
    unasked: Unasked
    _peer: Peer | None = field(default=None, init=False)

    async def open(self) -> None:
        """Take the port. Raises DeviceError if it cannot be had, or the host is not known."""
        await self._ready()

    async def poll(self) -> Heard:
        """Ask everything once. Raises DeviceError if it says nothing at all."""
        peer = await self._ready()
        options = Options.of(self.settings)
        model = options.model.upper().encode()
        marker = Marker(checked_query(NAME), lambda answer: answer.strip().upper().startswith(model))
        manner = Manner(b"\n", self.settings.timeout, options.pause, options.grace)
        return await Round(peer, marker, manner).ask(queries(options))

    async def close(self) -> None:
        """Leave the port."""
        if self._peer is not None:
            self._peer.leave()
            self._peer = None

    async def _ready(self) -> Peer:
        if self._peer is None:
            address = self.settings.address
            port = address.port or PORT
            host = await numeric(address.host, self.settings.timeout)
            local = Options.of(self.settings).local_port
            ours = shared(port if local is None else local)
            self._peer = ours.join(host, port, self.unasked, lambda payload: False)
        return self._peer
