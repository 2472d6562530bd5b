"""`labmon replay`: points from files into a store, or shown as the line protocol that they are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from labmon_dagster.cli.common import examples, output, remark
from labmon_dagster.formats import printable
from labmon_dagster.model.points import BadLine, Points
from labmon_dagster.replay.files import Form, Opened, Ways, opened, points
from labmon_dagster.replay.line import LineProtocol
from labmon_dagster.replay.loading import Loaded, Loader, RefusedError
from labmon_dagster.settings import TIMESERIES, open_store
from labmon_dagster.stores import StoreError

_EXAMPLES = examples(
    "replay monitoring.csv.gz --dry-run",
    "replay vlbimon-*.jsonl --to local",
    "replay backup.lp --precision s --skip-bad",
    "replay 46m_CR5000.dat --zone UTC-05:00 --measurement Ameriflux_fastdata",
    "export --format line --store local | labmon replay - --to global",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay", epilog=_EXAMPLES)(replay)


def replay(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Also gzipped; - is standard input.")],
    to: Annotated[
        str, typer.Option("--to", help="The store's name; LABMON_<NAME>_URL says where it is.")
    ] = TIMESERIES,
    form: Annotated[
        Form | None, typer.Option("--format", help="What the files are.", show_default="by looking")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the line protocol, and write nothing.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Put what cannot be loaded into quarantine, and go on.")
    ] = False,
    precision: Annotated[
        str, typer.Option(help="Unit of the time stamps in line protocol: ns, us, ms or s.")
    ] = "ns",
    zone: Annotated[str, typer.Option(help="Of the time stamps in TOA5: UTC-05:00, America/Detroit.")] = "",
    measurement: Annotated[
        str, typer.Option(help="What the rows of TOA5 are called.", show_default="the table's name")
    ] = "",
) -> None:
    """Load FILEs into a store: annotated CSV, JSON lines, line protocol, or TOA5.

    A point takes its place by measurement, tags and time, so that loading a file again changes nothing. The
    first bad line ends it, unless --skip-bad is given. What the database itself refuses goes to quarantine
    (`labmon quarantine list`).
    """
    ways = Ways(form, precision, zone, measurement)
    if dry_run:
        _show(files, ways, skip_bad)
        return
    start, loaded = time.monotonic(), Loaded()
    try:
        with closing(open_store(to)) as store:
            for path in files:
                with opened(path) as file:
                    _load(file, ways, Loader(store, f"replay/{file.name}", loaded, skip=skip_bad))
        seconds = time.monotonic() - start
        typer.echo(f"{_written(loaded)} in {seconds:.1f} s, {loaded.refused:,} refused")
    finally:
        for reason, rows in loaded.reasons.items():
            remark(printable(f"in quarantine: {rows:,} × {reason}"))
    if loaded.refused and not skip_bad:
        raise typer.Exit(1)


def _load(file: Opened, ways: Ways, loader: Loader) -> None:
    try:
        for found in _followed(file, points(file, ways)):
            loader.take(found)
        loader.settle()
    except RefusedError as refused:
        loader.settle()
        raise ValueError(
            f"{file.name}: {refused}{_so_far(loader.loaded)} "
            "(replaying again changes nothing; --skip-bad goes on behind what is bad)"
        ) from refused
    except (ValueError, OSError) as error:
        loader.settle()
        raise ValueError(f"{file.name}: {error}{_so_far(loader.loaded)}") from error
    except StoreError as error:
        raise StoreError(f"{file.name}: {error}") from error


def _show(paths: list[str], ways: Ways, skip_bad: bool) -> None:
    skipped = 0
    for path in paths:
        with opened(path) as file:
            try:
                skipped += _shown(file, ways, skip_bad)
            except ValueError as error:
                raise ValueError(f"{file.name}: {error}") from error
    if skipped:
        remark(f"{skipped} lines are no points")


def _shown(file: Opened, ways: Ways, skip_bad: bool) -> int:
    """Print a file as line protocol; give how many of its lines are no points."""
    text, writer, skipped = output(), LineProtocol(), 0
    for found in points(file, ways):
        if isinstance(found, Points):
            text.write(writer.write(found).decode())
        elif not skip_bad:
            raise ValueError(str(found))
        else:
            remark(printable(f"{file.name}: {found}"))
            skipped += 1
    return skipped


def _followed(file: Opened, found: Iterator[Points | BadLine]) -> Iterator[Points | BadLine]:
    """Show on a terminal how far the file is read; elsewhere say nothing."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(printable(file.name), total=file.size)
        for one in found:
            yield one
            progress.update(task, completed=file.position)


def _so_far(loaded: Loaded) -> str:
    return f"; {_written(loaded)} until then" if loaded.points else ""


def _written(loaded: Loaded) -> str:
    return f"{loaded.points:,} points of {len(loaded.measurements)} measurements written"
