"""`labmon create-store`: the database, bucket or file that a store's URL names, made once."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Annotated

import typer

from labmon_dagster import settings
from labmon_dagster.cli.common import StoreName, examples
from labmon_dagster.model import DAY, SECOND
from labmon_dagster.stores import InfluxStore, SqliteStore

_EXAMPLES = examples("create-store", "create-store --retention 30d", "create-store --store local")
_UNITS = {"h": 3600 * SECOND, "d": DAY, "w": 7 * DAY}
_EVER = "inf"
_LONGEST = 100 * 366 * DAY


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("create-store", epilog=_EXAMPLES)(create_store)


def create_store(
    store: StoreName = settings.TIMESERIES,
    retention: Annotated[
        str, typer.Option(help="How long InfluxDB keeps readings: inf, 30d, 52w, 36h.")
    ] = _EVER,
) -> None:
    """Make the database (InfluxDB 1), the bucket (2) or the file (SQLite) that the store's URL names.

    What is there stays as it is; one of another retention is an error. All is kept for ever unless
    --retention says otherwise: --retention 30d makes what `new-db` of the older scripts made. Then the
    ledger and the quarantine get a place of their own beside it that keeps them for ever: the retention
    policy `labmon` (1), or the bucket <BUCKET>_labmon (2). The account must be allowed to make them.
    """
    kept = _duration(retention)
    opened = settings.open_store(store)
    made: list[str] = []
    with closing(opened):
        if isinstance(opened, SqliteStore):
            made = _file(opened, kept)
        elif isinstance(opened, InfluxStore):
            from labmon_dagster.stores.influxdb.create import create

            made = create(opened.link.target, kept)
    typer.echo(f"store {store!r}: " + ("; ".join(made) if made else "was there already"))


def _file(store: SqliteStore, kept: int) -> list[str]:
    if kept:
        raise typer.BadParameter("SQLite keeps everything; leave --retention out")
    path = store.database.path
    there = path.is_file()
    store.assets()
    return [] if there else [f"file {path}"]


def _duration(text: str) -> int:
    """Understand a retention (ns, 0 for ever)."""
    if text == _EVER:
        return 0
    match = re.fullmatch(r"(\d{1,6})([hdw])", text, re.ASCII)
    kept = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < kept <= _LONGEST:
        raise typer.BadParameter(f"{text!r} is no retention; write inf, or a whole number and h, d or w: 30d")
    return kept
