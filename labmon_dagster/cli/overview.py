"""An asset's ledger over some days, as `labmon status` shows it and judges it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

from labmon_dagster.cli.months import LEGEND
from labmon_dagster.model.window import instant_text
from labmon_dagster.report import DayReport, calendar
from labmon_dagster.stores import LedgerRow

# A day is read as a whole at the earliest when it is over, and an archive may write a little later.
_GRACE = timedelta(hours=4)


class Overview:
    """An asset's ledger over some days, the last of which is ``last``."""

    def __init__(
        self, asset: str, ledger: Mapping[date, LedgerRow], last: date, days: int, today: date
    ) -> None:
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

    def overdue(self, now: datetime) -> list[DayReport]:
        """The days that should be proven by now: over for hours, and not before all that was ever read."""
        until = (now.astimezone(UTC) - _GRACE).date()
        return [one for one in self.unproven if self.oldest and self.oldest <= one.day < until]

    @property
    def last_read(self) -> str:
        """When the asset was last read."""
        return "never" if self.read is None else instant_text(self.read)

    @property
    def counts(self) -> dict[str, int]:
        """How many days are in which state."""
        states = [one.state for one in self.days]
        return {state.value: states.count(state) for state in LEGEND if state in states}

    def as_json(self) -> dict[str, object]:
        """Everything, as JSON has it."""
        return {
            "last_read": None if self.read is None else self.last_read,
            "rows": sum(day.rows for day in self.days),
            "counts": self.counts,
            "days": [_as_json(day) for day in self.days],
            "unproven": [_as_json(day) for day in self.unproven],
        }


def failures(overviews: Iterable[Overview], now: datetime) -> list[str]:
    """Say what a watch over the lab is to be told of: days that should be proven and are not."""
    overdue = ((one.asset, one.overdue(now)) for one in overviews)
    return [f"{asset}: {_counted(days)} not proven: {days[0].why}" for asset, days in overdue if days]


def _counted(days: Sequence[DayReport]) -> str:
    return f"{days[0].day} is" if len(days) == 1 else f"{len(days)} days since {days[0].day} are"


def _as_json(one: DayReport) -> dict[str, object]:
    return {**asdict(one), "day": one.day.isoformat(), "state": one.state.value, "proven": one.proven}
