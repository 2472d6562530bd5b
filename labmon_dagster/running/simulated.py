"""The instruments that `labmon up` stands in for, unless the environment names the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labmon_dagster import settings
from labmon_dagster.running import commands, place
from labmon_dagster.running.instruments import SIMULATED, Place


@dataclass(frozen=True, slots=True)
class Simulated:
    """An instrument; the variable ``real`` says where the real one is, ``place`` where this one writes.

    Where the variable ``unless`` is set it is not simulated either: what it would write must not come there.
    """

    process: str
    instrument: str
    real: str
    place: str
    emulator: str
    unless: str = ""

    def named(self, environ: Mapping[str, str]) -> str:
        """The variable that says that this one is not wanted; '' if none does."""
        return next((name for name in (self.real, self.unless) if environ.get(name)), "")

    @property
    def path(self) -> str:
        """The file or folder it writes to, under LABMON_HOME."""
        return settings.lab_folder(self.place)

    @property
    def command(self) -> commands.Command:
        """How it is started."""
        return commands.emulator(self.emulator)


TOWER_PC = Simulated("emulated-pc", "LoggerNet PC", "AMERIFLUX_UMBS_DIR", "lab/ameriflux_umbs", "loggernet")
MTD_ARCHIVE = Simulated(
    "simulated-archive",
    "condition archive of the CMS MTD",
    "CMS_MTD_ARCHIVE_URL",
    "lab/cms_mtd/archive.db",
    "cms-mtd",
)
DAQ = Simulated(
    "simulated-daq",
    "DAQ of RICOCHET",
    "RICOCHET_PROCESSING",
    "lab/ricochet/processing",
    "ricochet-daq",
    unless=settings.url_variable(settings.DOCUMENTS),
)
STATION = Simulated(
    "simulated-station",
    "EHT station",
    settings.url_variable(settings.EHT_LOCAL),
    "journal/eht/vlbimon",
    "eht-station",
    unless=settings.url_variable(settings.EHT_GLOBAL),
)
INSTRUMENTS = (TOWER_PC, MTD_ARCHIVE, DAQ, STATION)


@dataclass(frozen=True, slots=True)
class SimulatedDevices:
    """The devices of RICOCHET that are emulated, in one process, and where each is asked."""

    places: tuple[Place, ...]

    process = "emulated-devices"

    @classmethod
    def choose(cls, environ: Mapping[str, str]) -> SimulatedDevices:
        """Choose a free port for each device whose variable does not name a real one."""
        return cls(
            tuple(
                Place(one, place.LOCAL, place.free_udp_port() if one.scheme == "udp" else place.free_port())
                for one in SIMULATED
                if not environ.get(one.variable or "")
            )
        )

    @property
    def environ(self) -> dict[str, str]:
        """The variables that say where the devices are."""
        return {str(at.emulated.variable): at.emulated.address(at.host, at.port) for at in self.places}

    def command(self, log: Path | None = None) -> commands.Command:
        """How they are started."""
        served = (f"--serve={at.emulated.name}={at.host}:{at.port}" for at in self.places)
        return commands.emulator("ricochet", *served, *([f"--log={log}"] if log else []))
