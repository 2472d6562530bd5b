"""Days that were pruned from a journal: what is stored stays, what comes late is read, no more is claimed."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, date, datetime

import dagster as dg
import pytest

from labmon_dagster import settings
from labmon_dagster.automation.plan import audit_spans
from labmon_dagster.collector.station import meta_of
from labmon_dagster.components import Devices
from labmon_dagster.journal import Journal, Message, prune
from labmon_dagster.landing import news_position
from labmon_dagster.model import SECOND
from labmon_dagster.model.devices import Heard
from labmon_dagster.sources.cryomech.emulator import CompressorEmulator
from labmon_dagster.sources.cryomech.frames import registers_query
from labmon_dagster.stores import LedgerRow
from labmon_dagster_tests.labs import materialize

DAY = date(2026, 3, 2)
NOON = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()) * SECOND
GIVEN = {
    "asset": "ricochet/compressor",
    "collection": "compressor",
    "start": "2026-03-01",
    "devices": [{"name": "pulse_tube", "type": "CMCPA", "address": "tcp://127.0.0.1:1", "poll": "1d"}],
    "timeseries": {"measurement": "compressor"},
}


@pytest.fixture
def compressor() -> Devices:
    return Devices.model_validate(GIVEN)


def say(compressor: Devices, at: int) -> Journal:
    """Journal an answer of the compressor."""
    journal = Journal(settings.journal_root(), compressor.asset)
    reply = CompressorEmulator(clock=lambda: at / SECOND).reply(registers_query())
    assert reply is not None
    heard = Heard(reply.payload, at, "modbus")
    journal.append_many([Message(heard.payload, meta_of(compressor.stations()[0].settings, heard), at)])
    return journal


def row(asset: str, *, documents: bool = True) -> LedgerRow:
    with closing(settings.open_documents() if documents else settings.open_store()) as store:
        return store.ledger(asset)[DAY]


def pruned(compressor: Devices, instance: dg.DagsterInstance) -> Journal:
    """Deliver a day, and prune it."""
    journal = say(compressor, NOON)
    materialize(compressor.feed(), str(DAY), instance=instance)
    assert [one.day for one in prune(journal, [str(DAY)])] == [str(DAY)]
    return journal


def test_a_whole_read_leaves_it_as_it_was(compressor: Devices, instance: dg.DagsterInstance) -> None:
    pruned(compressor, instance)
    before = row(compressor.asset)
    materialize(compressor.feed(), str(DAY), instance=instance)
    after = row(compressor.asset)
    assert (after.proven, after.verdict, after.in_store) == (True, "stored", 1)
    assert (after.first, after.last, after.read_until) == (before.first, before.last, before.read_until)


@pytest.mark.parametrize("mode", ["news", "whole"])
def test_what_comes_late_is_delivered_and_the_day_is_not_asked_for_again(
    compressor: Devices, instance: dg.DagsterInstance, mode: str
) -> None:
    pruned(compressor, instance)
    say(compressor, NOON + SECOND)
    feed = compressor.feed()
    with closing(settings.open_documents()) as store:
        assert feed.source.news(news_position(feed.source, store.ledger(feed.asset), DAY))
    materialize(feed, str(DAY), instance=instance, mode=mode)
    after = row(feed.asset)
    assert (after.proven, after.verdict, after.in_store) == (True, "stored", 2)
    with closing(settings.open_documents()) as store:
        ledger = store.ledger(feed.asset)
        assert not feed.source.news(news_position(feed.source, ledger, DAY))
    assert list(audit_spans(ledger, DAY, datetime(2026, 3, 3, 1, tzinfo=UTC))) == []


def test_an_asset_that_never_read_it_says_so(compressor: Devices, instance: dg.DagsterInstance) -> None:
    pruned(compressor, instance)
    readings = compressor.feeds()[1]
    for mode in ("news", "whole"):
        materialize(readings, str(DAY), instance=instance, mode=mode)
        found = row(readings.asset, documents=False)
        assert (found.proven, found.verdict, found.in_store) == (True, "pruned", 0)


def test_a_bad_file_of_another_day_keeps_no_day_from_being_read(
    compressor: Devices, instance: dg.DagsterInstance
) -> None:
    journal = say(compressor, NOON - 86_400 * SECOND)
    feed = compressor.feed()
    materialize(feed, "2026-03-01", instance=instance)
    packed = journal.folder / "2026-03-01.jsonl.gz"  # a day that is over is compressed by who asks
    packed.write_bytes(packed.read_bytes()[:-20])
    say(compressor, NOON)
    materialize(feed, str(DAY), instance=instance)
    assert (row(feed.asset).proven, row(feed.asset).in_store) == (True, 1)
    materialize(feed, "2026-03-01", instance=instance)
    with closing(settings.open_documents()) as store:
        bad = store.ledger(feed.asset)[date(2026, 3, 1)]
    assert not bad.proven
    assert "2026-03-01.jsonl.gz" in bad.trouble


def test_a_file_that_is_not_the_one_read_before_is_read_from_its_beginning(
    compressor: Devices, instance: dg.DagsterInstance
) -> None:
    now = time.time_ns()
    journal = say(compressor, now)
    say(compressor, now + 1)
    feed, today = compressor.feed(), datetime.now(UTC).date().isoformat()
    materialize(feed, today, instance=instance)
    (journal.folder / f"{today}.jsonl").unlink()
    say(compressor, now + 2)
    materialize(feed, today, instance=instance, mode="news")
    with closing(settings.open_documents()) as store:
        assert store.ledger(feed.asset)[date.fromisoformat(today)].in_store == 3
