"""`labmon up`: the whole lab on this machine, with Dagster and simulated instruments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from labmon_dagster import settings
from labmon_dagster.cli.common import complain, examples

_EXAMPLES = examples("up", "up --port 3001 --home ~/lab")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up", epilog=_EXAMPLES)(up)


def up(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Where the UI is; the next free one.")] = 3000,
    home: Annotated[
        Path | None,
        typer.Option(help="The folder everything is written under.", show_default="LABMON_HOME, or ./var"),
    ] = None,
) -> None:
    """Check the lab, start Dagster and simulated instruments, and tell how it goes; Ctrl-C stops all.

    AMERIFLUX_UMBS_DIR and CMS_MTD_ARCHIVE_URL say where the LoggerNet files and the archive of the CMS
    MTD are; what they name is read, and not simulated. Logs lie in LABMON_HOME/logs.
    """
    from labmon_dagster.running.display import Display
    from labmon_dagster.running.lab import up as run
    from labmon_dagster.running.place import AlreadyRunningError

    if home is not None:
        os.environ[settings.HOME] = str(home.expanduser().absolute())
    display = Display()
    try:
        code = run(settings.home(), port, display)
    except AlreadyRunningError as error:
        complain(error)
        code = 1
    finally:
        display.close()
    raise typer.Exit(code)
