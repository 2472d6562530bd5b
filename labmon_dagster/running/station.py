"""A simulated EHT station: its programs write into the station log, as real ones do, once a second.

What it writes follows from the time alone. It makes no past up: it begins when it is started.
"""

from __future__ import annotations

import math
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from labmon_dagster.clients.eht_influx_client import EHTInfluxDBClient
from labmon_dagster.model import SECOND

NAME = "KP"
_WEATHER_EVERY, _SCAN = 10, 300  # s


@dataclass
class SimulatedStation:
    """The station ``name``: the clocks every second, the receiver too, weather every ten seconds."""

    name: str = NAME
    seed: int = 0
    _client: EHTInfluxDBClient = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._client = EHTInfluxDBClient(deliver="dagster")

    def catch_up(self, until: float) -> int:
        """Write what is due at ``until`` (s since 1970). Gives the number of points."""
        second = int(until)
        points = [self._clock(second), self._receiver(second)]
        if second % _WEATHER_EVERY == 0:
            points.append(self._weather(second))
        self._client.write_api().write(record=points)
        return len(points)

    def run(self, stop: threading.Event) -> None:
        """Go on until ``stop`` is set."""
        written = int(time.time())
        while not stop.wait(1 - time.time() % 1):
            now = int(time.time())
            for second in range(written + 1, now + 1):
                self.catch_up(second)
            written = now
        self._client.close()

    def _clock(self, second: int) -> dict[str, Any]:
        """How far the maser's pulse a second is from GPS (ns), and how the maser is."""
        drift = 40 * math.sin(second / 20_000)
        fields = {
            "pps_offset": round(drift + self._chance(second).gauss(0, 4)),
            "maser_locked": True,
            "maser_temperature": round(25 + 0.2 * math.sin(second / 3000), 3),
        }
        return self._point("pps", second, fields)

    def _receiver(self, second: int) -> dict[str, Any]:
        """System temperature (K), and which source is looked at, a new one every five minutes."""
        source = ("M87", "3C279", "SGRA", "OJ287")[second // _SCAN % 4]
        noise = self._chance(second + 1).gauss(0, 0.6)
        fields = {"tsys": round(88 + 6 * math.cos(second / 1800) + noise, 2), "source": source}
        return self._point("receiver", second, fields)

    def _weather(self, second: int) -> dict[str, Any]:
        """Air temperature (degC), relative humidity (%), wind (m/s), and tau at 225 GHz."""
        chance = self._chance(second + 2)
        fields = {
            "temperature": round(4 + 5 * math.sin(second / 13_751), 2),
            "humidity": round(22 + 6 * math.cos(second / 9000), 1),
            "wind_speed": round(abs(chance.gauss(5, 2)), 1),
            "tau_225": round(0.06 + 0.01 * math.sin(second / 7000), 4),
        }
        return self._point("weather", second, fields)

    def _point(self, measurement: str, second: int, fields: dict[str, Any]) -> dict[str, Any]:
        tags = {"station": self.name}
        return {"measurement": measurement, "tags": tags, "fields": fields, "time": second * SECOND}

    def _chance(self, of: int) -> random.Random:
        return random.Random(f"{self.seed} {of}")  # noqa: S311 - values of a simulation
