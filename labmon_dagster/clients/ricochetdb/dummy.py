"""An emulated iMACRT module in a thread of its own."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address
from socket import gethostbyname
from threading import Event, Thread
from typing import TYPE_CHECKING

from labmon_dagster.sources.imacrt.options import LOCAL_PORT

if TYPE_CHECKING:
    from labmon_dagster.sources.emulation.server import Served

_LOOK_UP = 0.05  # s between two looks at whether to stop
_MODULES = ("MMR3", "MGC3")


class DummyImacrtServer(Thread):
    """Class emulating an IMacRT UDP server for test purpose.

    ``m``: MMR3 or MGC3. ``p`` 0 takes any free port; ``port`` is its number once `start` has returned. At its
    own port (12000 + the last octet of ``ip_address``) it answers to port 12000 of who asks, as modules do;
    at any other it answers to where the question came from. The thread does not keep the process alive.
    """

    def __init__(self, m: str = "MMR3", ip_address: str = "127.0.0.1", p: int = 12001) -> None:
        if m not in _MODULES:
            raise RuntimeError(f"module {m!r}; allowed: {', '.join(_MODULES)}")
        super().__init__(name=f"{m} at {ip_address}:{p}", daemon=True)
        self.port = p
        self._module, self._host = m, ip_address
        self._ready, self._stopping = Event(), Event()
        self._error: Exception | None = None

    def start(self) -> None:
        """Start; returns when it is on the wire. Raises RuntimeError if it cannot have its port."""
        super().start()
        self._ready.wait()
        self._check()

    def run(self) -> None:
        """Answer until stopped."""
        asyncio.run(self._serve())
        if not self.is_alive():  # called as it is: nobody waits in `start`
            self._check()

    def stop(self) -> None:
        """Be gone from the wire; returns when the port is free."""
        self._stopping.set()
        if self.is_alive():
            self.join()

    def _check(self) -> None:
        if self._error is not None:
            why = getattr(self._error, "strerror", None) or self._error
            raise RuntimeError(f"UDP port {self.port} at {self._host} cannot be had: {why}") from self._error

    async def _serve(self) -> None:
        try:
            served = self._served()
            await served.start()
            self.port = served.port
        except Exception as error:  # whoever waits in `start` is told
            self._error = error
            return
        finally:
            self._ready.set()
        while not self._stopping.is_set():
            await asyncio.sleep(_LOOK_UP)
        await served.stop()

    def _served(self) -> Served:
        """Give what is served. Raises OSError for a host that is not known."""
        from labmon_dagster.running.instruments import EMULATED
        from labmon_dagster.sources.emulation.server import Served

        own = LOCAL_PORT + IPv4Address(gethostbyname(self._host)).packed[-1]
        instrument = EMULATED[self._module.lower()].instrument(0)
        reply_port = LOCAL_PORT if self.port == own else 0
        return Served(instrument, self._host, self.port, reply_port=reply_port)
