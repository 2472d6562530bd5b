"""`labmon replay`: points or events from files into a store, or shown as what they are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from labmon_dagster.cli.common import examples, output, remark
from labmon_dagster.cli.following import followed
from labmon_dagster.cli.replay_events import EventReplay
from labmon_dagster.formats import printable
from labmon_dagster.model.points import Points
from labmon_dagster.replay.files import Form, Opened, Ways, form_in, opened, points
from labmon_dagster.replay.line import LineProtocol
from labmon_dagster.replay.loading import Loaded, Loader, RefusedError
from labmon_dagster.settings import TIMESERIES, open_store, store_url
from labmon_dagster.stores import ReadingStore, StoreError

_EXAMPLES = examples(
    "replay monitoring.csv.gz --dry-run",
    "replay vlbimon-*.jsonl --to local",
    "replay backup.lp --precision s --skip-bad",
    "replay 46m_CR5000.dat --zone UTC-05:00 --measurement Ameriflux_fastdata",
    "replay dump.dat --skip-bad",
    "export --format line --store local | labmon replay - --to global",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay", epilog=_EXAMPLES)(replay)


def replay(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Also gzipped; - is standard input.")],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="The store's name; LABMON_<NAME>_URL says where it is.",
            show_default=f"{TIMESERIES}; of events that of their asset",
        ),
    ] = None,
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
    asset: Annotated[
        str, typer.Option(help="Which asset events are of.", show_default="the only one there is")
    ] = "",
) -> None:
    """Load FILEs into a store: annotated CSV, JSON lines, line protocol, TOA5, or dumps of events (cosmic).

    A point takes its place by measurement, tags and time, so that loading a file again changes nothing. The
    first bad line ends it, unless --skip-bad is given. What the database itself refuses goes to quarantine
    (`labmon quarantine list`).

    Events go into the journal of their asset and into its store of documents, where each is kept once. What
    is no event goes to quarantine, and the rest is loaded; --skip-bad makes that no error.
    """
    ways = Ways(form, precision, zone, measurement)
    if to:
        store_url(to)  # before anything is read
    with _Replay(ways, to or "", asset, skip_bad, dry_run) as session:
        for path in files:
            with opened(path) as file:
                session.replay(path, file)
    if session.bad and not skip_bad:
        raise typer.Exit(1)


class _Replay:
    """Replays files one after the other; ``bad``: what could not be loaded. Stores are opened when needed."""

    def __init__(self, ways: Ways, to: str, asset: str, skip_bad: bool, dry_run: bool) -> None:
        self._ways, self._to, self._asset = ways, to, asset
        self._skip_bad, self._dry_run = skip_bad, dry_run
        self._store: ReadingStore | None = None
        self._events: EventReplay | None = None
        self._start, self._loaded = time.monotonic(), Loaded()
        self._skipped = self.bad = 0

    def __enter__(self) -> _Replay:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        """Tell what became of everything."""
        if self._events:
            self.bad += self._events.close()
        if self._store:
            self._store.close()
            if kind is None:
                seconds = time.monotonic() - self._start
                refused = self._loaded.refused
                typer.echo(f"{_written(self._loaded)} in {seconds:.1f} s, {refused:,} refused")
        for reason, rows in self._loaded.reasons.items():
            remark(printable(f"in quarantine: {rows:,} × {reason}"))
        if self._skipped:
            remark(f"{self._skipped} lines are no points")
        self.bad += self._loaded.refused

    def replay(self, path: str, file: Opened) -> None:
        """Load a file, or show it."""
        with _named(file):
            cosmic = form_in(file, self._ways) is Form.COSMIC
        if cosmic:
            self._replay_events(path, file)
        elif self._dry_run:
            with _named(file):
                self._skipped += _shown(file, self._ways, self._skip_bad)
        else:
            self._store = self._store or open_store(self._to or TIMESERIES)
            _load(
                file,
                self._ways,
                Loader(self._store, f"replay/{file.name}", self._loaded, skip=self._skip_bad),
            )

    def _replay_events(self, path: str, file: Opened) -> None:
        self._events = self._events or EventReplay(self._asset, self._to)
        if self._dry_run:
            self.bad += self._events.show(file)
        else:
            self._events.load(path, file)


@contextmanager
def _named(file: Opened) -> Iterator[None]:
    """Have errors name the file."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from error


def _load(file: Opened, ways: Ways, loader: Loader) -> None:
    try:
        for found in followed(file, points(file, ways)):
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


def _so_far(loaded: Loaded) -> str:
    return f"; {_written(loaded)} until then" if loaded.points else ""


def _written(loaded: Loaded) -> str:
    return f"{loaded.points:,} points of {len(loaded.measurements)} measurements written"
