"""Emulated devices with a page: iMACRT modules MMR3 and MGC3, and a dilution refrigerator.

Nobody publishes the pages of the real ones: these are our own. Nothing of this is shared with the reader.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from labmon_dagster.model.devices import Value
from labmon_dagster.sources.emulation.http import (
    HttpInstrument,
    cooling,
    noise,
    numbered,
    serial_of,
    tripped,
)

_CARRIERS = {"resistance_1": 1, "measured_1": 4, "mixing_chamber_temperature": 7}
_PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{title}</title><style>td {{ padding: 2px }}</style></head>
<body><h1>{title}</h1>
<table>
{rows}
</table>
</body></html>
"""
_OHM = "&Omega;"


class _Table(HttpInstrument):
    """A page with one table: name, value, unit."""

    path = "/www/device.htm"
    content_type = "text/html; charset=utf-8"
    title = ""

    @abstractmethod
    def rows(self, now: float, serial: int) -> list[tuple[str, str, str]]:
        """Give the rows at that time (s since 1970)."""

    def body(self, now: float, serial: int) -> bytes:
        """Give the page."""
        rows = (f"<tr><td>{a}</td><td>{b}</td><td>{c}</td></tr>" for a, b, c in self.rows(now, serial))
        return _PAGE.format(title=self.title, rows="\n".join(rows)).encode()


class MMR3PageEmulator(_Table):
    """A thermometer bridge with three channels. ``alarm``: channel 3 is open, it shows no value and status 1.

    The resistance of channel 1 carries the number of the page.
    """

    title = "MMR3"

    def rows(self, now: float, serial: int) -> list[tuple[str, str, str]]:
        """Give board, then each channel."""
        found = [("Board temperature", f"{41 + noise(self.seed, now, 'board', 0.05):.2f}", "°C")]
        for channel, cold in ((1, 0.012), (2, 0.85), (3, 4.1)):
            found += self._channel(channel, cooling(now, self.seed + channel, 293.0, cold), now, serial)
        return found

    def _channel(self, channel: int, kelvin: float, now: float, serial: int) -> list[tuple[str, str, str]]:
        kelvin *= 1 + noise(self.seed, now, f"T{channel}", 2e-4)
        ohm = 1000.0 + 9000.0 / (1.0 + 5.0 * kelvin)
        is_open = self.alarm and channel == 3
        resistance = numbered(ohm, 1, serial) if channel == 1 else f"{ohm:.3f}"
        return [
            (f"Resistance {channel}", "---" if is_open else resistance, _OHM),
            (f"Range {channel}", "4", ""),
            (f"Temperature {channel}", "---" if is_open else f"{kelvin * 1000:.4f}", "mK"),
            (f"Status {channel}", "1" if is_open else "0", ""),
            (f"Averaging points {channel}", "16", ""),
            (f"Excitation current {channel}", "1.0e-08", "A"),
        ]


class MGC3PageEmulator(_Table):
    """A controller with three loops; the third is off. ``alarm``: loop 1 is off with status 2.

    The temperature measured by loop 1 carries the number of the page.
    """

    title = "MGC3"

    def rows(self, now: float, serial: int) -> list[tuple[str, str, str]]:
        """Give board, then each loop."""
        found = [("Board temperature", f"{39 + noise(self.seed, now, 'board', 0.05):.2f}", "°C")]
        for loop, setpoint in ((1, 0.1), (2, 1.2), (3, 4.5)):
            found += self._loop(loop, setpoint, now, serial)
        return found

    def _loop(self, loop: int, setpoint: float, now: float, serial: int) -> list[tuple[str, str, str]]:
        failed = loop == 1 and (self.alarm or tripped(now, self.seed))
        on = loop != 3 and not failed
        kelvin = setpoint * (1 + abs(noise(self.seed, now, f"loop{loop}", 1e-3)))
        return [
            (f"Regulation on {loop}", "1" if on else "0", ""),
            (f"Setpoint {loop}", f"{setpoint:.4f}", "K"),
            (f"Measured {loop}", numbered(kelvin, 4, serial) if loop == 1 else f"{kelvin:.6f}", "K"),
            (f"Proportional {loop}", "0.0100", "W/K"),
            (f"Integral {loop}", "0.0200", "1/s"),
            (f"Derivative {loop}", "0.0", "s"),
            (f"Maximum power {loop}", "0.0010", "W"),
            (f"Heater resistance {loop}", "120.0", _OHM),
            (f"Output power {loop}", f"{kelvin * 210:.3f}" if on else "0.000", "µW"),
            (f"Status {loop}", "2" if failed else "0", ""),
            (f"Measuring module {loop}", "MMR3_01_2_073_v2.2", ""),
            (f"Measuring channel {loop}", f"{loop}", ""),
        ]


class CryostatPageEmulator(_Table):
    """A dilution refrigerator that cools down within hours. ``alarm``: the turbo pump has stopped.

    The temperature of the mixing chamber, in mK, carries the number of the page.
    """

    title = "Cryostat"

    def rows(self, now: float, serial: int) -> list[tuple[str, str, str]]:
        """Give temperatures, pressures, and what runs."""
        failed = self.alarm or tripped(now, self.seed)
        flow = 0.0 if failed else 4.8e-4 * (1 + noise(self.seed, now, "flow", 5e-3))
        return [
            *self._temperatures(now, serial),
            *self._pressures(now, 35.0 if failed else 1.0),
            ("Still power", "12.5", "mW"),
            ("Flow", f"{flow:.4e}", "mol/s"),
            ("Pulse tube", "on", ""),
            ("Turbo pump", "off" if failed else "on", ""),
            ("State", "warming up" if failed else "circulating", ""),
            ("Alarm", "turbo pump stopped" if failed else "none", ""),
        ]

    def _temperatures(self, now: float, serial: int) -> list[tuple[str, str, str]]:
        mixing = cooling(now, self.seed, 293.0, 0.011) * 1000
        found = [("Mixing chamber temperature", numbered(mixing, 4, serial), "mK")]
        for name, cold in (("Cold plate", 0.11), ("Still", 0.86), ("Stage 4 K", 3.9), ("Stage 50 K", 46.0)):
            kelvin = cooling(now, self.seed, 293.0, cold) * (1 + noise(self.seed, now, name, 1e-3))
            found.append((f"{name} temperature", f"{kelvin:.4f}", "K"))
        return found

    def _pressures(self, now: float, rise: float) -> list[tuple[str, str, str]]:
        usual = (
            ("P1", 510.0),
            ("P2", 0.31 * rise),
            ("P3", 480.0),
            ("P4", 72.0),
            ("Insulation vacuum", 3.2e-6),
        )
        return [
            (name, f"{mbar * (1 + noise(self.seed, now, name, 4e-3)):.4e}", "mbar") for name, mbar in usual
        ]


def serial_in(values: Mapping[str, Value]) -> int | None:
    """Give the serial of the page these values are of; None where none of them carries one."""
    for name, decimals in _CARRIERS.items():
        found = values.get(name)
        if isinstance(found, float):
            return serial_of(found, decimals)
    return None
