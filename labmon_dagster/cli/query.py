"""`labmon query`: the rows of a measurement out of the store, as table, CSV, JSON lines or line protocol."""

from __future__ import annotations

from typing import Annotated

import typer

from labmon_dagster.cli.common import RecordsName, StoreName, examples, instant_option, opened, output, remark
from labmon_dagster.formats import Columns, Format, writer
from labmon_dagster.lookup import EARLIEST, LATEST, check_known, chunks, columns_of
from labmon_dagster.model import Window
from labmon_dagster.records.spans import run_window
from labmon_dagster.settings import DOCUMENTS, TIMESERIES

_EXAMPLES = examples(
    "query Ameriflux_fastdata --start -6h",
    "query Ameriflux_fastdata --start 2021-06-25 --end 2021-06-26 --format csv > day.csv",
    "query Ameriflux_fastdata --tag station=46m --start 2021-06-25T15:50:00-05:00 --format line",
    "query Ameriflux_fastdata --store local --start -6h",
    "query imacrt --run run12 --format csv > run12.csv",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("query", epilog=_EXAMPLES)(query)


def query(
    measurement: Annotated[str, typer.Argument(help="Its name; a wrong one lists those there are.")],
    start: Annotated[
        str | None, typer.Option(help="First instant: 2021-06-25, RFC 3339, -2d or -6h.")
    ] = None,
    end: Annotated[str | None, typer.Option(help="The instant to stop before.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only rows with this tag, as k=v. Repeatable.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How rows are written.")] = Format.TABLE,
    store: StoreName = TIMESERIES,
    run: Annotated[
        str | None, typer.Option(help="What was measured during this run, its first and last instant too.")
    ] = None,
    records: RecordsName = DOCUMENTS,
) -> None:
    """Show the rows of MEASUREMENT from --start to before --end, by time, then tags.

    Times without a zone are UTC. Rows are read in portions: any length of time fits into memory.
    With --run: of a run that is still running, until now.
    """
    if run is not None and (start is not None or end is not None):
        raise typer.BadParameter("--run says from when to when: give neither --start nor --end with it")
    window = Window(instant_option(start, EARLIEST), instant_option(end, LATEST))
    if run is not None:
        window = run_window(run, records)
    tags = dict(pair(text) for text in tag or [])
    with opened(store) as source:
        known_tags, fields = columns_of(source, measurement)
        check_known("tag", tags, known_tags)
        columns = Columns.of(measurement, known_tags, fields)
        write = writer(form, columns, output())
        shown = 0
        for part in chunks(source, measurement, window):
            rows = source.fetch(measurement, part, tags)
            write(rows.select(columns.names))
            shown += rows.height
    if not shown:
        remark("no rows")


def pair(text: str) -> tuple[str, str]:
    """Understand what --tag is given."""
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise typer.BadParameter(f"a tag is written name=value, not {text!r}")
    return name, value
