"""An emulated MP710508 with four loads: it answers queries, and does nothing that it is told to do.

Nothing of this is shared with the reader.
"""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Callable, Mapping

from labmon_dagster.model.devices import Value
from labmon_dagster.sources.emulation.instrument import Reply, Wire

_ASKED = re.compile(rb"([A-Z]+)([1-4])\?")
_IDENTITY = b"MP710508 V1.1 SN:00002338"
_LOADS = {1: (12.0, 8.1), 2: (5.0, 3.3), 3: (3.3, 47.0), 4: (24.0, 19.5)}  # V set, ohm
_LIMITS = {1: 2.0, 2: 2.0, 3: 1.0, 4: 1.0}  # A set; channel 4 runs into it
_IDLE_VOLTAGE = 0.004


class PowerSupply:
    """Four channels: on since the start, drifting a little, tripped now and then for half a minute.

    ``alarm``: the over-voltage protection of channel 1 has tripped, its output is off. The measured voltage
    of channel 1 carries the number of the poll; the answer that carries it is numbered.
    """

    wire = Wire.UDP

    def __init__(self, seed: int = 0, clock: Callable[[], float] = time.time) -> None:
        self.seed = seed
        self.clock = clock
        self.alarm = False
        self._serial = 0

    def cut(self, buffer: bytes) -> tuple[list[bytes], bytes]:
        """Cut at line ends; over UDP a datagram is a request."""
        *lines, rest = buffer.split(b"\n")
        return [line + b"\n" for line in lines], rest

    def reply(self, request: bytes) -> Reply | None:
        """Answer a query that ends in a newline; silence for all else, and nothing is ever set."""
        query = request.removesuffix(b"\n")
        if query == request:
            return None
        if query == b"*IDN?":
            return Reply(_IDENTITY)
        if query == b"STATUS?":
            return Reply(bytes([self.status(self.clock())]))
        asked = _ASKED.fullmatch(query)
        return self._of_channel(asked[1].decode(), int(asked[2])) if asked else None

    def status(self, now: float) -> int:
        """Give the status: bits 0 to 3 are set where voltage is regulated, bits 4 to 7 where it is on."""
        bits = 0
        for channel in _LOADS:
            bits |= (not self._limited(channel)) << (channel - 1)
            bits |= self._on(channel, now) << (channel + 3)
        return bits

    def half(self, payload: bytes) -> bytes:
        """Cut such that no number is left: a sign and nothing behind it; nothing at all of a status."""
        return b"" if len(payload) == 1 else b"-." if payload[:1].isdigit() else payload[:4]

    def too_long(self, payload: bytes) -> bytes:
        """Say it twice over."""
        return payload + b";" + payload

    def _of_channel(self, word: str, channel: int) -> Reply | None:
        voltage, _ = _LOADS[channel]
        fixed = {
            "VSET": f"{voltage:.3f}",
            "ISET": f"{_LIMITS[channel]:.3f}",
            "OVPSET": f"{voltage * 1.1:.3f}",
            "OCPSET": f"{_LIMITS[channel] * 1.2:.3f}",
            "OVP": "1",
            "OCP": "0",
        }
        if word in fixed:
            return Reply(fixed[word].encode())
        if word == "VOUT" and channel == 1:
            serial, self._serial = self._serial, self._serial + 1
            return Reply(f"{self._voltage(1):.3f}{serial % 100_000:05d}".encode(), serial)
        measured = {"VOUT": self._voltage, "IOUT": self._current}.get(word)
        return Reply(f"{measured(channel):.4f}".encode()) if measured else None

    def _voltage(self, channel: int) -> float:
        now = self.clock()
        if not self._on(channel, now):
            return _IDLE_VOLTAGE
        voltage, load = _LOADS[channel]
        drift = 1 + 2e-4 * math.sin(now / 1700.0 + channel) + self._noise(channel, now)
        return min(voltage, _LIMITS[channel] * load) * drift

    def _current(self, channel: int) -> float:
        return self._voltage(channel) / _LOADS[channel][1] if self._on(channel, self.clock()) else 0.0

    def _limited(self, channel: int) -> bool:
        voltage, load = _LOADS[channel]
        return voltage / load > _LIMITS[channel]

    def _on(self, channel: int, now: float) -> bool:
        if channel == 1 and self.alarm:
            return False
        half_minute = int(now // 30)
        return random.Random(f"{self.seed}:{channel}:{half_minute}").random() > 0.001  # noqa: S311 - no secret

    def _noise(self, channel: int, now: float) -> float:
        return random.Random(f"{self.seed}:{channel}:n{int(now)}").gauss(0.0, 5e-5)  # noqa: S311 - no secret


def serial_in(values: Mapping[str, Value]) -> int | None:
    """Give the serial of the poll these values are of: behind the third decimal of ``voltage_1``."""
    found = values.get("voltage_1")
    return round(found * 100_000_000) % 100_000 if isinstance(found, float) else None
