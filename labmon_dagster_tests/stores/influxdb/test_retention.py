"""Databases that forget: where the books lie, what is still written, and days that are proven "not kept"."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest

from labmon_dagster.landing import Delivery, Landing
from labmon_dagster.landing.close import NOT_KEPT
from labmon_dagster.model import DAY, SECOND, Mark, Readings
from labmon_dagster.model.window import day_number, day_of
from labmon_dagster.stores import Counts, InfluxStore, LedgerRow, Quarantined, StoreError
from labmon_dagster.stores.influxdb import Target
from labmon_dagster.stores.influxdb.retention import nanoseconds
from labmon_dagster_tests.databases import influx_url
from labmon_dagster_tests.landing.rows import ASSET, NAME, START, Row, batch
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.servers.translator import Translator
from labmon_dagster_tests.stores.frames import EVER, values
from labmon_dagster_tests.stores.test_books import FULL, PIECE

HOUR = 3600 * SECOND
Forgetting = Callable[[str], InfluxStore]


@pytest.fixture(params=[1, 2])
def forgetting(request: pytest.FixtureRequest, influxd: Influxd) -> Iterator[Forgetting]:
    """Opens a store in a database of its own that keeps its points as long as is said."""
    with ExitStack() as stack:

        def opened(duration: str) -> InfluxStore:
            name, base = f"r{uuid4().hex[:12]}", influxd.url
            influxd.query(f'CREATE DATABASE "{name}" WITH DURATION {duration}')
            if request.param == 1:
                influxd.query(f'CREATE RETENTION POLICY labmon ON "{name}" DURATION INF REPLICATION 1')
            else:
                influxd.create_database(f"{name}_labmon")
                base = stack.enter_context(Translator(influxd)).url
            store = InfluxStore(Target.parse(influx_url(request.param, base, name)))
            stack.callback(influxd.query, f'DROP DATABASE "{name}"; DROP DATABASE "{name}_labmon"')
            return stack.enter_context(closing(store))

        yield opened


def land(store: InfluxStore, now: int, days: list[date], times: list[int]) -> dict[date, LedgerRow]:
    rows = [Row(one - START, "a", float(n), n, place=n) for n, one in enumerate(sorted(times))]
    delivered = Delivery(ASSET, NAME, tuple(days))
    return Landing(store, delivered, now).land(Readings(iter([batch(rows)])))


def days_to(now: int, back: int) -> list[date]:
    return [day_of((day_number(day_of(now)) - n) * DAY) for n in range(back, -1, -1)]


def test_old_days_are_proven_not_kept_and_nothing_is_lost_of_the_others(forgetting: Forgetting) -> None:
    store, now = forgetting("30d"), time.time_ns()
    since = store.kept_since(now)
    assert since == now - 30 * DAY + HOUR
    days = days_to(now, 33)
    hours = range(day_number(days[0]) * DAY, now, HOUR)
    ledger = land(store, now, days, list(hours))
    kept = [one for one in hours if one >= since]
    assert [one for (one,) in values(store.fetch(NAME, EVER), "time")] == kept
    verdicts = [row.verdict for row in ledger.values()]
    # In the last hour of a day nothing may be left of the day in which the retention ends.
    edge = "stored" if any(day_of(one) == days[3] for one in kept) else "empty"
    at_edge = NOT_KEPT if (day_number(days[3]) + 1) * DAY <= since else edge
    assert verdicts == [NOT_KEPT] * 3 + [at_edge] + ["stored"] * 29 + [""]
    assert store.ledger(ASSET) == ledger
    assert sum(row.counts.stored for row in ledger.values()) == len(kept)
    assert store.quarantined() == []


def test_the_day_in_which_the_retention_ends_is_proven_by_what_is_kept(forgetting: Forgetting) -> None:
    store, now = forgetting("30d"), time.time_ns()
    since = store.kept_since(now)
    assert since is not None
    edge = day_of(since)
    times = [since - 2 * SECOND, since - 1, since, since + 1]
    (row,) = land(store, now, [edge], [one for one in times if day_of(one) == edge]).values()
    assert (row.proven, row.verdict, row.counts) == (True, "stored", Counts(read=2, stored=2))
    (later,) = land(store, now + 2 * DAY, [edge], times).values()
    assert (later.proven, later.verdict, later.counts.read) == (True, NOT_KEPT, 0)


def test_a_retention_shorter_than_a_day(forgetting: Forgetting) -> None:
    store, now = forgetting("2h"), time.time_ns()
    assert store.kept_since(now) == now - HOUR
    today, yesterday = day_of(now), day_of(now - DAY)
    times = [one for one in (now - 90 * 60 * SECOND, now - 30 * 60 * SECOND, now) if day_of(one) == today]
    ledger = land(store, now, [yesterday, today], times)
    assert ledger[yesterday].verdict in {NOT_KEPT, "empty"}
    assert not ledger[today].proven
    assert store.fetch(NAME, EVER).height == sum(one >= now - HOUR for one in times)
    assert store.ledger(ASSET) == ledger, "the books are kept, also yesterday's"


def test_books_of_any_day_are_kept(forgetting: Forgetting, influxd: Influxd) -> None:
    store = forgetting("2h")
    store.enter([FULL, replace(FULL, day=date(1969, 1, 1))])
    store.quarantine([PIECE])
    store.release([PIECE.id])
    store.quarantine([replace(PIECE, id="other")])
    assert set(store.ledger(FULL.asset)) == {FULL.day, date(1969, 1, 1)}
    assert [piece.id for piece in store.quarantined()] == ["other"]
    place = store.retention.books
    shown = influxd.query("SHOW MEASUREMENTS", db=place.database)
    assert {row["name"] for row in shown} >= {"labmon_ledger", "labmon_quarantine"}
    assert (place.policy, place.database == store.link.target.database) in {("labmon", True), ("", False)}


def test_without_a_place_for_the_books_nothing_is_written(influxd: Influxd, influx_database: str) -> None:
    influxd.query(f'ALTER RETENTION POLICY autogen ON "{influx_database}" DURATION 30d')
    url = influx_url(1, influxd.url, influx_database)
    with closing(InfluxStore(Target.parse(url))) as store:
        for ask in (lambda: store.enter([FULL]), lambda: store.ledger("lab/table")):
            with pytest.raises(
                StoreError, match="retention policy not found: labmon; `labmon create-store` makes"
            ):
                ask()


def test_long_texts_of_every_character(forgetting: Forgetting) -> None:
    store, chance = forgetting("inf"), random.Random(3)
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x10FFFF, 7)]))
    raw = "".join(chance.choices(every, k=1_000_000))
    odd = '"\\\n' * 30_000
    piece = replace(PIECE, raw=raw, reason=odd, context="\\" * 14_999 + '"', place="x" * 15_000)
    row = replace(FULL, read_until={"f": Mark(9, {"files": "é" * 300_000})}, trouble=odd)
    store.quarantine([piece])
    store.enter([row])
    assert store.quarantined() == [piece]
    assert store.ledger(FULL.asset) == {row.day: row}
    short = replace(piece, raw="short", reason="", context="", place="")
    store.quarantine([short])
    store.enter([FULL])
    assert store.quarantined() == [short]
    assert store.ledger(FULL.asset) == {FULL.day: FULL}


def test_thousands_of_pieces(forgetting: Forgetting) -> None:
    store = forgetting("inf")
    pieces = [replace(PIECE, id=f"{n:016x}", place=f"f:{n}", met=n) for n in range(5000)]
    begun = time.monotonic()
    store.quarantine(pieces)
    store.quarantine([replace(piece, met=9999) for piece in pieces])
    assert store.quarantined() == pieces
    store.release(piece.id for piece in pieces[::2])
    assert store.quarantined(PIECE.asset, [PIECE.day]) == pieces[1::2]
    assert time.monotonic() - begun < 15
    (found,) = store.notes.answers.ask("SHOW SERIES FROM labmon_quarantine")
    assert sum(len(one.rows()) for one in found) <= 256, "InfluxDB does not take a series for each piece"


def test_pieces_of_one_day_have_a_place_each(forgetting: Forgetting) -> None:
    store = forgetting("inf")
    one = Quarantined("a", ASSET, date(2024, 2, 29), "unfit", "", "", "")
    pieces = [replace(one, id=f"i{n}", day=day) for n, day in enumerate([one.day, date(1969, 12, 31)] * 20)]
    store.quarantine(pieces)
    assert {(piece.id, piece.day) for piece in store.quarantined()} == {(p.id, p.day) for p in pieces}


@pytest.mark.parametrize(
    ("text", "kept"),
    [("0s", 0), ("720h0m0s", 30 * DAY), ("30d", 30 * DAY), ("1w2d", 9 * DAY), ("90m", 5400 * SECOND)],
)
def test_durations_as_servers_write_them(text: str, kept: int) -> None:
    assert nanoseconds(text) == kept
