"""Emulated modules MMR3 and MGC3: they answer queries, push messages, and let nobody switch them."""

from __future__ import annotations

import struct
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from labmon_dagster.model.devices import Value
from labmon_dagster.sources.emulation.instrument import Reply, Wire
from labmon_dagster.sources.imacrt import cryostat

_IDENTIFY = (b"*IDN?", b"*IDN")
_SERIALS = 10**9
_COUNTED = 2.0**-40  # of an ohm for each serial in the peak to peak value of a MES1 record
_STEP = 2.0**-8
_FULL = 65  # bytes: no answer of a module is that long


class ImacrtModule(ABC):
    """What both modules have in common. ``end`` stands behind each answer; ``sent`` counts numbered ones.

    A number is written as ``3.650000000E+01``; in the temperature of the board four digits are the value,
    and the nine behind them are the serial.
    """

    wire = Wire.UDP
    command = b""
    board_index = 0
    name = ""

    def __init__(self, seed: int = 0, clock: Callable[[], float] = time.time) -> None:
        self.seed = seed
        self.clock = clock
        self.alarm = False
        self.end = b""
        self.sent = 0

    def cut(self, buffer: bytes) -> tuple[list[bytes], bytes]:
        """Give a datagram as the request that it is."""
        return [buffer], b""

    def reply(self, request: bytes) -> Reply | None:
        """Answer ``*IDN?``, ``*IDN`` and GET of a known index, with a newline behind it or none."""
        query = request.removesuffix(b"\n").removesuffix(b"\r")
        if query in _IDENTIFY:
            return Reply(self.name.encode() + self.end)
        command, _, index = query.partition(b" ")
        if command != self.command or not index.isdigit() or len(index) > 2:
            return None
        return self._get(int(index))

    def half(self, payload: bytes) -> bytes:
        """Cut a number behind its E, a message within its last record or line; of a name a NUL is left."""
        if _is_message(payload):
            return payload[:-31] if payload[1] < 3 else payload[:-3]
        return payload[: payload.find(b"E") + 1] or b"\0"

    def too_long(self, payload: bytes) -> bytes:
        """Say it again and again; a message has half a record, or half a line too much."""
        if _is_message(payload):
            return payload + payload[: min(31, len(payload) // 2)]
        return payload * (_FULL // max(1, len(payload)) + 1)

    def lines(self, now: float) -> Reply:
        """Push the temperatures, and the board's with the serial, as lines ``index;name;value``."""
        serial = self._number()
        told = [*self._temperatures(now), (self.board_index, "board", self._board(now, serial))]
        return Reply(b"".join(f"{index};{name};{text}\n".encode() for index, name, text in told), serial)

    def pushes(self, now: float) -> Reply:
        """Push what such a module pushes of itself."""
        return self.lines(now)

    def _get(self, index: int) -> Reply | None:
        now = self.clock()
        if index == self.board_index:
            serial = self._number()
            return Reply(self._board(now, serial).encode() + self.end, serial)
        text = self._text(index, now)
        return None if text is None else Reply(text.encode() + self.end)

    def _number(self) -> int:
        self.sent += 1
        return self.sent % _SERIALS

    def _board(self, now: float, serial: int) -> str:
        value = cryostat.board(self.seed, now) + (40 if self.alarm else 0)
        return f"{value / 10:.3f}{serial:09d}E+01"

    @abstractmethod
    def _text(self, index: int, now: float) -> str | None:
        """Give the value at an index; None where there is none."""

    @abstractmethod
    def _temperatures(self, now: float) -> list[tuple[int, str, str]]:
        """Give index, name and value of each temperature."""


class MMR3Module(ImacrtModule):
    """A thermometer bridge with three ruthenium oxide thermometers: mixing chamber, still, plate at 4 K."""

    command = b"MMR3GET"
    board_index = 2

    def __init__(self, seed: int = 0, clock: Callable[[], float] = time.time) -> None:
        super().__init__(seed, clock)
        self.name = f"MMR3_01_2_{73 + seed:03d}_v2.2"

    def mes1(self, now: float, records: int = 3) -> Reply:
        """Push a binary message of so many records, channel by channel, all with its serial."""
        serial = self._number()
        made = [
            self._record(now - 0.08 * (records - 1 - place), place % 3, serial) for place in range(records)
        ]
        return Reply(b"".join(made), serial)

    def pushes(self, now: float) -> Reply:
        """Push a binary message of three records."""
        return self.mes1(now)

    def _record(self, now: float, channel: int, serial: int) -> bytes:
        kelvin = self._kelvin(channel, now)
        ohm = cryostat.resistance(channel, kelvin)
        spread = _STEP * round(ohm * 1e-3 / _STEP) + serial % 2**32 * _COUNTED
        seconds, rest = divmod(round(now * 1000), 1000)
        head = struct.pack("<BBHBBIHH", 1, channel, 16, 3, 4, seconds, rest, int(self.alarm))
        return head + struct.pack("<6d", 3.16e-8, 0.012, ohm, 16 * ohm * ohm, spread, kelvin)

    def _text(self, index: int, now: float) -> str | None:
        if index < 3:
            return _number((0.08, 0.012)[index])
        channel, place = divmod(index - 3, 11)
        if channel >= 3:
            return None
        kelvin = self._kelvin(channel, now)
        ohm = cryostat.resistance(channel, kelvin)
        wandering = 2e-6 * cryostat.noise(self.seed, now, 20 + channel)
        told = (ohm, 1e5, kelvin, float(self.alarm), 16, 1, 0, 3, 4, 3.16e-8, wandering)
        return _number(told[place])

    def _kelvin(self, channel: int, now: float) -> float:
        return cryostat.temperature(self.seed, now, channel) + (2.5 if self.alarm else 0.0)

    def _temperatures(self, now: float) -> list[tuple[int, str, str]]:
        return [
            (5 + 11 * channel, f"T{channel + 1}", _number(self._kelvin(channel, now))) for channel in range(3)
        ]


class MGC3Module(ImacrtModule):
    """A heater controller: two loops regulate what an MMR3 measures, the third is off."""

    command = b"MGC3GET"
    _setpoints = (0.05, 0.9, 4.0)

    def __init__(self, seed: int = 0, clock: Callable[[], float] = time.time) -> None:
        super().__init__(seed, clock)
        self.name = f"MGC3_03_1_{41 + seed:03d}_v2.2"
        self.measuring = f"MMR3_01_2_{73 + seed:03d}_v2.2"

    def _text(self, index: int, now: float) -> str | None:
        if index > 45:
            return None
        if index > 36:
            return _number(self._output(index))
        loop, place = divmod(index - 1, 12)
        return self.measuring if place == 10 else _number(self._loop(loop, place, now))

    def _loop(self, loop: int, place: int, now: float) -> float:
        stage = cryostat.STAGES[loop]
        setpoint, on = self._setpoints[loop], loop < 2
        kelvin = cryostat.temperature(self.seed, now, loop) + (2.5 if self.alarm else 0.0)
        power = cryostat.power(self.seed, now, loop, setpoint) if on and not self.alarm else 0.0
        told = (float(on), setpoint, max(kelvin, setpoint) if on else kelvin, 0.02, 0.005, 0.0)
        more = (stage.largest_power, stage.heater, power, float(self.alarm), 0.0, float(loop + 1))
        return (*told, *more)[place]

    def _output(self, index: int) -> float:
        if index < 43:
            return float(self.alarm) if index % 2 == 0 else 0.0
        return (1.25, 0.0, float(self.alarm))[index - 43]

    def _temperatures(self, now: float) -> list[tuple[int, str, str]]:
        return [(3 + 12 * loop, f"T{loop + 1}", _number(self._loop(loop, 2, now))) for loop in range(3)]


def serial_in(values: Mapping[str, Value]) -> int | None:
    """Give the serial of the poll or message that the values are from; None if they have none."""
    board = values.get("board_temperature")
    if isinstance(board, int | float):
        return round(board * 10**11) % _SERIALS
    for channel in (1, 2, 3):
        spread = values.get(f"resistance_peak_to_peak_{channel}")
        if isinstance(spread, int | float):
            return round(spread / _COUNTED) % 2**32
    return None


def _number(value: float) -> str:
    return f"{value:.9E}"


def _is_message(payload: bytes) -> bool:
    return b";" in payload or (len(payload) >= 62 and payload[1] < 3)
