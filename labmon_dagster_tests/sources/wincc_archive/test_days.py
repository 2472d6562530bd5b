"""An archive that grows, read by ticks and audits of any days in any order: nothing is missing."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labmon_dagster.automation.plan import Span, audit_spans, news_span
from labmon_dagster.landing import Delivery, Landing, ask, news_position
from labmon_dagster.model import Window
from labmon_dagster.model.window import days_between
from labmon_dagster.sources.wincc_archive.reader import ArchiveReadings
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.sources.wincc_archive.archives import FIRST, SPEC, Archive, small

ASSET = "cms/archive"
Step: TypeAlias = tuple[str, int]
BEGIN = datetime(2025, 6, 1, 6, tzinfo=UTC)


class World:
    """An archive, a store, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.archive: Archive = small(folder / "archive.db")
        self.source: ArchiveReadings = self.archive.source()
        self.store = SqliteStore(folder / "readings.db")
        self.now = BEGIN
        self.rows = 0

    def go(self, step: Step) -> None:
        """``grow``: rows a quarter of an hour apart, for so many; ``audit``: a day; ``tick``."""
        what, number = step
        if what == "grow":
            for _ in range(number):
                self.now += timedelta(minutes=15)
                self.rows += 1
                self.archive.mtrs((101 + self.rows % 3, self.now.replace(tzinfo=None), float(self.rows)))
        elif what == "wait":
            self.now += timedelta(hours=number)
        elif what == "audit":
            day = min(FIRST + timedelta(days=number % 4), self.now.date())
            self.land(Span(day, day), whole=True)
        else:
            self.tick()

    def tick(self) -> None:
        ledger = self.store.ledger(ASSET)
        news = self.source.news(news_position(self.source, ledger, self.now.date()))
        if span := news_span(ledger, FIRST, self.now, news=news):
            self.land(span, whole=False)

    def audit(self) -> None:
        for span in list(audit_spans(self.store.ledger(ASSET), FIRST, self.now)):
            self.land(span, whole=True)

    def land(self, span: Span, *, whole: bool) -> None:
        days: list[date] = days_between(span.first, span.last)
        now = int(self.now.timestamp()) * 10**9
        request = ask(self.source, self.store.ledger(ASSET), days, now, whole=whole)
        delivery = Delivery(ASSET, SPEC.measurement, tuple(days), whole=not request.since)
        Landing(self.store, delivery, now).land(self.source.read(request))

    def stored(self) -> list[float]:
        rows = self.store.fetch(SPEC.measurement, Window(0, 1 << 62))
        return sorted(rows["value"].to_list()) if rows.height else []


STEPS = st.one_of(
    st.tuples(st.just("grow"), st.integers(1, 60)),
    st.tuples(st.just("wait"), st.integers(1, 30)),
    st.tuples(st.just("audit"), st.integers(0, 3)),
    st.tuples(st.just("tick"), st.just(0)),
)


@settings(max_examples=60)
@given(st.lists(STEPS, max_size=8))
@example([("grow", 40), ("tick", 0), ("grow", 100), ("audit", 0), ("tick", 0)])
@example([("grow", 90), ("audit", 0), ("wait", 1), ("tick", 0)])
def test_nothing_is_missing_after_a_tick_and_an_audit(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step]
) -> None:
    world = World(tmp_path_factory.mktemp("w"))
    with closing(world.store):
        world.store.database.connection.execute("PRAGMA synchronous=OFF")
        for step in steps:
            world.go(step)
        world.tick()
        world.audit()
        assert world.stored() == [float(n) for n in range(1, world.rows + 1)]
        ledger = world.store.ledger(ASSET)
        assert all(row.proven for day, row in ledger.items() if day < world.now.date())
