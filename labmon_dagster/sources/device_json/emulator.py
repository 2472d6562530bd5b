"""Emulated devices that give JSON: a dilution refrigerator, a compressor, a scale.

Nobody publishes what the real ones give: this is our own. Nothing of it is shared with the reader.
"""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from labmon_dagster.model.devices import Value
from labmon_dagster.sources.emulation.http import (
    HttpInstrument,
    cooling,
    noise,
    numbered,
    serial_of,
    tripped,
)

_CARRIERS = {"mixing_chamber_temperature": 4, "coolant_in_temperature": 2, "mass": 3}


class _Json(HttpInstrument):
    """A page of one JSON object."""

    path = "/json"
    content_type = "application/json"

    @abstractmethod
    def told(self, now: float, serial: int) -> dict[str, Any]:
        """Give the object at that time (s since 1970), without the time."""

    def body(self, now: float, serial: int) -> bytes:
        """Give the page."""
        stamp = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
        return json.dumps({"time": stamp} | self.told(now, serial), indent=1).encode()


class CryostatEmulator(_Json):
    """A dilution refrigerator that cools down within hours. ``alarm``: the turbo pump has stopped.

    The temperature of the mixing chamber carries the number of the page.
    """

    def told(self, now: float, serial: int) -> dict[str, Any]:
        """Give temperatures, pressures, and what runs."""
        failed = self.alarm or tripped(now, self.seed)
        temperatures = self._temperatures(now, serial)
        pressures = self._pressures(now, 35.0 if failed else 1.0)
        others = {
            "STILL POWER": 0.0125,
            "FLOW": 0.0 if failed else round(4.8e-4 * (1 + noise(self.seed, now, "flow", 5e-3)), 8),
            "PULSE TUBE": True,
            "TURBO": not failed,
            "STATE": "warming up" if failed else "circulating",
            "ALARM": "turbo pump stopped" if failed else "none",
        }
        units = dict.fromkeys(temperatures, "K") | dict.fromkeys(pressures, "mbar")
        units |= {"STILL POWER": "W", "FLOW": "mol/s"}
        return {"device": "CRYO", "values": temperatures | pressures | others, "units": units}

    def _temperatures(self, now: float, serial: int) -> dict[str, float]:
        mixing = cooling(now, self.seed, 293.0, 0.011)
        found = {"MIXING CHAMB_Conv": float(numbered(mixing, 4, serial))}
        for name, cold in (("COLD PLATE", 0.11), ("STILL", 0.86), ("4K STAGE", 3.9), ("50K STAGE", 46.0)):
            kelvin = cooling(now, self.seed, 293.0, cold) * (1 + noise(self.seed, now, name, 1e-3))
            found[f"{name}_Conv"] = round(kelvin, 4)
        return found

    def _pressures(self, now: float, rise: float) -> dict[str, float]:
        usual = {"P1": 510.0, "P2": 0.31 * rise, "P3": 480.0, "P4": 72.0, "OVC": 3.2e-6}
        return {
            name: float(f"{mbar * (1 + noise(self.seed, now, name, 4e-3)):.4e}")
            for name, mbar in usual.items()
        }


class CompressorEmulator(_Json):
    """A helium compressor that trips now and then. ``alarm``: its coolant is too hot, it has stopped.

    The temperature of the coolant at the inlet carries the number of the page.
    """

    def told(self, now: float, serial: int) -> dict[str, Any]:
        """Give readings with their units, and the state."""
        stopped = self.alarm or tripped(now, self.seed)
        low, high = (220.0, 220.4) if stopped else (95.0, 318.0)
        high += noise(self.seed, now, "high", 0.6)
        low += noise(self.seed, now, "low", 0.4)
        inlet = 16.0 + math.sin(now / 7200.0) + (25.0 if self.alarm else 0.0)
        celsius = {"coolant_in": float(numbered(inlet, 2, serial))} | self._warmed(now, inlet, stopped)
        psi = {
            "low": low,
            "low_average": low,
            "high": high,
            "high_average": high,
            "delta_average": high - low,
        }
        readings = {f"{name}_temperature": _reading(value, "degC") for name, value in celsius.items()}
        readings |= {_pressure(name): _reading(round(value, 3), "psi") for name, value in psi.items()}
        return {"device": "CMCPA"} | readings | self._state(now, stopped)

    def _warmed(self, now: float, inlet: float, stopped: bool) -> dict[str, float]:
        rise = (
            {"coolant_out": 0.2, "oil": 0.5, "helium": 0.8}
            if stopped
            else {"coolant_out": 9.0, "oil": 21.0, "helium": 52.0}
        )
        return {name: round(inlet + by + noise(self.seed, now, name, 0.05), 3) for name, by in rise.items()}

    def _state(self, now: float, stopped: bool) -> dict[str, Any]:
        return {
            "motor_current": _reading(
                0.2 if stopped else round(21.5 + noise(self.seed, now, "I", 0.1), 3), "A"
            ),
            "hours_of_operation": _reading(round(now / 3600.0 % 100_000.0, 1), "h"),
            "operating_state": "error" if stopped else "running",
            "compressor_running": not stopped,
            "warnings": "",
            "alarms": "coolant in temperature high" if self.alarm else "",
            "model": "CPA1114",
            "software_revision": "2.154",
        }


class ScaleEmulator(_Json):
    """A scale under a dewar that loses its nitrogen and is filled once a day. ``alarm``: too much is on it.

    The mass carries the number of the page.
    """

    def told(self, now: float, serial: int) -> dict[str, Any]:
        """Give the mass."""
        filled = (now + self.seed * 911.0) % 86_400.0
        mass = 38.0 + 42.0 * math.exp(-filled / 60_000.0) + (40.0 if self.alarm else 0.0)
        return {
            "device": "scale",
            "mass": _reading(float(numbered(mass, 3, serial)), "kg"),
            "tare": _reading(31.2, "kg"),
            "stable": filled > 120.0 and not self.alarm,
            "overload": self.alarm,
        }


def serial_in(values: Mapping[str, Value]) -> int | None:
    """Give the serial of the page these values are of; None where none of them carries one."""
    for name, decimals in _CARRIERS.items():
        found = values.get(name)
        if isinstance(found, float):
            return serial_of(found, decimals)
    return None


def _reading(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit}


def _pressure(name: str) -> str:
    side, _, average = name.partition("_")
    return f"{side}_pressure" + (f"_{average}" if average else "")
