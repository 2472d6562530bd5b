"""The devices that can be emulated, and those of them that stand in for RICOCHET's in the simulated lab."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster.sources.emulation.instrument import Instrument
from labmon_dagster.sources.emulation.server import Note, Served


@dataclass(frozen=True, slots=True)
class Emulated:
    """A device that can be emulated.

    ``emulator`` is the class that does it, as module:class. ``type`` and ``scheme`` say what reads it,
    ``port`` and ``path`` where it is by default. ``variable`` names its address in the simulated lab.
    """

    name: str
    title: str
    type: str
    scheme: str
    port: int
    emulator: str
    path: str = ""
    variable: str | None = None

    def instrument(self, seed: int) -> Instrument:
        """Make one."""
        module, _, name = self.emulator.partition(":")
        made: Instrument = getattr(import_module(f"labmon_dagster.sources.{module}.emulator"), name)(seed)
        return made

    def address(self, host: str, port: int) -> str:
        """Give the address it is asked at."""
        return f"{self.scheme}://{host}:{port}{self.path}"


_PAGE = "/www/device.htm"
EMULATED = {
    one.name: one
    for one in (
        Emulated(
            "mmr3",
            "thermometer bridge MMR3",
            "MMR3",
            "udp",
            12061,
            "imacrt:MMR3Module",
            variable="RICOCHET_MMR3",
        ),
        Emulated(
            "mgc3",
            "heater controller MGC3",
            "MGC3",
            "udp",
            12064,
            "imacrt:MGC3Module",
            variable="RICOCHET_MGC3",
        ),
        Emulated(
            "cmcpa",
            "Cryomech compressor",
            "CMCPA",
            "tcp",
            5020,
            "cryomech:CompressorEmulator",
            variable="RICOCHET_COMPRESSOR",
        ),
        Emulated(
            "cpx200",
            "Aim-TTi supply CPX200DP",
            "CPX200",
            "tcp",
            9221,
            "aim_tti:CPX200Emulator",
            variable="RICOCHET_CPX200",
        ),
        Emulated(
            "mp710508",
            "Multicomp supply MP710508",
            "MP710508",
            "udp",
            18190,
            "multicomp:PowerSupply",
            variable="RICOCHET_MP710508",
        ),
        Emulated(
            "mmr3-page", "web page of an MMR3", "MMR3", "http", 8061, "device_page:MMR3PageEmulator", _PAGE
        ),
        Emulated(
            "mgc3-page", "web page of an MGC3", "MGC3", "http", 8064, "device_page:MGC3PageEmulator", _PAGE
        ),
        Emulated(
            "cryo",
            "web page of the cryostat",
            "CRYO",
            "http",
            8070,
            "device_page:CryostatPageEmulator",
            _PAGE,
            "RICOCHET_CRYOSTAT",
        ),
        Emulated(
            "json-cryo",
            "cryostat in JSON",
            "JSON-CRYO",
            "http",
            8071,
            "device_json:CryostatEmulator",
            "/json",
        ),
        Emulated(
            "json-cmcpa",
            "compressor in JSON",
            "JSON-CMCPA",
            "http",
            8072,
            "device_json:CompressorEmulator",
            "/json",
        ),
        Emulated(
            "json-scale",
            "scale in JSON",
            "JSON-SCALE",
            "http",
            8073,
            "device_json:ScaleEmulator",
            "/json",
            "RICOCHET_SCALE",
        ),
    )
}
SIMULATED = tuple(one for one in EMULATED.values() if one.variable)
"""The devices of the simulated lab of RICOCHET."""


@dataclass(frozen=True, slots=True)
class Place:
    """A device to be emulated, and where."""

    emulated: Emulated
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Place:
        """Understand ``NAME=HOST:PORT``. Raises ValueError that names the devices there are."""
        name, _, at = text.partition("=")
        host, _, port = at.rpartition(":")
        if name not in EMULATED or not host or not port.isdigit():
            raise ValueError(f"{text!r}: write NAME=HOST:PORT; names: {', '.join(EMULATED)}")
        return cls(EMULATED[name], host, int(port))


@dataclass(frozen=True, slots=True)
class Manners:
    """How emulated devices behave: see `Behaviour`. ``seed`` is that of the first, the next have the next."""

    fault: Fault = Fault.NONE
    rate: float = 0.0
    among: tuple[Fault, ...] = ()
    late: float = 2.5
    seed: int = 0
    reply_port: int = 0
    log: Path | None = None

    def behaviour(self, number: int) -> Behaviour:
        """Give the behaviour of the n-th device."""
        made = Behaviour(self.fault, self.rate, late=self.late, seed=self.seed + number)
        if self.among:
            made.among = self.among
        return made


async def serve(places: Sequence[Place], manners: Manners, ready: Callable[[list[Place]], None]) -> None:
    """Emulate devices until cancelled; ``ready`` is told where they are once all are there.

    ``manners.log`` gets a JSON line for each reply: device, serial (null: not numbered), sent (ns), fault.
    """
    log = manners.log.open("a") if manners.log else None
    served: list[Served] = []
    try:
        for number, place in enumerate(places):
            note = _noting(
                f"{place.emulated.name}:{place.port}", lambda line: log.write(line) if log else None
            )
            one = Served(
                place.emulated.instrument(manners.seed + number),
                place.host,
                place.port,
                manners.behaviour(number),
                note,
                manners.reply_port,
            )
            await one.start()
            served.append(one)
        ready([Place(place.emulated, one.host, one.port) for place, one in zip(places, served, strict=True)])
        while True:
            await asyncio.sleep(0.05)
            if log:
                log.flush()
    finally:
        for one in served:
            await one.stop()
        if log:
            log.close()


def _noting(device: str, write: Callable[[str], object]) -> Note:
    def note(serial: int | None, sent: int, fault: Fault) -> None:
        told = {"device": device, "serial": serial, "sent": sent, "fault": fault.value}
        write(json.dumps(told, separators=(",", ":")) + "\n")

    return note


def default_places(host: str = "127.0.0.1") -> list[Place]:
    """Give the devices of the simulated lab at their own ports."""
    return [Place(one, host, one.port) for one in SIMULATED]


def named(names: Iterable[str]) -> list[Place]:
    """Give devices at places written as NAME=HOST:PORT."""
    return [Place.parse(name) for name in names]
