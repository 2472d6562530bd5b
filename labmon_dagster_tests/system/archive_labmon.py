"""What Dagster starts of labmon for one asset, by a clock that is told: ticks, audits and recounts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from labmon_dagster.automation.plan import RECOUNT_DAYS, Span, audit_spans, news_span
from labmon_dagster.landing import Delivery, Landing, ask, news_position, time_boxed
from labmon_dagster.landing.recount import recount
from labmon_dagster.model import SECOND
from labmon_dagster.model.window import days_between
from labmon_dagster.sources.wincc_archive.reader import ArchiveReadings
from labmon_dagster.sources.wincc_archive.sqlite import SqliteArchive
from labmon_dagster.stores import InfluxStore, LedgerRow, StoreError
from labmon_dagster.stores.influxdb import Target
from labmon_dagster_tests.servers.process import HOST
from labmon_dagster_tests.sources.wincc_archive.archives import FIRST, SCHEMA, SPEC
from labmon_dagster_tests.system.archive_worker import LABMON, Answer, Command, LandingError

ASSET = "cms_mtd/dcs_readings"
ROWS, LINES = 3000, 500
PATIENCE = 60.0


def target_at(port: int) -> Target:
    """Where labmon stores. It does not wait for a server that is away: the next tick comes soon."""
    return Target.parse(f"influxdb1+http://{HOST}:{port}/{LABMON}?batch={LINES}&patience=0")


@dataclass(frozen=True, slots=True)
class Labmon:
    """What Dagster starts of labmon for one asset, by a clock that is told."""

    archive: SqliteArchive
    target: Target

    def tick(self, now: datetime) -> Answer:
        """Read what is new, and days that were missed or opened again."""
        ledger, source = self._ledger(), self._source(now)
        news = source.news(news_position(source, ledger, now.date()))
        span = news_span(ledger, FIRST, now, news=news)
        return self._read(span, now, whole=False) if span else {}

    def audit(self, now: datetime) -> Answer:
        """Read past days that are not proven as a whole."""
        found: Answer = {}
        for span in audit_spans(self._ledger(), FIRST, now):
            found |= self._read(span, now, whole=True)
        return found

    def recount(self, now: datetime) -> Answer:
        """Count the past days on both sides; say which are opened again, and what each lacks."""
        yesterday = now.date() - timedelta(days=1)
        days = days_between(max(FIRST, yesterday - timedelta(days=RECOUNT_DAYS - 1)), yesterday)
        if not days:
            return {}
        with closing(InfluxStore(self.target)) as store:
            found = recount(store, self._source(now), ASSET, SPEC.measurement, days, _ns(now))
        return {day.isoformat(): lacking for day, lacking in found.reopened.items()}

    def _ledger(self) -> Mapping[date, LedgerRow]:
        with closing(InfluxStore(self.target)) as store:
            return store.ledger(ASSET)

    def _source(self, now: datetime) -> ArchiveReadings:
        return ArchiveReadings(self.archive, SPEC, ROWS, clock=lambda: _ns(now))

    def _read(self, span: Span, now: datetime, *, whole: bool) -> Answer:
        days, source = tuple(days_between(span.first, span.last)), self._source(now)
        request = ask(source, self._ledger(), days, _ns(now), whole=whole)
        delivery = Delivery(ASSET, SPEC.measurement, days, whole=not request.since, version="1")
        readings = time_boxed(source.read(request), PATIENCE, ASSET)
        with closing(InfluxStore(self.target)) as store:
            try:
                rows = Landing(store, delivery, _ns(now)).land(readings)
            except StoreError as error:
                raise LandingError(str(error)) from error
        return {day.isoformat(): row.in_store for day, row in rows.items()}


def commands(settings: Mapping[str, Any]) -> dict[str, Command]:
    """Give what a worker can be told."""
    archive = SqliteArchive(Path(settings["archive"]), SCHEMA)
    program = Labmon(archive, target_at(settings["port"]))
    return {"tick": program.tick, "audit": program.audit, "recount": program.recount}


def _ns(now: datetime) -> int:
    return int(now.timestamp()) * SECOND
