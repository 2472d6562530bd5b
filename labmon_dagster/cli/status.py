"""`labmon status`: the ledger as a calendar: which days are proven, which are missing, and why."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from labmon_dagster.cli.common import StoreName, complain, day_option, examples, feeds, opened, output, remark
from labmon_dagster.cli.hours import Hour, hours_of, show_hours
from labmon_dagster.cli.months import LEGEND, show_calendar, show_reasons
from labmon_dagster.lookup import check_known
from labmon_dagster.model.window import instant_text
from labmon_dagster.quality import nanoseconds
from labmon_dagster.report import DayReport, calendar
from labmon_dagster.settings import TIMESERIES
from labmon_dagster.stores import LedgerRow, ReadingStore

_EXAMPLES = examples(
    "status",
    "status ameriflux_umbs/tower_46m --days 366",
    "status --until 2021-06-30 --days 30",
    "status ameriflux_umbs/tower_46m --day 2021-06-25 --expected 5s",
    "status --store local",
)


class Shape(StrEnum):
    """How the state is written."""

    TABLE = "table"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status", epilog=_EXAMPLES)(status)


def status(
    asset: Annotated[str | None, typer.Argument(help="Its key; without it all assets are shown.")] = None,
    days: Annotated[int, typer.Option(min=1, help="How many days to show.")] = 31,
    until: Annotated[str | None, typer.Option(help="The last day to show, instead of today.")] = None,
    day: Annotated[str | None, typer.Option(help="Show the 24 hours of this day instead.")] = None,
    expected: Annotated[str | None, typer.Option(help="Time between rows, for --day: 5s, 30min.")] = None,
    shape: Annotated[Shape, typer.Option("--format", help="How it is written.")] = Shape.TABLE,
    store: StoreName = TIMESERIES,
) -> None:
    """Show how far each asset was read, day by day in UTC, and what hinders the days that are not proven.

    With --day: the rows of each hour beside the number expected, which is taken from the asset's YAML
    unless --expected is given.
    """
    today = datetime.now(UTC).date()
    last = day_option(until) or today
    hour_day = day_option(day)
    with opened(store) as books:
        assets = books.assets()
        check_known("asset", [asset] if asset else [], assets)
        if not assets:
            remark(f"nothing has been read into store {store!r} yet")
        chosen = [asset] if asset else assets
        if hour_day:
            _by_hour(books, chosen, hour_day, expected, shape)
        else:
            _by_day([Overview(one, books.ledger(one), last, days, today) for one in chosen], shape)


class Overview:
    """An asset's ledger over some days."""

    def __init__(self, asset: str, ledger: dict[date, LedgerRow], last: date, days: int, today: date) -> None:
        self.asset = asset
        self.today = today
        self.days = calendar(ledger, last - timedelta(days=days - 1), last)
        self.oldest = min(ledger, default=None)
        self.read = max((row.written for row in ledger.values() if row.was_read), default=None)

    @property
    def unproven(self) -> list[DayReport]:
        """The days that are over and not proven, with the reason."""
        return [self._explained(one) for one in self.days if one.day < self.today and not one.proven]

    def _explained(self, one: DayReport) -> DayReport:
        if self.oldest is None or one.day >= self.oldest:
            return one
        return DayReport(one.day, one.state, one.rows, "never read, nor was any day before")

    @property
    def last_read(self) -> str:
        """When the asset was last read."""
        return "never" if self.read is None else instant_text(self.read)

    @property
    def counts(self) -> dict[str, int]:
        """How many days are in which state."""
        states = [one.state for one in self.days]
        return {state.value: states.count(state) for state in LEGEND if state in states}


def _by_day(overviews: Iterable[Overview], shape: Shape) -> None:
    if shape is Shape.JSON:
        told = {
            one.asset: {
                "last_read": None if one.read is None else one.last_read,
                "rows": sum(day.rows for day in one.days),
                "counts": one.counts,
                "days": [_as_json(day) for day in one.days],
                "unproven": [_as_json(day) for day in one.unproven],
            }
            for one in overviews
        }
        output().write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        return
    for one in overviews:
        rows = sum(day.rows for day in one.days)
        show_calendar(one.asset, one.days)
        counted = ", ".join(f"{number} {state}" for state, number in one.counts.items())
        typer.echo(f"  {len(one.days)} days: {counted}; {rows} rows; last read {one.last_read}")
        show_reasons(one.unproven)
        typer.echo()


def _as_json(one: DayReport) -> dict[str, object]:
    return {**asdict(one), "day": one.day.isoformat(), "state": one.state.value, "proven": one.proven}


def _by_hour(store: ReadingStore, assets: list[str], day: date, expected: str | None, shape: Shape) -> None:
    intervals = _intervals(assets, expected)
    found = {asset: hours_of(store, asset, day, intervals.get(asset)) for asset in assets}
    if shape is Shape.JSON:
        told = {
            asset: {"day": day.isoformat(), "hours": [asdict(one) for one in hours]}
            for asset, hours in found.items()
        }
        output().write(json.dumps(told, indent=2) + "\n")
        return
    for asset, hours in found.items():
        _titled(asset, day, hours)


def _titled(asset: str, day: date, hours: list[Hour]) -> None:
    rows = sum(one.rows for one in hours)
    wanted = sum(one.expected or 0 for one in hours)
    typer.echo(f"{asset} on {day} (UTC): {rows} rows{f' of {wanted} expected' if wanted else ''}")
    show_hours(hours)


def _intervals(assets: list[str], expected: str | None) -> dict[str, int]:
    if expected is not None:
        try:
            return dict.fromkeys(assets, nanoseconds(expected))
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
    try:
        return {feed.asset: feed.interval for feed in feeds() if feed.interval}
    except ValueError as error:
        complain(error)
        return {}
