"""What to ask of a source for some days, from what the ledger knows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from labmon_dagster.landing.close import newest_position
from labmon_dagster.model import NOWHERE, Request, Window
from labmon_dagster.model.position import earliest
from labmon_dagster.stores import LedgerRow


def ask(ledger: Mapping[date, LedgerRow], days: Sequence[date], now: int, *, whole: bool) -> Request:
    """Give the request for ``days`` (in a row).

    For news a source is read behind the earliest position of these days; a day the ledger does not
    know begins where the latest read ended, since every read notes the days it saw.
    """
    newest = newest_position(ledger.values())
    positions = [ledger[day].read_until if day in ledger else newest for day in days]
    since = NOWHERE if whole else earliest(positions)
    return Request(Window.of_days(days[0], days[-1]), since, newest, now)
