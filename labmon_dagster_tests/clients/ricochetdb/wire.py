"""Emulated devices on the wire, as programs name them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from labmon_dagster.model.devices import Address
from labmon_dagster.sources.emulation.faults import Behaviour
from labmon_dagster_tests.sources.on_the_wire import on_the_wire


@contextmanager
def emulated(*names: str, behaviour: Behaviour | None = None) -> Iterator[list[str]]:
    """Serve devices; gives ``host:port`` of each."""
    with on_the_wire(*names, behaviour=behaviour) as addresses:
        yield [f"{one.host}:{one.port}" for one in map(Address.parse, addresses)]


def nobody() -> str:
    """A place where nobody answers, neither over UDP nor over TCP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"
