"""Emulates a Cryomech compressor on Modbus/TCP, byte by byte, for tests and for trying labmon out.

The low word of the oil temperature is the number of the reply: it is below the half degree of its high word.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Mapping

from labmon_dagster.model.devices import Value
from labmon_dagster.sources.cryomech.simulation import State, state_at
from labmon_dagster.sources.emulation.instrument import Reply, Wire

_NUMBER_AT = 11  # register 30011, the low word of the oil temperature
_SOFTWARE = {"2": 0x029A, "3": 0x0307}


class CompressorEmulator:
    """A CPA1114 with firmware 2.154 or 3.7; it answers to any unit id, and nobody can switch it."""

    wire = Wire.TCP

    def __init__(self, seed: int = 0, clock: Callable[[], float] = time.time, firmware: str = "2") -> None:
        self.seed = seed
        self.clock = clock
        self.firmware = firmware
        self.alarm = False
        self._serial = 0

    def cut(self, buffer: bytes) -> tuple[list[bytes], bytes]:
        """Cut by the length field; what cannot be Modbus is thrown away."""
        requests: list[bytes] = []
        while len(buffer) >= 6:
            protocol, length = struct.unpack_from(">HH", buffer, 2)
            if protocol or not 2 <= length <= 254:
                return requests, b""
            if len(buffer) < 6 + length:
                break
            requests.append(buffer[: 6 + length])
            buffer = buffer[6 + length :]
        return requests, buffer

    def reply(self, request: bytes) -> Reply | None:
        """Answer function 4; any other is refused with exception 1."""
        function = request[7]
        if function != 4 or len(request) != 12:
            return Reply(_framed(request, bytes([function | 0x80, 1 if function != 4 else 3])))
        first, count = struct.unpack(">HH", request[8:])
        words = self._words()
        if not 1 <= count <= 125:
            return Reply(_framed(request, b"\x84\x03"))
        if first < 1 or first + count - 1 > len(words):
            return Reply(_framed(request, b"\x84\x02"))
        return self._numbered(request, first, words[first - 1 : first - 1 + count])

    def half(self, payload: bytes) -> bytes:
        """Give the first half."""
        return payload[: len(payload) // 2]

    def too_long(self, payload: bytes) -> bytes:
        """Give one register more than the byte count says, with a length field that fits."""
        length = int.from_bytes(payload[4:6], "big") + 2
        return payload[:4] + length.to_bytes(2, "big") + payload[6:] + b"\0\0"

    def _numbered(self, request: bytes, first: int, words: list[int]) -> Reply:
        place, serial = _NUMBER_AT - first, None
        if 0 <= place < len(words) - 1:
            self._serial = self._serial % 0xFFFF + 1
            words[place] = serial = self._serial
        data = struct.pack(f">{len(words)}H", *words)
        return Reply(_framed(request, bytes([4, len(data)]) + data), serial)

    def _words(self) -> list[int]:
        state = state_at(self.clock(), self.seed, self.alarm)
        words = [state.operating, state.running]
        for value in (-float(state.warnings), -float(state.alarms), *state.floats):
            words += _float(value)
        words += [0, 0, 10_556, 0x0418, _SOFTWARE[self.firmware], 0x0475]
        words += [0] * (39 - len(words))
        return words + (_integers(state) if self.firmware == "3" else [0] * 14)


def serial_in(values: Mapping[str, Value]) -> int | None:
    """Find the number of the reply in its values; numbers 1 to 65,535 come round again."""
    oil = values.get("oil_temperature")
    return None if oil is None else int.from_bytes(struct.pack("<f", float(oil))[:2], "little")


def _framed(request: bytes, pdu: bytes) -> bytes:
    return request[:4] + struct.pack(">HB", len(pdu) + 1, request[6]) + pdu


def _float(value: float) -> list[int]:
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    return [low, high]


def _long(value: int) -> list[int]:
    return [value & 0xFFFF, value >> 16]


def _integers(state: State) -> list[int]:
    tenths = [round(value * 10) & 0xFFFF for value in state.floats[:10]]
    return tenths + _long(round(state.floats[10] * 10)) + _long(state.warnings) + _long(state.alarms)
