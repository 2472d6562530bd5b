"""`labmon status`: the ledger as a calendar: which days are proven, which are missing, and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated

import typer
from msgspec.structs import asdict as asdict_of

from labmon_dagster import settings
from labmon_dagster.cli.common import (
    AnyStore,
    AnyStoreName,
    all_opened,
    complain,
    day_option,
    examples,
    feeds,
    output,
    remark,
)
from labmon_dagster.cli.health import devices_of, show_health
from labmon_dagster.cli.health import failures as failures_of_devices
from labmon_dagster.cli.hours import Hour, hours_of, show_hours
from labmon_dagster.cli.months import show_calendar, show_reasons
from labmon_dagster.cli.overview import Overview
from labmon_dagster.cli.overview import failures as failures_of_days
from labmon_dagster.collector import health
from labmon_dagster.collector.health import Health
from labmon_dagster.lookup import NothingStoredError, check_known
from labmon_dagster.quality import nanoseconds
from labmon_dagster.stores import LedgerRow

_EXAMPLES = examples(
    "status",
    "status ameriflux_umbs/tower_46m --days 366",
    "status --until 2021-06-30 --days 30",
    "status ameriflux_umbs/tower_46m --day 2021-06-25 --expected 5s",
    "status --store local",
    "status --days 7 --fail",
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
    store: AnyStoreName = None,
    fail: Annotated[
        bool, typer.Option("--fail", help="Exit code 1 if something is not as it should be, for cron.")
    ] = False,
) -> None:
    """Show how far each asset was read, day by day in UTC, and what hinders the days that are not proven.

    Below it how each device does, as the collector says; not where a store is named.

    With --day instead: the rows of each hour beside the number expected, which is taken from the asset's YAML
    unless --expected is given.

    With --fail the exit code is 1, and stderr says why, if a device is in trouble, silent or late, if the
    collector is gone or was stopped, or if a day shown that ended more than four hours ago is not proven.
    Days before the first that was ever read do not count.
    """
    if fail and day:
        raise typer.BadParameter("--fail judges days and devices, not hours: leave out --day")
    now = datetime.now(UTC)
    last = day_option(until) or now.date()
    hour_day = day_option(day)
    told = None if store or hour_day else health.read(settings.collector_folder())
    overviews: list[Overview] = []
    try:
        with all_opened(store) as stores:
            there = _knowing(stores.values())
            asked = [asset] if asset else sorted(there)
            check_known("asset", asked, {*there, *(told.assets if told else ())})
            if not there:
                remark(f"nothing has been read into store {' or '.join(key.name for key in stores)} yet")
            chosen = {one: there[one] for one in asked if one in there}
            if hour_day:
                _by_hour(chosen, hour_day, expected, shape)
                return
            ledgers = {one: _ledger(one, books) for one, books in chosen.items()}
            overviews = [Overview(one, ledger, last, days, now.date()) for one, ledger in ledgers.items()]
            _by_day(overviews, shape, told)
    except NothingStoredError as nothing:
        if told is None:
            raise _none_stored(store, nothing) from nothing
        check_known("asset", [asset] if asset else [], told.assets)
        remark(str(_none_stored(store, nothing)))
    if told and shape is Shape.TABLE and _concerns(told, asset):
        show_health(told, asset)
    if fail:
        unread = [] if overviews else [f"{asset or 'the lab'}: nothing was read yet"]
        _fail(unread + failures_of_days(overviews, now) + _failures(told, asset))


def _none_stored(store: str | None, nothing: NothingStoredError) -> NothingStoredError:
    """Give what is to be said where no store has a file: of both of the lab's own, if none was named."""
    if store:
        return nothing
    names = (settings.TIMESERIES, settings.DOCUMENTS)
    files = [settings.store_url(name).removeprefix("sqlite:///") for name in names]
    variables = [settings.HOME, *map(settings.url_variable, names)]
    return NothingStoredError(
        f"nothing is stored yet: there is no file {' and no file '.join(files)} "
        f"({', '.join(variables[:-1])} and {variables[-1]} say where they are)"
    )


def _concerns(told: Health, asset: str | None) -> bool:
    """Whether the collector has anything to do with an asset (any: None)."""
    return asset is None or asset in told.assets or bool(devices_of(told, asset))


def _failures(told: Health | None, asset: str | None) -> list[str]:
    return failures_of_devices(told, asset) if told and _concerns(told, asset) else []


def _fail(reasons: Sequence[str]) -> None:
    for reason in reasons:
        complain(reason)
    if reasons:
        raise typer.Exit(1)


def _knowing(stores: Iterable[AnyStore]) -> dict[str, list[AnyStore]]:
    """Give the stores whose ledger knows an asset: two where an SQLite file holds readings and documents."""
    found: dict[str, list[AnyStore]] = {}
    for store in stores:
        for asset in store.assets():
            found.setdefault(asset, []).append(store)
    return found


def _ledger(asset: str, stores: Sequence[AnyStore]) -> dict[date, LedgerRow]:
    """Give an asset's ledger; where it once was landed in another store, the one written last."""
    ledgers = [store.ledger(asset) for store in stores]
    return max(ledgers, key=lambda ledger: max((row.written for row in ledger.values()), default=0))


def _by_day(overviews: Iterable[Overview], shape: Shape, health: Health | None) -> None:
    if shape is Shape.JSON:
        told = {
            one.asset: {
                **one.as_json(),
                "devices": [asdict_of(device) for device in devices_of(health, one.asset)] if health else [],
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


def _by_hour(assets: Mapping[str, Sequence[AnyStore]], day: date, expected: str | None, shape: Shape) -> None:
    intervals = _intervals(list(assets), expected)
    found = {asset: _hours(stores, asset, day, intervals.get(asset)) for asset, stores in assets.items()}
    if shape is Shape.JSON:
        told = {
            asset: {"day": day.isoformat(), "hours": [asdict(one) for one in hours]}
            for asset, hours in found.items()
        }
        output().write(json.dumps(told, indent=2) + "\n")
        return
    for asset, hours in found.items():
        _titled(asset, day, hours)


def _hours(stores: Sequence[AnyStore], asset: str, day: date, interval: int | None) -> list[Hour]:
    """Count the rows of an asset in each hour, in all stores that know it."""
    counted = [hours_of(store, asset, day, interval) for store in stores]
    return [replace(same[0], rows=sum(one.rows for one in same)) for same in zip(*counted, strict=True)]


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
