"""`bin: 1min` on what devices said, and what the YAML of bins may say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from labmon_dagster.binning import Grid, in_bins
from labmon_dagster.collector.station import meta_of
from labmon_dagster.components import Devices, Feed, LoggerNetTable
from labmon_dagster.components.device_journal import DeviceJournal
from labmon_dagster.components.device_readings import DeviceReadings
from labmon_dagster.journal import Journal, Message
from labmon_dagster.model import SECOND, DatedSource, Field, TimedSource, Window
from labmon_dagster.model.devices import Heard
from labmon_dagster.model.window import DAY, day_number
from labmon_dagster.settings import journal_root
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.collector.fakes import Script, counting, station
from labmon_dagster_tests.components.binned_lab import at_once, audit, bins, deliver, new_store, settle, tick
from labmon_dagster_tests.components.test_devices import component, device
from labmon_dagster_tests.labs import TOWER, materialize
from labmon_dagster_tests.sources.on_the_wire import on_the_wire

FIRST = date(2026, 3, 1)
START = day_number(FIRST) * DAY
STATION = station(Script(counting), "supply", asset="lab/fake")
NOON = START + 2 * DAY + DAY // 2
LATER = START + 4 * DAY
SAID = st.tuples(st.integers(0, 2), st.integers(0, 25), st.sampled_from(["1", "2.5", "-7", "no number"]))
SAY = st.tuples(st.just("say"), st.lists(SAID, min_size=1, max_size=5))
READ = st.tuples(st.just("read"), st.integers(0, 2), st.booleans())
ACTS = st.lists(st.one_of(SAY, SAY, READ, st.tuples(st.just("tick"))), min_size=1, max_size=9)


def fakes(journal: Journal) -> Feed:
    readings = DeviceReadings(DeviceJournal(journal, FIRST, (STATION,)), "fakes", (Field("value", unit="V"),))
    source = in_bins(readings, Grid(10 * SECOND, 600 * SECOND))
    assert isinstance(source, DatedSource) and not isinstance(source, TimedSource)
    return Feed("lab/fake", "fakes", source, FIRST, "1")


def say(journal: Journal, day: int, second: int, text: str) -> None:
    heard = Heard(text.encode(), START + day * DAY + second * SECOND, "text")
    journal.append_many([Message(heard.payload, meta_of(STATION.settings, heard), heard.received)])


@pytest.mark.slow
@settings(max_examples=25)
@given(ACTS)
def test_any_sequence_of_reads_leads_to_the_bins_of_one(acts: list[tuple[Any, ...]]) -> None:
    with TemporaryDirectory() as name, new_store() as store:
        journal = Journal(Path(name), "lab/fake")
        feed = fakes(journal)
        for act in acts:
            match act:
                case ("say", told):
                    for day, second, text in told:
                        say(journal, day, second, text)
                case ("read", day, whole):
                    on = FIRST + timedelta(days=day)
                    deliver(store, feed, on, on, NOON, whole=whole)
                case _:
                    tick(store, feed, NOON)
        settle(store, feed, NOON)
        assert bins(store, feed) == at_once(feed, NOON)
        audit(store, feed, LATER)
        assert bins(store, feed) == at_once(feed, LATER)
        broken = {
            (day, second) for act in acts if act[0] == "say" for day, second, t in act[1] if t == "no number"
        }
        assert bool(broken) == bool(store.quarantined(feed.asset))


def test_of_devices_the_readings_are_binned_and_the_documents_are_not(
    embedded: SqliteStore, instance: dg.DagsterInstance
) -> None:
    with on_the_wire("cmcpa") as (address,):
        table = {"measurement": "compressor", "bin": "1min"}
        made = component(devices=[device(address=address)], timeseries=table)
        materialize(made.feed(), datetime.now(UTC).date().isoformat(), instance=instance)
    journal = Journal(journal_root(), made.asset)
    (entry,) = journal.read(journal.days()[0])
    past = day_number(date(2026, 1, 5)) * DAY
    journal.append_many(Message(entry.payload, entry.meta, past + at * SECOND) for at in (30, 75, 500))
    documents, readings = made.feeds()
    assert {one.type for one in readings.fields} == {"float"}
    assert "operating_state" not in {one.name for one in readings.fields}
    assert documents.version == component(devices=[device(address=address)]).feed().version
    result = materialize(readings, "2026-01-05", instance=instance)
    rows = embedded.fetch("compressor", Window.of_days(date(2026, 1, 5), date(2026, 1, 5)))
    minutes = [(time - datetime(2026, 1, 5, tzinfo=UTC)) // timedelta(minutes=1) for time in rows["time"]]
    assert minutes == list(range(9))
    assert rows["low_pressure"].n_unique() == 1
    assert rows["device"].unique().to_list() == ["pulse_tube"]
    (shown,) = result.asset_materializations_for_node("ricochet__compressor_readings")
    assert "operating_state" in str(shown.metadata["fields without a mean"].value)


WRONG: list[tuple[object, str]] = [
    ("0s", "'0s' is no length of time; write a whole number above zero"),
    ("5m", "'5m' is no length of time"),
    (5, "5 is no length of time"),
    ("7s", "7s does not divide a day, and each day's bins begin at its midnight"),
    ("2d", "2d does not divide a day"),
    ({"every": "1s", "longest": "500ms"}, "longest: 500ms is shorter than a bin of 1s"),
    ({"every": "1s", "longest": "ages"}, "'ages' is no length of time"),
    ({"evry": "1s"}, "evry"),
]


@pytest.mark.parametrize(("given", "said"), WRONG, ids=[said[:30] for _, said in WRONG])
def test_bins_that_cannot_be_meant_are_refused(given: object, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        LoggerNetTable.model_validate({**TOWER, "directory": "x", "bin": given})
    assert said in str(refused.value)
    with pytest.raises(ValidationError) as refused:
        component(timeseries={"measurement": "m", "bin": given})
    assert said in str(refused.value)


@pytest.mark.parametrize("given", ["1s", "{every: 1s, longest: 10min}"])
def test_both_forms_are_read_from_yaml(given: str) -> None:
    text = f"""
        asset: umbs/tower
        directory: x
        files: [a.dat]
        measurement: m
        zone: UTC
        start: 2021-06-01
        interval: 5min
        bin: {given}
    """
    made = LoggerNetTable.resolve_from_yaml(text)
    assert made.feed().interval == (SECOND if "10min" in given else 300 * SECOND), "a pause that is filled"
    devices = Devices.resolve_from_yaml(
        f"""
        asset: ricochet/compressor
        collection: compressor
        start: 2026-01-01
        devices: [{{name: a, type: CMCPA, address: "tcp://127.0.0.1:1"}}]
        timeseries: {{measurement: compressor, bin: {given}}}
        """
    )
    assert isinstance(devices.feeds()[1].source, DatedSource)
