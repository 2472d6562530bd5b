"""`labmon emulate`: programs and devices of the lab that write as the real ones do."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from labmon_dagster import settings
from labmon_dagster.cli.common import examples
from labmon_dagster.model import SECOND
from labmon_dagster.quality import nanoseconds

_EXAMPLES = examples(
    "emulate loggernet", "emulate loggernet --folder /tmp/pc --mode overwrite --keep-rows 12"
)
_FOLDER = "lab/ameriflux_umbs"
_HOUR = 3600


class Mode(StrEnum):
    """What LoggerNet does to its file at a collection."""

    APPEND = "append"
    CREATE_NEW = "create-new"
    OVERWRITE = "overwrite"


def register(app: typer.Typer) -> None:
    """Add the command."""
    emulators = typer.Typer(
        no_args_is_help=True, help="Write as an instrument of the lab does, until Ctrl-C."
    )
    emulators.callback()(_emulators)
    emulators.command("loggernet", epilog=_EXAMPLES)(loggernet)
    app.add_typer(emulators, name="emulate")


def _emulators() -> None:
    """Write as an instrument of the lab does, until Ctrl-C."""


def loggernet(
    folder: Annotated[Path | None, typer.Option(help="Where.", show_default=f"LABMON_HOME/{_FOLDER}")] = None,
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
    from labmon_dagster.running.emulated_pc import run_until_stopped
    from labmon_dagster.sources.loggernet.emulator import TowerPC

    pc = TowerPC(
        folder or Path(settings.lab_folder(_FOLDER)),
        file_name=file_name,
        interval=nanoseconds(interval) / SECOND,
        mode=mode.value,
        keep_rows=keep_rows,
        seed=seed,
        history_hours=nanoseconds(history) / SECOND / _HOUR,
    )
    told = f"a row every {interval} goes to {pc.path} ({mode.value}); Ctrl-C stops it"
    run_until_stopped(pc, lambda: typer.echo(told))
