"""One event loop for all that this process asks, in a thread of its own.

So its devices share a port of ours, as the modules of a lab must, whichever thread asks; and a notebook may
have an event loop of its own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}  # by process: a thread does not outlive a fork

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = WeakKeyDictionary()


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Do something in the loop, and give what it gives."""
    doing = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return doing.result()
    except BaseException:  # the caller was interrupted
        doing.cancel()
        raise


def turn(place: str) -> asyncio.Lock:
    """Give the lock of those who ask at one place in this loop: they do so one after the other."""
    turns = _turns.setdefault(asyncio.get_running_loop(), {})
    return turns.setdefault(place, asyncio.Lock())


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        if os.getpid() not in _loops:
            _loops[os.getpid()] = loop = asyncio.new_event_loop()
            loop.call_soon(_serve_names)
            threading.Thread(target=loop.run_forever, name="ricochetdb devices", daemon=True).start()
        return _loops[os.getpid()]


def _serve_names() -> None:
    from labmon_dagster.collector.names import Names

    Names().serve()
