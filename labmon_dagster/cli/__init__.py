"""The command `labmon`: look at the lab, its store and its ledger without starting Dagster."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer
from stamina.instrumentation import set_on_retry_hooks

from labmon_dagster.cli import (
    check,
    collect,
    create,
    eht,
    emulate,
    export,
    journal,
    migrate,
    preview,
    quarantine,
    query,
    replay,
    runs,
    status,
    stored_documents,
    up,
)
from labmon_dagster.cli.common import Told

app = typer.Typer(
    name="labmon",
    cls=Told,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"labmon {version('labmon_dagster')}")
        raise typer.Exit


@app.callback()
def labmon(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Laboratory monitoring: every reading found again, every gap seen and filled."""
    # Where structlog is installed (Dagster brings it), each retry would be told on stdout, among the data.
    set_on_retry_hooks([])


for command in (
    check,
    create,
    preview,
    query,
    stored_documents,
    replay,
    export,
    runs,
    status,
    quarantine,
    journal,
    collect,
    migrate,
    up,
    emulate,
    eht,
):
    command.register(app)
