"""`labmon emulate`: programs of the lab that write, and devices that answer, as the real ones do."""

from __future__ import annotations

import signal
import threading
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Protocol

import typer

from labmon_dagster.cli import emulate_cosmic, emulate_devices
from labmon_dagster.cli.common import examples
from labmon_dagster.model import SECOND
from labmon_dagster.quality import nanoseconds
from labmon_dagster.running.simulated import DAQ, MTD_ARCHIVE, TOWER_PC

_LOGGERNET = examples(
    "emulate loggernet", "emulate loggernet --folder /tmp/pc --mode overwrite --keep-rows 12"
)
_CMS_MTD = examples("emulate cms-mtd", "emulate cms-mtd --file /tmp/archive.db --interval 1min --history 10d")
_DAQ = examples("emulate ricochet-daq", "emulate ricochet-daq --folder /tmp/processing --length 30s")
_STATION = examples("emulate eht-station", "emulate eht-station --name PV")
_ABOUT = "Be an instrument of the lab, until Ctrl-C: programs write, devices answer who asks them."
_HOUR = 3600
RUN_STREAMS = 24


class Emulator(Protocol):
    """What writes as an instrument does, from where it stopped."""

    def catch_up(self, until: float, /) -> int:
        """Write what is due up to ``until`` (s since 1970), and give the number of rows."""

    def run(self, stop: threading.Event) -> None:
        """Write what is due until ``stop`` is set."""


class Mode(StrEnum):
    """What LoggerNet does to its file at a collection."""

    APPEND = "append"
    CREATE_NEW = "create-new"
    OVERWRITE = "overwrite"


def register(app: typer.Typer) -> None:
    """Add the command."""
    emulators = typer.Typer(no_args_is_help=True, help=_ABOUT)
    emulators.callback()(_emulators)
    emulators.command("loggernet", epilog=_LOGGERNET)(loggernet)
    emulators.command("cms-mtd", epilog=_CMS_MTD)(cms_mtd)
    emulators.command("ricochet-daq", epilog=_DAQ)(ricochet_daq)
    emulators.command("eht-station", epilog=_STATION)(eht_station)
    emulate_cosmic.register(emulators)
    emulate_devices.register(emulators)
    app.add_typer(emulators, name="emulate")


def _emulators() -> None:
    """Be one of these; a single one would otherwise have no name."""


def loggernet(
    folder: Annotated[
        Path | None, typer.Option(help="Where.", show_default=f"LABMON_HOME/{TOWER_PC.place}")
    ] = None,
    interval: Annotated[str, typer.Option(help="Time between rows, whole seconds.")] = "5s",
    mode: Annotated[
        Mode, typer.Option(help="What LoggerNet does to the file at a collection.")
    ] = Mode.APPEND,
    history: Annotated[str, typer.Option(help="How far back the first start begins.")] = "6h",
    keep_rows: Annotated[
        int, typer.Option(min=1, help="Rows that overwrite keeps, and that create-new puts aside.")
    ] = 60,
    file_name: Annotated[str, typer.Option(help="The name of the file.")] = "46m_Test.dat",
    seed: Annotated[int, typer.Option(help="Other values for another number.")] = 0,
) -> None:
    """Be a PC that runs LoggerNet: write the table PARCal_2019 of station 46m as TOA5."""
    from labmon_dagster.sources.loggernet.emulator import TowerPC

    pc = TowerPC(
        folder or Path(TOWER_PC.path),
        file_name=file_name,
        interval=_seconds(interval),
        mode=mode.value,
        keep_rows=keep_rows,
        seed=seed,
        history_hours=_seconds(history) / _HOUR,
    )
    _run(pc, f"a row every {interval} goes to {pc.path} ({mode.value})")


def cms_mtd(
    file: Annotated[
        Path | None, typer.Option(help="Where.", show_default=f"LABMON_HOME/{MTD_ARCHIVE.place}")
    ] = None,
    interval: Annotated[str, typer.Option(help="Time between changes of a channel of the trays.")] = "5s",
    history: Annotated[str, typer.Option(help="How far back the first start begins.")] = "2d",
    seed: Annotated[int, typer.Option(help="Other values for another number.")] = 0,
) -> None:
    """Be the WinCC OA condition archive of the CMS MTD test facility, in a file of SQLite.

    In two days it grows to some 20 MB. CMS_MTD_ARCHIVE_URL=sqlite:////PATH has labmon read another file.
    """
    from labmon_dagster.sources.wincc_archive.emulator import SimulatedArchive

    archive = SimulatedArchive(
        file or Path(MTD_ARCHIVE.path), seed, _seconds(interval), _seconds(history) / _HOUR
    )
    _run(archive, f"a channel changes about every {interval} in {archive.path}")


def ricochet_daq(
    folder: Annotated[
        Path | None,
        typer.Option(help="Where processing output goes.", show_default=f"LABMON_HOME/{DAQ.place}"),
    ] = None,
    length: Annotated[str, typer.Option(help="How long a stream is, whole seconds.")] = "2min",
    pause: Annotated[str, typer.Option(help="Time between two streams, whole seconds.")] = "30s",
    seed: Annotated[int, typer.Option(help="Other values for another number.")] = 0,
) -> None:
    """Be the DAQ of RICOCHET: run after run of streams, messages, processing output, in the lab's own stores.

    Its records have names that begin with sim_. They lie where LABMON_DOCUMENTS_URL says, as real ones do.
    """
    from labmon_dagster.running.daq import SimulatedDaq

    lasts = int(_seconds(length))
    period = lasts + int(_seconds(pause))
    daq = SimulatedDaq(folder or Path(DAQ.path), lasts, period, period * RUN_STREAMS, seed)
    _run(daq, f"a stream of {length} every {period} s; what its processing gives goes to {daq.folder}")


def eht_station(
    name: Annotated[str, typer.Option(help="The station, as the tag of its points.")] = "KP",
    seed: Annotated[int, typer.Option(help="Other values for another number.")] = 0,
) -> None:
    """Be the programs of an EHT station: clocks, receiver and weather go into the log eht/vlbimon.

    They write with labmon_dagster.clients.eht_influx_client; Dagster brings the log to its stores.
    """
    from labmon_dagster.running.station import SimulatedStation

    _run(SimulatedStation(name, seed), "points go into the log eht/vlbimon every second")


def _seconds(length: str) -> float:
    return nanoseconds(length) / SECOND


def _run(emulator: Emulator, told: str) -> None:
    """Write until SIGINT or SIGTERM."""
    emulator.catch_up(time.time())  # which a signal may break off at any point
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    typer.echo(f"{told}; Ctrl-C stops it")
    emulator.run(stop)
