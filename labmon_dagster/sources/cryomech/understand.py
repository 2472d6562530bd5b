"""Makes values of a compressor's reply.

Numbers are the device's own float32, given as the float64 that equals it. Floats are stored with their low
word first, each word big-endian (CDAB). Warnings and alarms are bit sums: negative floats in firmware 2.xxx,
positive 32-bit integers (low word first) in 3.xxx besides.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from labmon_dagster.model.devices import DeviceSettings, Heard, Said, Value
from labmon_dagster.sources.cryomech import tables
from labmon_dagster.sources.cryomech.frames import COUNT, FORM, registers
from labmon_dagster.sources.cryomech.quantities import (
    MOTOR_CURRENT,
    OPERATING_HOURS,
    PRESSURES,
    TEMPERATURES,
)

_WARNINGS, _ALARMS = 3, 5
_FLOATS = {
    7: "coolant_in_temperature",
    9: "coolant_out_temperature",
    11: "oil_temperature",
    13: "helium_temperature",
    15: "low_pressure",
    17: "low_pressure_average",
    19: "high_pressure",
    21: "high_pressure_average",
    23: "pressure_difference_average",
    25: MOTOR_CURRENT,
    27: OPERATING_HOURS,
}
_TENTHS = {40 + place: name for place, name in enumerate(_FLOATS.values())}
_HOURS_3, _WARNINGS_3, _ALARMS_3 = 50, 52, 54
_EXACT = 1 << 24  # a float32 holds whole numbers up to here
_LARGEST = 1 << 32


def understand(heard: Heard, settings: DeviceSettings) -> Said:
    """Understand what was heard at a poll. Raises ValueError."""
    if heard.form != FORM:
        raise ValueError(f"{heard.form!r} is no form of what a compressor says, expected {FORM!r}")
    return breakdown(heard.payload)


def breakdown(rawdata: bytes) -> Said:
    """Understand a whole reply (ADU): 115 bytes, or 119 with the registers of firmware 3.xxx.

    Raises ValueError if it is none, with what was expected.
    """
    words = registers(rawdata)
    if len(words) not in COUNT.values():
        raise ValueError(f"{len(words)} registers are there, expected {COUNT['2']} or {COUNT['3']}")
    told = _Told(words)
    told.state()
    told.floats()
    told.maker()
    if len(words) == COUNT["3"]:
        told.firmware_3()
    else:
        told.firmware_2()
    return Said(told.values, told.units, told.missing, told.details)


@dataclass
class _Told:
    """Registers by their number on the panel (1 for 30001), and what is found in them."""

    words: tuple[int, ...]
    values: dict[str, Value] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def state(self) -> None:
        code, running = self.words[0], self.words[1]
        self.values |= {"operating_state_code": code, "running_code": running}
        self.values["running"] = "on" if running else "off"
        self._named("operating_state", code, tables.STATES)

    def floats(self) -> None:
        for number, name in _FLOATS.items():
            value = self._float(number)
            if math.isfinite(value):
                self.values[name] = value
            else:
                self.missing[name] = f"the compressor gave {value}"
        self._named("pressure_unit", self._word(29), tables.PRESSURE_UNITS)
        self._named("temperature_unit", self._word(30), tables.TEMPERATURE_UNITS)
        units = {MOTOR_CURRENT: "A", OPERATING_HOURS: "h"}
        units |= dict.fromkeys(PRESSURES, str(self.values.get("pressure_unit", "")))
        units |= dict.fromkeys(TEMPERATURES, str(self.values.get("temperature_unit", "")))
        self.units = {name: unit for name, unit in units.items() if unit and name in self.values}

    def maker(self) -> None:
        self.values["panel_serial_number"] = self._word(31)
        revision = self._word(33)
        self.values["software_revision"] = f"{revision >> 8}.{revision & 0xFF}"
        try:
            self.values["model"] = tables.model_of(self._word(32))
        except ValueError as error:
            self.missing["model"] = str(error)

    def firmware_2(self) -> None:
        self._bits("warning", lambda: self._bit_sum(_WARNINGS), rounded=True)
        self._bits("alarm", lambda: self._bit_sum(_ALARMS), rounded=True)

    def firmware_3(self) -> None:
        self._bits("warning", lambda: self._long(_WARNINGS_3))
        self._bits("alarm", lambda: self._long(_ALARMS_3))
        tenths = {name: self._word(number) for number, name in _TENTHS.items() if number < _HOURS_3}
        self.details["tenths"] = tenths | {OPERATING_HOURS: self._long(_HOURS_3)}

    def _bits(self, kind: str, read: Callable[[], int], rounded: bool = False) -> None:
        try:
            bits = read()
        except ValueError as error:
            self.missing |= {f"{kind}_bits": str(error), f"{kind}s": str(error)}
            return
        names = tables.names_of(bits)
        if rounded and bits >= _EXACT:
            step = 1 << (bits.bit_length() - _EXACT.bit_length() + 1)
            names.append(f"sum rounded by the compressor to a multiple of {step}")
        self.values |= {f"{kind}_bits": bits, f"{kind}s": "; ".join(names)}
        self.details[f"{kind}_names"] = names

    def _bit_sum(self, number: int) -> int:
        value = self._float(number)
        if not math.isfinite(value) or value != int(value) or abs(value) >= _LARGEST:
            raise ValueError(f"the compressor gave {value} for a sum of bits")
        return abs(int(value))

    def _named(self, name: str, code: int, names: dict[int, str]) -> None:
        if code in names:
            self.values[name] = names[code]
        else:
            self.missing[name] = f"code {code} is none of the known ones ({_listed(names)})"

    def _word(self, number: int) -> int:
        return self.words[number - 1]

    def _long(self, number: int) -> int:
        return self._word(number + 1) << 16 | self._word(number)

    def _float(self, number: int) -> float:
        value: float = struct.unpack(">f", self._long(number).to_bytes(4, "big"))[0]
        return value


def _listed(names: dict[int, str]) -> str:
    return ", ".join(f"{code} {name}" for code, name in names.items())
