"""`labmon export`: measurements out of a store, in a form that `labmon replay` brings back as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated, BinaryIO, Protocol

import typer
from isal import igzip

from labmon_dagster.cli.common import StoreName, examples, instant_option, opened, output, remark
from labmon_dagster.cli.query import pair
from labmon_dagster.lookup import EARLIEST, LATEST, check_known, columns_of
from labmon_dagster.model import Window
from labmon_dagster.model.points import Points
from labmon_dagster.replay.annotated import AnnotatedCsv
from labmon_dagster.replay.jsonl import JsonLines
from labmon_dagster.replay.line import LineProtocol
from labmon_dagster.replay.stored import stored
from labmon_dagster.settings import TIMESERIES

_EXAMPLES = examples(
    "export > everything.csv",
    "export pps vlbimon --start 2021-04-06 --end 2021-04-07 --format jsonl --out day.jsonl.gz",
    "export pps --tag station=KP --format line --store local",
)


class Writer(Protocol):
    """Writes points one behind the other."""

    def write(self, points: Points) -> bytes:
        """Give the text of some rows. Raises ValueError for what the form cannot carry."""
        ...


class Form(StrEnum):
    """How points are written."""

    CSV = "csv"
    JSONL = "jsonl"
    LINE = "line"


def writer_of(form: Form) -> Writer:
    """Make the writer of a form."""
    makers: Mapping[Form, Callable[[], Writer]] = {
        Form.CSV: AnnotatedCsv,
        Form.JSONL: JsonLines,
        Form.LINE: LineProtocol,
    }
    return makers[form]()


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export", epilog=_EXAMPLES)(export)


def export(
    measurements: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MEASUREMENT]...", help="Their names; none: all that the store has."),
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="First instant: 2021-06-25, RFC 3339, -2d or -6h.")
    ] = None,
    end: Annotated[str | None, typer.Option(help="The instant to stop before.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only rows with this tag, as k=v. Repeatable.")
    ] = None,
    form: Annotated[
        Form, typer.Option("--format", help="Annotated CSV, JSON lines, line protocol.")
    ] = Form.CSV,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; one in .gz is gzipped.", show_default="standard output"),
    ] = None,
    store: StoreName = TIMESERIES,
) -> None:
    """Write MEASUREMENTs so that `labmon replay` stores them again exactly: values, types, tags, flags.

    Rows are read in portions: any length of time fits into memory. What a form cannot carry (a newline in a
    tag, infinity) ends it with an error that names it.
    """
    window = Window(instant_option(start, EARLIEST), instant_option(end, LATEST))
    tags = dict(pair(text) for text in tag or [])
    with opened(store) as source:
        names = measurements or source.measurements()
        for name in names:
            check_known("tag", tags, columns_of(source, name)[0])
        rows, write = 0, writer_of(form).write
        with _output(out) as file:
            for points in chain.from_iterable(stored(source, name, window, tags) for name in names):
                file.write(write(points))
                rows += points.rows.height
    remark(f"{rows:,} points of {len(names)} measurements" if rows else "no rows")


@contextmanager
def _output(out: Path | None) -> Iterator[BinaryIO]:
    """Open what is written to. A file has its name only once it is whole."""
    if out is None:
        yield output().buffer
        return
    part = out.with_name(f"{out.name}.part")
    opener = igzip.open if out.suffix == ".gz" else open
    try:
        with opener(part, "wb") as file:
            yield file
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
