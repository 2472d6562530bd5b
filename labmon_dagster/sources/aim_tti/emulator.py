"""Emulates an Aim-TTi CPX200DP on TCP, for tests and for trying labmon out; nobody can switch it.

``V1O?`` has seven decimals where a real supply has two: the last five are the number of the reply.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from labmon_dagster.model.devices import Value
from labmon_dagster.sources.emulation.instrument import Reply, Wire

_DAY = 86_400.0
_TRIPPED = 600.0
_NUMBERS = 100_000


@dataclass(frozen=True)
class Output:
    """One output at one moment: V, A, on or off, LSR."""

    set_voltage: float
    limit: float
    voltage: float
    current: float
    on: bool
    status: int


class CPX200Emulator:
    """A supply whose first output heats something and trips now and then, and whose second feeds a logic.

    The state is a pure function of time and seed. It serves one client: others wait until that one leaves.
    """

    wire = Wire.TCP_SINGLE

    def __init__(self, seed: int = 0, clock: Callable[[], float] = time.time) -> None:
        self.seed = seed
        self.clock = clock
        self.alarm = False
        self._serial = 0

    def cut(self, buffer: bytes) -> tuple[list[bytes], bytes]:
        """Cut into lines."""
        *lines, rest = buffer.split(b"\n")
        return lines, rest

    def reply(self, request: bytes) -> Reply | None:
        """Answer a query by one line; anything else is ignored."""
        query = request.decode("latin-1").strip()
        if query == "V1O?":
            self._serial = self._serial % (_NUMBERS - 1) + 1
            text = f"{self._output(1).voltage:.2f}{self._serial:05d}V"
            return Reply(text.encode() + b"\r\n", self._serial)
        text = self._answers().get(query, "")
        return Reply(text.encode() + b"\r\n") if text else None

    def half(self, payload: bytes) -> bytes:
        """Give the first half, without an end of line."""
        return payload[: len(payload) // 2]

    def too_long(self, payload: bytes) -> bytes:
        """Give a line with NUL bytes before its end."""
        return payload[:-2] + b"\0\0\0\0" + payload[-2:]

    def _answers(self) -> dict[str, str]:
        answers = {
            "*IDN?": f"THURLBY THANDAR, CPX200DP, {400_000 + self.seed}, 2.00-4.20",
            "CONFIG?": "2",
        }
        for number in (1, 2):
            answers |= self._of_output(number)
        return answers

    def _of_output(self, n: int) -> dict[str, str]:
        it = self._output(n)
        return {
            f"V{n}?": f"V{n} {it.set_voltage:.2f}",
            f"I{n}?": f"I{n} {it.limit:.3f}",
            f"V{n}O?": f"{it.voltage:.2f}V",
            f"I{n}O?": f"{it.current:.3f}A",
            f"OP{n}?": str(int(it.on)),
            f"OVP{n}?": f"VP{n} 66.0",
            f"OCP{n}?": f"CP{n} 10.00",
            f"LSR{n}?": str(it.status),
        }

    def _output(self, n: int) -> Output:
        now = self.clock()
        noise = random.Random(f"{self.seed}:{n}:{now:.1f}")  # noqa: S311 - no secret
        if n == 2:
            return Output(5.0, 1.0, 5.0, 0.62 + noise.gauss(0, 0.002), True, 1)
        phase = (now + random.Random(self.seed).uniform(0, 2 * _DAY)) % (2 * _DAY)  # noqa: S311
        if self.alarm or phase < _TRIPPED:
            return Output(12.5, 3.0, -0.01, 0.0, False, 4 if self.alarm else 8)
        load = 1.8 + 0.4 * math.sin(2 * math.pi * now / _DAY) + noise.gauss(0, 0.004)
        return Output(12.5, 3.0, 12.5, load, True, 1)


def serial_in(values: Mapping[str, Value]) -> int | None:
    """Find the number of the reply to ``V1O?`` in the values of a poll; 1 to 99,999, then round again."""
    voltage = values.get("output_1_voltage")
    return None if voltage is None else round(abs(float(voltage)) * 1e7) % _NUMBERS
