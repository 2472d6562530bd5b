"""An MP710508 as it is asked: from the port of ours that its answers go to, one question at a time."""

from __future__ import annotations

from labmon_dagster.model.devices import DeviceSettings, Heard, Unasked
from labmon_dagster.sources.multicomp.options import Options
from labmon_dagster.sources.multicomp.queries import NAME, checked_query, queries
from labmon_dagster.sources.wire.place import Place
from labmon_dagster.sources.wire.round import Manner, Marker

PORT = 18_190


class Supply:
    """A power supply. Its answers are believed when they come to the port they are expected at."""

    def __init__(self, settings: DeviceSettings, unasked: Unasked) -> None:
        options = Options.of(settings)
        model = options.model.upper().encode()
        port = settings.address.port or PORT
        self._queries = queries(options)
        self._marker = Marker(
            checked_query(NAME), lambda answer: answer.strip().upper().startswith(model), options.model
        )
        self._manner = Manner(b"\n", settings.timeout, options.pause, options.grace)
        self._place = Place(settings, unasked, lambda host: port, options.local_port, lambda payload: False)

    async def open(self) -> None:
        """Take the port. Raises DeviceError if it cannot be had, or the host is not known."""
        await self._place.taken()

    async def poll(self) -> Heard:
        """Ask everything once. Raises DeviceError if it says nothing at all."""
        return await self._place.ask(self._marker, self._manner, self._queries)

    async def close(self) -> None:
        """Leave the port."""
        self._place.leave()
