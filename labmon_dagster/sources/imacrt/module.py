"""A module as labmon asks it, and hears what it says unasked."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from labmon_dagster.model.devices import DeviceSettings, Heard, Unasked
from labmon_dagster.sources.imacrt.options import device_port, options_of
from labmon_dagster.sources.imacrt.pushes import is_push
from labmon_dagster.sources.imacrt.quantities import Table
from labmon_dagster.sources.imacrt.queries import checked_query
from labmon_dagster.sources.wire import exchange
from labmon_dagster.sources.wire.place import Place, PortOf
from labmon_dagster.sources.wire.round import TOO_LONG, UNCONFIRMED, Manner, Marker
from labmon_dagster.sources.wire.udp import shared


class Module:
    """One iMACRT module. What it was silent to is asked last the next time, what had no turn first.

    ``port`` gives the port of ours of a number.
    """

    def __init__(
        self, table: Table, settings: DeviceSettings, unasked: Unasked, port: PortOf = shared
    ) -> None:
        options = options_of(settings, table)
        self._queries = options.queries(table)
        self._marker = Marker(checked_query(options.identify), is_name(table.prefix), f"an {table.type}")
        self._manner = Manner(options.manner_end, settings.timeout, options.pause, options.grace)
        port_of = partial(device_port, settings)
        self._place = Place(settings, unasked, port_of, options.local_port, is_push, port)
        self._silent: list[str] = []
        self._left_over: list[str] = []

    async def open(self) -> None:
        """Take the local port, and hear what the module says. Raises DeviceError."""
        await self._place.taken()

    async def poll(self) -> Heard:
        """Ask for everything once. Raises DeviceError if nothing at all was heard."""
        heard = await self._place.ask(self._marker, self._manner, self._in_order())
        errors = {one.asked: one.error for one in exchange.parse(heard.payload) if one.error is not None}
        silent = [asked for asked, error in errors.items() if error not in {TOO_LONG, UNCONFIRMED}]
        self._silent = silent[1:] + silent[:1]
        self._left_over = [asked for asked, error in errors.items() if error == TOO_LONG]
        return heard

    async def close(self) -> None:
        """Give up the port."""
        self._place.leave()

    def _in_order(self) -> list[str]:
        told = {*self._left_over, *self._silent}
        others = [query for query in self._queries if query not in told]
        return self._left_over + others + self._silent


def is_name(prefix: str) -> Callable[[bytes], bool]:
    """Give what knows the name of a module that begins so."""
    pattern = re.compile(re.escape(prefix.encode()) + rb"[ -~]{1,60}[\s\0]{0,4}\0*")
    return lambda answer: pattern.fullmatch(answer) is not None
