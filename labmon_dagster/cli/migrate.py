"""`labmon migrate`: what a program that labmon replaces has lost, and what is to be fetched in its place."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from labmon_dagster.cli.common import day_option, examples, feed_of, opened, output, remark
from labmon_dagster.cli.lacking import Lacking
from labmon_dagster.cli.lacking_report import Report
from labmon_dagster.cli.status import Shape
from labmon_dagster.formats import printable
from labmon_dagster.lookup import instant
from labmon_dagster.model import Window
from labmon_dagster.model.window import day_of
from labmon_dagster.sources.wincc_archive.reader import ArchiveReadings

if TYPE_CHECKING:
    from labmon_dagster.components.feed import Feed

_EXAMPLES = examples(
    "migrate cms-mtd --last-times last_times.json",
    "migrate cms-mtd --last-times last_times.json --since 2025-06-01 --until 2025-07-04 --thorough",
    "migrate cms-mtd --last-times last_times.json --format json",
)
_ASSET = "cms_mtd/dcs_readings"
_WRITTEN = '{"datapoint": "2025-07-04T10:24:10.092000"}'


def register(app: typer.Typer) -> None:
    """Add the command."""
    programs = typer.Typer(
        no_args_is_help=True, help="Compare what a program that labmon replaces has stored with its source."
    )
    programs.callback()(_programs)
    programs.command("cms-mtd", epilog=_EXAMPLES)(cms_mtd)
    app.add_typer(programs, name="migrate")


def _programs() -> None:
    """Compare what a program that labmon replaces has stored with its source."""


def cms_mtd(
    last_times: Annotated[Path, typer.Option(help="The file in which allsensor.py keeps its last times.")],
    since: Annotated[str | None, typer.Option(help="First day.", show_default="the asset's start")] = None,
    until: Annotated[
        str | None, typer.Option(help="Last day.", show_default="that of the newest reading")
    ] = None,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Compare all times, also of days with equal counts.")
    ] = False,
    shape: Annotated[Shape, typer.Option("--format", help="How it is written.")] = Shape.TABLE,
    asset: Annotated[str, typer.Option(help="The asset that reads the archive.")] = _ASSET,
    store: Annotated[
        str | None,
        typer.Option(
            help="The store's name; LABMON_<NAME>_URL says where it is.", show_default="the asset's"
        ),
    ] = None,
) -> None:
    """Show what allsensor.py has lost, and what it had not fetched yet: the archive beside the store.

    Readings are counted per datapoint and UTC day on both sides. Of days where the counts differ, of those
    with a last time of the original and of each datapoint's last day the exact times are compared. Nothing
    is written anywhere.

    lost: not after the original's last time, it would never ask for them again. not fetched: after it.
    """
    first, last = day_option(since), day_option(until)
    cursors = read_last_times(last_times)
    feed = feed_of(asset)
    source, name, now = feed.source, store or feed.store, time.time_ns()
    if not isinstance(source, ArchiveReadings):
        raise typer.BadParameter(f"{asset} reads no WinCC archive", param_hint="--asset")
    with opened(name) as there, _progress() as progress:
        counting = progress.add_task("counting on both sides", total=None)
        window = _span(first or feed.start, last, feed, source.newest(), there.kept_since(now))
        found = Lacking(source, there, window, cursors, thorough=thorough)
        progress.remove_task(counting)
        looking = progress.add_task("comparing times", total=sum(rows for _, rows in found.portions))
        for days, rows in found.portions:
            found.look(days, now)
            progress.advance(looking, rows)
    for trouble in found.trouble:
        remark(printable(trouble))
    report = Report(feed, name, window, cursors, found)
    if shape is Shape.JSON:
        output().write(json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n")
    else:
        output().writelines(f"{line}\n" for line in report.lines())


def read_last_times(path: Path) -> dict[str, int]:
    """Read what allsensor.py keeps of each datapoint: the last time it had read (ns).

    Raises ValueError that names the file and the key.
    """
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file; allsensor.py writes it where it is started")
    try:
        # The original reads its file so too: an editor may have put a mark in front.
        held = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path}: this is no JSON ({error}); allsensor.py writes {_WRITTEN}") from error
    if not isinstance(held, dict):
        raise ValueError(f"{path}: this is no object of datapoints; allsensor.py writes {_WRITTEN}")
    return {name: _last_time(path, name, text) for name, text in held.items()}


def _last_time(path: Path, name: str, text: object) -> int:
    if isinstance(text, str) and not text.strip().startswith("-"):
        with suppress(ValueError):
            return instant(text)
    raise ValueError(f"{path}: {name}: {text!r} is no time; allsensor.py writes {_WRITTEN}")


def _span(first: date, last: date | None, feed: Feed, newest: int | None, kept_since: int | None) -> Window:
    """Give the days asked for of which both sides can have readings."""
    kept = None if kept_since is None else day_of(kept_since - 1) + timedelta(days=1)
    begin = max(first, feed.start, kept or feed.start)
    known = datetime.now(UTC).date() if newest is None else day_of(newest)
    end = min(last or known, known)
    if end < begin:
        raise ValueError(
            f"no day is left from {first} to {last or known}: {feed.asset} begins on {feed.start}, "
            f"the archive ends on {known}" + (f", the store keeps nothing before {kept}" if kept else "")
        )
    return Window.of_days(begin, end)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show on a terminal how far it is; elsewhere say nothing."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        yield progress
