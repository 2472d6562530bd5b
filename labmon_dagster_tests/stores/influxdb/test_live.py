"""An InfluxDB of your own, at LABMON_TEST_INFLUXDB_URL: it keeps what labmon writes, exactly, or this fails.

It works in the database or bucket that the URL names, which is made where it is not there, in measurements
of its own, and removes what it wrote where the server can delete. Token and password come from the
environment as they do in production. Some lines of labmon's books (labmon_ledger, …) stay behind.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from uuid import uuid4

import pytest

from labmon_dagster.model import DAY, SECOND, Window
from labmon_dagster.model.window import day_of
from labmon_dagster.settings import open_store
from labmon_dagster.stores import InfluxStore, LedgerRow, Quarantined, StoreError, owner_of
from labmon_dagster.stores.base import read_token
from labmon_dagster.stores.influxdb.create import create, look
from labmon_dagster_tests.stores.frames import frame, measurement, values

URL = os.environ.get("LABMON_TEST_INFLUXDB_URL", "")
NOW = time.time_ns() // SECOND * SECOND
ABOUT = {"x": float, "n": int, "ok": bool, "note": str}
pytestmark = pytest.mark.skipif(not URL, reason="LABMON_TEST_INFLUXDB_URL names no InfluxDB")


class Trial:
    """A store with a measurement and an asset that nobody else uses."""

    def __init__(self, store: InfluxStore) -> None:
        self.store = store
        self.name = f"live {uuid4().hex[:12]}"
        self.asset = f"live/{self.name[-12:]}"
        self.token = read_token(self.asset, "v1", 1)
        self.about = measurement(self.name, ("site", "an=other"), **ABOUT)
        self.window = Window(NOW - DAY, NOW + DAY)

    def write(self, *rows: tuple[object, ...]) -> None:
        self.store.begin(self.asset, self.token)
        self.store.write(self.about, frame(self.about, rows, self.token))
        assert self.store.settle() == []

    def rows(self) -> list[tuple[object, ...]]:
        return values(self.store.fetch(self.name, self.window), "time", "an=other", "site", *ABOUT)


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> Iterator[Trial]:
    monkeypatch.setenv("LABMON_TIMESERIES_URL", URL)
    store = open_store()
    assert isinstance(store, InfluxStore)
    try:
        look(store.link.target)
    except StoreError:
        create(store.link.target)
    with closing(store):
        made = Trial(store)
        yield made
        with suppress(StoreError):
            store.delete(owner_of(made.asset), made.window)


HARD: list[tuple[object, ...]] = [
    (NOW, "", "", -0.0, 1, True, ""),
    (NOW + 1, "Höhe 46 m", "a,b=c", 5e-324, -(2**63), None, 'say "é", \\ and\nnewline'),
    (NOW + 1, "Höhe 46 m", "", 0.1 + 0.2, 2**53 + 1, False, None),
    (NOW + 2, "", "", 3.0, None, None, "\U0001f9ea"),
]


def test_what_is_written_is_read_to_the_last_bit(trial: Trial) -> None:
    trial.write(*HARD)
    shown = [(t, other, site, *rest) for t, site, other, *rest in HARD]
    assert trial.rows() == sorted(shown, key=lambda row: row[:3])  # type: ignore[arg-type,return-value]
    assert str(trial.rows()[0][3]) == "-0.0"
    trial.write(*HARD)
    assert len(trial.rows()) == 4, "writing again changes nothing"
    tags, fields = trial.store.columns(trial.name)
    assert (set(tags), set(fields)) == ({"site", "an=other"}, set(ABOUT))
    assert trial.name in trial.store.measurements()


def test_rows_are_counted_by_owner_and_for_all_times(trial: Trial) -> None:
    trial.write(*HARD)
    ever = Window(-(2**63) + DAY, 2**63 - 1 - DAY)
    for owner, number in ((None, 4), (owner_of(trial.asset), 4), (owner_of("live/nobody"), 0)):
        assert sum(trial.store.count(trial.name, ever, DAY, owner).values()) == number


def test_ledger_and_quarantine_come_back(trial: Trial) -> None:
    day = day_of(NOW)
    row = LedgerRow(trial.asset, day, in_store=4, proven=True, verdict="stored", trouble="é " * 40_000)
    piece = Quarantined(
        id=uuid4().hex[:16],
        asset=trial.asset,
        day=day,
        kind="unreadable",
        reason="why",
        raw="raw\n" * 20_000,
        place="f:1",
        context="",
        identity="",
        run="r",
        met=NOW,
    )
    trial.store.enter([row])
    trial.store.quarantine([piece])
    assert trial.store.ledger(trial.asset) == {day: row}
    assert trial.asset in trial.store.assets()
    assert trial.store.quarantined(trial.asset) == [piece]
    trial.store.release([piece.id])
    assert trial.store.quarantined(trial.asset) == []


def test_the_retention_is_known(trial: Trial) -> None:
    since = trial.store.kept_since(NOW)
    assert since is None or since < NOW


def test_rows_lose_values_and_are_deleted(trial: Trial) -> None:
    """InfluxDB 3 Core cannot do this: it has no deletion."""
    trial.write(*HARD)
    time_, site, other, *_ = HARD[0]
    trial.write((time_, site, other, 1.5, None, None, None))
    assert trial.rows()[0] == (time_, other, site, 1.5, None, None, None)
    trial.store.delete(owner_of("live/nobody"), trial.window)
    assert len(trial.rows()) == 4
    trial.store.delete(owner_of(trial.asset), Window(NOW + 1, NOW + 2))
    assert [row[0] for row in trial.rows()] == [NOW, NOW + 2]
    trial.store.delete(owner_of(trial.asset), trial.window)
    assert trial.rows() == []
