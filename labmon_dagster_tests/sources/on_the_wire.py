"""Emulated devices on the wire beside a test that has no event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from labmon_dagster.running.instruments import EMULATED
from labmon_dagster.sources.emulation.faults import Behaviour
from labmon_dagster.sources.emulation.server import Served


@contextmanager
def on_the_wire(*names: str, behaviour: Behaviour | None = None) -> Iterator[list[str]]:
    """Serve devices in a thread, and give their addresses."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    served = [Served(EMULATED[name].instrument(1), behaviour=behaviour or Behaviour()) for name in names]
    try:
        for one in served:
            asyncio.run_coroutine_threadsafe(one.start(), loop).result(10)
        yield [EMULATED[name].address("127.0.0.1", one.port) for name, one in zip(names, served, strict=True)]
    finally:
        for one in served:
            asyncio.run_coroutine_threadsafe(one.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
