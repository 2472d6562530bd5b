"""`labmon eht` and the command `eht-influx-client`: the configuration file, and what waits in the log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labmon_dagster.cli.common import Told, examples, output
from labmon_dagster.formats import aligned

_EXAMPLES = examples("eht print-config > influx_config.ini", "eht status --config influx_config.ini")

app = typer.Typer(
    name="eht-influx-client",
    cls=Told,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def register(labmon: typer.Typer) -> None:
    """Add the commands."""
    labmon.add_typer(app, name="eht", epilog=_EXAMPLES)


@app.callback()
def eht() -> None:
    """The station of the Event Horizon Telescope: its client's configuration, and what its log holds."""


@app.command("print-config")
def print_config() -> None:
    """Print a configuration file with every key, its meaning and its default; it can be used as it is."""
    from labmon_dagster.clients.eht_influx_client.printing import config_text

    output().write(config_text())


@app.command()
def status(
    config: Annotated[Path, typer.Option("--config", help="The client's configuration file.")] = Path(
        "influx_config.ini"
    ),
) -> None:
    """Show what of the log waits for which server. Exit code 1 where a server cannot be asked."""
    from labmon_dagster.clients.eht_influx_client.reading import settings_of
    from labmon_dagster.clients.eht_influx_client.waiting import standings

    found = standings(settings_of(config, {}))
    rows = [("server", "address", "days", "bytes", "trouble")]
    rows += [(one.server, one.address, _count(one.days), _count(one.size), one.trouble) for one in found]
    for line in aligned(rows, right=(2, 3)):
        typer.echo(line)
    if any(one.trouble for one in found):
        raise typer.Exit(1)


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)
