"""What the fault script finds in the end: the archive by plain SQL beside what each program stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

from labmon_dagster.model.window import DAY, day_number
from labmon_dagster.stores import InfluxStore, LedgerError, LedgerRow
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.sources.wincc_archive.archives import SPEC, Archive
from labmon_dagster_tests.system.archive_labmon import ASSET, target_at
from labmon_dagster_tests.system.original_loop import sensors

Key: TypeAlias = tuple[int, int]
"""A reading: DPID and time (UTC ns)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS = "strftime('%s', substr(CHANGE_DATE, 1, 19)) * 1000000000 + substr(CHANGE_DATE, 21, 6) * 1000"
_READINGS = " UNION ALL ".join(
    f"SELECT DISTINCT DPID, {_NS}, {table.value} FROM {table.name} WHERE {table.value} IS NOT NULL"
    for table in SPEC.tables
)
NO_FAULT = "no fault"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a program stored. ``missing``: by the fault that a reading belongs to."""

    stored: int
    missing: dict[str, int]
    wrong: int
    duplicates: int
    not_in_archive: int


@dataclass(frozen=True, slots=True)
class Books:
    """What labmon's ledger says of the past days.

    ``balanced``: everything read is accounted for, and the store holds what the archive has.
    """

    past_days: int
    proven: int
    balanced: bool


@dataclass
class Ground:
    """The archive and the server, and which readings belong to which fault."""

    archive: Archive
    server: Influxd
    faults: dict[Key, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named: Any = self.archive.sql("SELECT DPNAME, ID FROM DP_NAME2ID")
        ids: dict[str, int] = dict(named)
        self._ids = {
            tuple(one.tags.get(tag, "") for tag in SPEC.shape.tags): ids[one.name]
            for one in sensors(self.archive.path)
        }

    def readings(self) -> dict[Key, float]:
        """Give every datapoint and time of the archive that has a value."""
        found: Any = self.archive.sql(_READINGS)
        return {(dpid, time): value for dpid, time, value in found}

    def count(self, database: str, begin: datetime, end: datetime) -> int:
        """Count what a program has stored by now of some time."""
        where = f"time >= {ns(begin)} AND time < {ns(end)}"
        found = self.server.query(f"SELECT count(value) FROM {SPEC.measurement} WHERE {where}", db=database)
        return int(found[0]["count"]) if found else 0

    def compare(self, database: str) -> Figures:
        """Hold what a program stored against the archive."""
        expected = self.readings()
        points = self.server.query(f"SELECT value FROM {SPEC.measurement} GROUP BY *", db=database)
        tags = SPEC.shape.tags
        keys = [(self._ids.get(tuple(p.get(t, "") for t in tags), 0), int(p["time"])) for p in points]
        stored = dict(zip(keys, (p["value"] for p in points), strict=True))
        missing = Counter(self.faults.get(key, NO_FAULT) for key in expected.keys() - stored.keys())
        return Figures(
            stored=len(points),
            missing=dict(sorted(missing.items())),
            wrong=sum(stored[key] != expected[key] for key in stored.keys() & expected.keys()),
            duplicates=len(keys) - len(stored),
            not_in_archive=len(stored.keys() - expected.keys()),
        )

    def books(self, today: date) -> Books:
        """Check labmon's ledger of the days before ``today``."""
        with closing(InfluxStore(target_at(self.server.port))) as store:
            ledger = store.ledger(ASSET)
        past = {day: row for day, row in ledger.items() if day < today}
        return Books(len(past), sum(row.proven for row in past.values()), _balanced(past, self.readings()))


def ns(at: datetime) -> int:
    """Give an instant as ns since 1970."""
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def _balanced(ledger: Mapping[date, LedgerRow], readings: Mapping[Key, float]) -> bool:
    days = Counter(time // DAY for _, time in readings)
    try:
        for row in ledger.values():
            row.counts.check(str(row.day))
    except LedgerError:
        return False
    return all(row.in_store == days[day_number(day)] for day, row in ledger.items())
