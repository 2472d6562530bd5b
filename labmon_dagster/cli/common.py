"""What the commands share: how errors are told, where text goes, what an option means."""

from __future__ import annotations

import io
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, TextIO, TypeAlias, TypeVar

import click
import typer
from typer.core import TyperGroup

from labmon_dagster import settings
from labmon_dagster.lookup import NothingStoredError, check_known, existing_any, existing_store, instant
from labmon_dagster.model import SourceError
from labmon_dagster.records.errors import RecordError
from labmon_dagster.settings import StoreKey
from labmon_dagster.stores import DocumentStore, LedgerError, ReadingStore, StoreError

if TYPE_CHECKING:
    from labmon_dagster.components.feed import Feed

EXPECTED = (ValueError, SourceError, StoreError, LedgerError, RecordError, sqlite3.Error, OSError)
StoreName: TypeAlias = Annotated[
    str, typer.Option("--store", help="The store's name; LABMON_<NAME>_URL says where it is.")
]
RecordsName: TypeAlias = Annotated[
    str, typer.Option("--records", help="The store of documents that has the runs.")
]
AnyStoreName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="The store's name, of readings or documents; LABMON_<NAME>_URL says where it is.",
        show_default="the lab's own two, as far as they are there",
    ),
]
AnyStore: TypeAlias = ReadingStore | DocumentStore
T = TypeVar("T")


class Told(TyperGroup):
    """A group of commands that tells expected errors in one line, with exit code 1, and no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except EXPECTED as error:
            complain(error)
            raise typer.Exit(1) from error


def complain(error: object) -> None:
    """Say on stderr, in one line, what is wrong."""
    typer.echo(f"labmon: {' '.join(str(error).split())}", err=True)


def remark(text: str) -> None:
    """Say something on stderr that is not data."""
    typer.echo(text, err=True)


def examples(*commands: str) -> str:
    """Examples for the end of a command's help, one per line."""
    return "\b\nExamples:\n" + "\n".join(f"  labmon {command}" for command in commands)


def output() -> TextIO:
    """Give stdout as it is meant for data: UTF-8, and a line ends in a newline on every system."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    return sys.stdout


@contextmanager
def opened(name: str = settings.TIMESERIES) -> Iterator[ReadingStore]:
    """Open a store to look at it; it is never created."""
    with closing(existing_store(name)) as store:
        yield store


@contextmanager
def all_opened(name: str | None) -> Iterator[dict[StoreKey, AnyStore]]:
    """Open the stores of a name, or the lab's own two, to look at them; none is created.

    One that cannot be opened is told of while others can, and makes the exit code 1 in the end. Raises what
    is wrong with the first where none can.
    """
    opened: dict[StoreKey, AnyStore] = {}
    errors: list[Exception] = []
    with ExitStack() as held:
        for key in settings.keys_named(name) if name else settings.OWN_STORES:
            try:
                opened[key] = held.enter_context(closing(existing_any(key)))
            except EXPECTED as error:
                errors.append(error)
        troubles = [error for error in errors if not isinstance(error, NothingStoredError)]
        if not opened:
            raise (troubles or errors)[0]
        for trouble in troubles:
            complain(trouble)
        yield opened
    if troubles:
        raise typer.Exit(1)


def feeds() -> list[Feed]:
    """Load all feeds of the lab, and Dagster with them, which takes seconds.

    Raises ValueError where the YAML files have errors.
    """
    from labmon_dagster.components.lab import load_feeds

    try:
        return load_feeds()
    except Exception as error:
        raise ValueError("the YAML files of the lab have errors; `labmon check` lists them") from error


def feed_of(asset: str) -> Feed:
    """Find the feed of an asset. Raises ValueError that names those there are."""
    found = {feed.asset: feed for feed in feeds()}
    check_known("asset", [asset], found)
    return found[asset]


def day_option(text: str | None) -> date | None:
    """Understand a day."""
    return _understood(date.fromisoformat, text, "a day is written 2021-06-25")


def instant_option(text: str | None, otherwise: int) -> int:
    """Understand a time."""
    found = _understood(instant, text, "")
    return otherwise if found is None else found


def _understood(read: Callable[[str], T], text: str | None, hint: str) -> T | None:
    try:
        return None if text is None else read(text)
    except ValueError as error:
        raise typer.BadParameter(hint or str(error)) from error
