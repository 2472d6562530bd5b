"""A station log of three days, a store, and what InfluxDB itself would hold of the same lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

from labmon_dagster.journal import Journal
from labmon_dagster.journal.line import Message
from labmon_dagster.landing import Delivery, Landing, ask
from labmon_dagster.model import DAY, SECOND, TIME, Batch, Window
from labmon_dagster.model.window import day_number, days_between
from labmon_dagster.station_log.source import VERSION, LogJournal, LogReadings
from labmon_dagster.stores import LedgerRow, ReadingStore

ASSET, LOG = "eht/vlbimon_local", "eht/vlbimon"
DAYS = [date(2024, 5, 1), date(2024, 5, 2), date(2024, 5, 3)]
NOW = (day_number(DAYS[-1]) * DAY) + DAY // 2
EVER = Window(0, 2**62)
Identity: TypeAlias = tuple[str, str, int]


class DiedError(Exception):
    """The program was killed."""


@dataclass
class World:
    """``held``: measurement, tag and time of each point → its fields, the later line over the earlier."""

    store: ReadingStore
    root: Path
    held: dict[Identity, dict[str, float]] = field(default_factory=dict)
    last: dict[Identity, int] = field(default_factory=dict)
    lost: list[tuple[Identity, str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.journal = Journal(self.root, LOG)
        self.source = LogReadings(LogJournal(self.journal, DAYS[0]))
        self._received = 0

    def write(self, day: int, points: Sequence[tuple[Identity, dict[str, float]]]) -> None:
        """Append an entry of some points to a day."""
        lines = []
        for (measurement, tag, time), values in points:
            told = ",".join(f"{name}={value}" for name, value in values.items())
            lines.append(f"{measurement}{f',at={tag}' if tag else ''} {told} {time}")
            own = self.held.setdefault((measurement, tag, time), {})
            for name in values:
                if name in own and own[name] != values[name]:
                    self.lost.append(((measurement, tag, time), name, own[name]))
            own |= values
            self.last[(measurement, tag, time)] = max(day, self.last.get((measurement, tag, time), day))
        self._received += SECOND
        at = day_number(DAYS[day]) * DAY + self._received
        self.journal.append_many([Message("\n".join(lines).encode(), {}, at)])

    def read(
        self, first: int, last: int, *, whole: bool = False, replaced: bool = False, dies: int = -1
    ) -> dict[date, LedgerRow]:
        """Read some days; ``dies``: the program is killed after so many batches."""
        days = tuple(days_between(DAYS[first], DAYS[last]))
        request = ask(self.source, self.store.ledger(ASSET), days, NOW, whole=whole or replaced)
        delivery = Delivery(
            ASSET,
            "",
            days,
            whole=not request.since,
            replace=replaced,
            version=VERSION,
            stream_of=self.source.stream_of,
            by_receipt=True,
        )
        given = self.source.read(request)
        if dies >= 0:
            given = replace(given, batches=_killed(given.batches, dies))
        with suppress(DiedError):
            return Landing(self.store, delivery, NOW).land(given)
        return {}

    def stored(self) -> dict[Identity, dict[str, float]]:
        """What the store has."""
        found: dict[Identity, dict[str, float]] = {}
        for name in self.store.measurements():
            tags, fields = self.store.columns(name)
            rows = self.store.fetch(name, EVER)
            for row in rows.with_columns(rows[TIME].cast(int).alias("_ns")).iter_rows(named=True):
                values = {one: row[one] for one in fields if row[one] is not None}
                found[(name, row["at"] if "at" in tags else "", row["_ns"])] = values
        return found

    @property
    def overwritten(self) -> set[tuple[str, float]]:
        """Values that other ones took the place of for good."""
        return {(name, value) for one, name, value in self.lost if self.held[one][name] != value}

    def in_quarantine(self) -> set[tuple[str, float]]:
        """All values of the pieces in quarantine."""
        raws: list[dict[str, Any]] = [json.loads(one.raw) for one in self.store.quarantined(ASSET)]
        return {(name, value) for raw in raws for name, value in raw.items()}


def _killed(batches: Iterator[Batch], after: int) -> Iterator[Batch]:
    for number, batch in enumerate(batches):
        if number >= after:
            raise DiedError
        yield batch
