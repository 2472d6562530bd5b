"""`labmon journal prune`: remove days that every asset fed by them has proven; nothing goes by itself."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from labmon_dagster.cli.common import examples, feeds, output
from labmon_dagster.formats import aligned, printable
from labmon_dagster.journal import Journal, prune, sources
from labmon_dagster.journal.closing import GRACE, is_closed
from labmon_dagster.landing.close import NOT_KEPT
from labmon_dagster.lookup import NothingStoredError, check_known, existing_any
from labmon_dagster.quality import nanoseconds
from labmon_dagster.settings import journal_root
from labmon_dagster.stores import LedgerRow

if TYPE_CHECKING:
    from labmon_dagster.components.feed import Feed

EXAMPLES = examples(
    "journal prune cms_mtd/power --older-than 90d", "journal prune cms_mtd/power --older-than 90d --yes"
)
_UNFED = "no asset is fed by this journal: nobody has proven the day"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A day that is old enough: how long it is (bytes), and why it is kept; '' if it may go."""

    day: str
    size: int
    kept: str


def pruned(
    source: Annotated[str, typer.Argument(help="The journal; a wrong name lists those there are.")],
    older_than: Annotated[str, typer.Option(help="Only days that ended so long ago: 90d.")],
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; without it they are only shown.")] = False,
) -> None:
    """Remove old days of a journal that every asset fed by it has proven: there is no way back.

    A day is proven when it was read as a whole after its end, and the store holds all of it. A mark
    stays where a day was removed.
    """
    age = _age(older_than)
    check_known("journal", [source], sources(journal_root()))
    journal, now = Journal(journal_root(), source), time.time_ns()
    old = {day: journal.size(day) for day in journal.days() if is_closed(day, now, max(age, GRACE))}
    if not old:
        typer.echo(f"{source} has no day that ended more than {older_than} ago")
        return
    verdicts = _verdicts(old, [feed for feed in feeds() if feed.journal == source])
    _show(journal, verdicts, yes)


def _age(text: str) -> int:
    try:
        return nanoseconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _show(journal: Journal, verdicts: Iterable[Verdict], yes: bool) -> None:
    verdicts = list(verdicts)
    free = {one.day: one.size for one in verdicts if not one.kept}
    gone = {one.day for one in prune(journal, free, free)} if yes else set()
    rows = [(one.day, f"{one.size} bytes", _said(one, yes, one.day in gone)) for one in verdicts]
    output().writelines(f"{line}\n" for line in aligned(rows, right=(1,)))
    told = f"{len(gone)} of {len(rows)} days were removed"
    if not yes:
        told = f"{len(free)} of {len(rows)} days can be removed" + ("; --yes removes them" if free else "")
    typer.echo(f"{told}, {sum(free[day] for day in (gone if yes else free))} bytes")


def _said(one: Verdict, yes: bool, gone: bool) -> str:
    if one.kept:
        return printable(f"kept: {one.kept}")
    if not yes:
        return "would be removed"
    return "removed" if gone else "kept: something came just now"


def _verdicts(sizes: dict[str, int], fed: list[Feed]) -> list[Verdict]:
    ledgers = {feed.asset: _ledger(feed) for feed in fed}
    return [Verdict(day, size, _why_kept(day, size, ledgers)) for day, size in sizes.items()]


def _ledger(feed: Feed) -> dict[date, LedgerRow]:
    try:
        with closing(existing_any(feed.store_key)) as store:
            return store.ledger(feed.asset)
    except NothingStoredError:
        return {}


def _why_kept(day: str, size: int, ledgers: dict[str, dict[date, LedgerRow]]) -> str:
    if not ledgers:
        return _UNFED
    reasons = (
        (asset, _lacks(day, size, ledger.get(date.fromisoformat(day)))) for asset, ledger in ledgers.items()
    )
    return "; ".join(f"{asset} {reason}" for asset, reason in reasons if reason)


def _lacks(day: str, size: int, row: LedgerRow | None) -> str:
    if row is None or not row.was_read:
        return "has not read it"
    if not row.proven:
        return "has not proven it" + (f": {row.trouble}" if row.trouble else "")
    # Proven, but something has come since which the next tick will see.
    reached = row.read_until[day].offset if day in row.read_until else 0
    if row.verdict != NOT_KEPT and reached < size:
        return f"has read only {reached} of {size} bytes"
    return "has pieces of it in quarantine, whose raw text the journal has" if row.counts.quarantined else ""
