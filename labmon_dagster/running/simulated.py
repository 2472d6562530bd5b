"""The instruments that `labmon up` stands in for, unless the environment names the real ones."""

from __future__ import annotations

from dataclasses import dataclass

from labmon_dagster import settings
from labmon_dagster.running import commands


@dataclass(frozen=True, slots=True)
class Simulated:
    """An instrument; the variable ``real`` says where the real one is, ``place`` where this one writes."""

    process: str
    instrument: str
    real: str
    place: str
    emulator: str

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
INSTRUMENTS = (TOWER_PC, MTD_ARCHIVE)
