"""`labmon journal`: what the journals hold, read, compressed, and pruned when it is safe."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from labmon_dagster.cli import journal_cat, journal_prune
from labmon_dagster.cli.common import Told, complain, examples, output, remark
from labmon_dagster.cli.status import Shape
from labmon_dagster.formats import aligned
from labmon_dagster.journal import Damage, FileError, Journal, close_days, sources
from labmon_dagster.lookup import check_known
from labmon_dagster.model.window import instant_text
from labmon_dagster.settings import journal_root

_HEAD = ("journal", "day", "state", "size", "on disk", "first", "last", "entries", "damaged")
_NUMBERS = (3, 4, 7, 8)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(cls=Told, no_args_is_help=True, rich_markup_mode=None)
    group.command(
        "list", epilog=examples("journal list", "journal list cms_mtd/power --count --format json")
    )(listed)
    group.command("cat", epilog=journal_cat.EXAMPLES)(journal_cat.cat)
    group.command("prune", epilog=journal_prune.EXAMPLES)(journal_prune.pruned)
    group.command("compress", epilog=examples("journal compress", "journal compress cms_mtd/power"))(compress)
    app.add_typer(group, name="journal", help="List, read, compress and prune what was heard only once.")


@dataclass(slots=True)
class DayFile:
    """One day of a journal. Sizes are in bytes; ``first`` and ``last`` are times of receipt.

    ``last`` is None where finding it would mean decompressing, ``entries`` where nobody counted.
    """

    journal: str
    day: str
    state: str
    size: int = 0
    disk: int = 0
    first: str | None = None
    last: str | None = None
    entries: int | None = None
    damaged: int | None = None
    trouble: str | None = None


def listed(
    source: Annotated[str | None, typer.Argument(help="Only the journal of this name.")] = None,
    count: Annotated[
        bool, typer.Option("--count", help="Count entries and damaged lines: every file is read.")
    ] = False,
    shape: Annotated[Shape, typer.Option("--format", help="How the list is written.")] = Shape.TABLE,
) -> None:
    """List the days of all journals, with sizes in bytes and times of receipt.

    `size` is that of the uncompressed day. Pruned days are listed too.
    """
    rows = [row for journal in _journals(source) for row in _days(journal, count)]
    if shape is Shape.JSON:
        output().write(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    elif rows:
        output().writelines(f"{line}\n" for line in aligned(_table(rows), right=_NUMBERS))
    else:
        remark(f"nothing was journalled yet in {journal_root()}")
    troubles = [row.trouble for row in rows if row.trouble]
    for trouble in troubles:
        complain(trouble)
    if troubles:
        raise typer.Exit(1)


def compress(
    source: Annotated[str | None, typer.Argument(help="Only the journal of this name.")] = None,
) -> None:
    """Compress the days that have been over for three hours. Writers and readers may go on meanwhile."""
    failed, done = False, 0
    for journal in _journals(source):
        try:
            done += _compressed(journal)
        except (FileError, OSError) as error:
            complain(error)
            failed = True
    if failed:
        raise typer.Exit(1)
    if not done:
        remark("no day is to be compressed")


def _compressed(journal: Journal) -> int:
    days = close_days(journal, time.time_ns())
    for day in days:
        size = journal.day(day).packed.stat().st_size
        typer.echo(f"{journal.source} {day}: {journal.size(day)} bytes in {size}")
    return len(days)


def _journals(source: str | None) -> list[Journal]:
    there = sources(journal_root())
    check_known("journal", [source] if source else [], there)
    return [Journal(journal_root(), name) for name in ([source] if source else there)]


def _days(journal: Journal, count: bool) -> Iterator[DayFile]:
    for day in sorted({*journal.days(), *journal.pruned_days()}):
        files = journal.day(day)
        states = {files.stone: "pruned", files.packed: "compressed", files.plain: "plain"}
        there = [path for path in states if path.exists()]
        row = DayFile(journal.source, day, ", ".join(states[path] for path in there))
        with suppress(FileNotFoundError):  # compressed just now
            row.disk = sum(path.stat().st_size for path in there)
        try:
            _look(journal, row, count)
        except (FileError, OSError) as error:
            row.trouble = str(error)
            row.state = "unreadable"
        yield row


def _look(journal: Journal, row: DayFile, count: bool) -> None:
    row.size = journal.size(row.day)
    damaged: list[Damage] = []
    entries = journal.read(row.day, damaged=damaged.append)
    first = last = next(entries, None)
    if count:
        row.entries = 0 if first is None else 1
        for entry in entries:
            row.entries, last = row.entries + 1, entry
        row.damaged = len(damaged)
    elif journal.day(row.day).plain.exists():
        last = journal.newest(row.day)
    else:
        last = None
    row.first, row.last = (None if one is None else instant_text(one.received) for one in (first, last))


def _table(rows: list[DayFile]) -> list[tuple[str, ...]]:
    lines = [
        (r.journal, r.day, r.state, *map(_text, (r.size, r.disk, r.first, r.last, r.entries, r.damaged)))
        for r in rows
    ]
    sums = [_text(_sum(column)) for column in zip(*((r.entries, r.damaged) for r in rows), strict=True)]
    sizes = [str(sum(column)) for column in zip(*((r.size, r.disk) for r in rows), strict=True)]
    return [_HEAD, *lines, ("total", f"{len(rows)} days", "", *sizes, "", "", *sums)]


def _sum(column: tuple[int | None, ...]) -> int | None:
    known = [one for one in column if one is not None]
    return sum(known) if known else None


def _text(value: object) -> str:
    return "" if value is None else str(value)
