"""The COSMIC detectors that `labmon up` stands in for: a broker on a free port, and who publishes to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labmon_dagster import settings
from labmon_dagster.running import commands, place

BROKER = "COSMIC_MQTT"
_UNLESS = settings.url_variable(settings.DOCUMENTS)
_DETECTORS, _RATE = 3, 5  # events a second, of all together


@dataclass(frozen=True, slots=True)
class SimulatedDetectors:
    """Detectors and their broker. ``port``: where it is, 0 where both are real or not wanted.

    ``named``: the variable that says so.
    """

    port: int
    named: str = ""

    broker_process = "emulated-broker"
    process = "simulated-detectors"

    @classmethod
    def choose(cls, environ: Mapping[str, str]) -> SimulatedDetectors:
        """Choose a port, unless a real broker is named, or a database where simulated events must not be."""
        named = next((name for name in (BROKER, _UNLESS) if environ.get(name)), "")
        return cls(0 if named else place.free_port(), named)

    @property
    def url(self) -> str:
        """Where the broker is."""
        return f"mqtt://{place.LOCAL}:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        """The variable that says where the broker is."""
        return {BROKER: self.url} if self.port else {}

    @property
    def told(self) -> str:
        """What is to be known where they are not simulated; '' where they are."""
        if not self.named:
            return ""
        what = (
            "its broker is listened to" if self.named == BROKER else "the COSMIC detectors are not simulated"
        )
        return f"{self.named} is set: {what}"

    def broker(self) -> commands.Command:
        """How the broker is started."""
        return commands.emulator("mqtt-broker", f"--port={self.port}", f"--host={place.LOCAL}")

    def detectors(self) -> commands.Command:
        """How the detectors are started."""
        wanted = (f"--broker={self.url}", f"--detectors={_DETECTORS}", f"--rate={_RATE}")
        return commands.emulator("cosmic", *wanted)
