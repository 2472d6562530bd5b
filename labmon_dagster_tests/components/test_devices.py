"""Devices as Dagster sees them: asked, journalled, delivered; and what their YAML may say."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from pydantic import ValidationError

from labmon_dagster import settings
from labmon_dagster.collector import health
from labmon_dagster.collector.occupied import occupied
from labmon_dagster.components import Devices, Feed
from labmon_dagster.journal import Entry, Journal
from labmon_dagster.model import Window
from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster.stores.documents.kept import Kept
from labmon_dagster_tests.labs import materialize
from labmon_dagster_tests.sources.on_the_wire import on_the_wire

GIVEN: dict[str, Any] = {
    "asset": "ricochet/compressor",
    "collection": "compressor",
    "start": "2026-01-01",
    "devices": [{"name": "pulse_tube", "type": "CMCPA", "address": "tcp://127.0.0.1:1"}],
    "timeseries": {"measurement": "compressor"},
}


def device(**changes: Any) -> dict[str, Any]:
    return {**GIVEN["devices"][0], **changes}


def component(**changes: Any) -> Devices:
    return Devices.model_validate({**GIVEN, **changes})


@pytest.fixture
def compressor() -> Iterator[Devices]:
    with on_the_wire("cmcpa") as (address,):
        yield component(devices=[device(address=address)])


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def journalled(asset: str = "ricochet/compressor") -> list[Entry]:
    journal = Journal(settings.journal_root(), asset)
    return [entry for day in journal.days() for entry in journal.read(day)]


def stored(feed: Feed) -> list[Kept]:
    with closing(settings.open_documents(feed.store)) as store:
        day = datetime.now(UTC).date()
        return [one._replace(read=0) for one in store.fetch(feed.measurement, Window.of_days(day, day))]


def test_without_a_collector_a_run_asks_journals_and_delivers(
    compressor: Devices, instance: dg.DagsterInstance
) -> None:
    documents, readings = compressor.feeds()
    assert materialize(documents, today(), instance=instance).success
    (entry,) = journalled()
    (document,) = stored(documents)
    assert document.id == f"ricochet/compressor/pulse_tube/{entry.received}"
    assert document.body["values"]["operating_state"] == "running"
    assert document.body["units"]["low_pressure"] == "psi"
    assert materialize(readings, today(), instance=instance).success
    with closing(settings.open_store()) as store:
        (row,) = store.fetch("compressor", Window(entry.received, entry.received + 1)).to_dicts()
    assert row["low_pressure"] == document.body["values"]["low_pressure"]
    assert (row["device"], row["type"], row["pressure_unit"]) == ("pulse_tube", "CMCPA", "psi")


def test_beside_a_collector_a_run_only_delivers(compressor: Devices, instance: dg.DagsterInstance) -> None:
    with occupied(settings.collector_folder(), compressor.asset):
        assert materialize(compressor.feed(), today(), instance=instance).success
    assert journalled() == []


def test_a_day_delivered_again_into_an_emptied_store_is_the_same(
    compressor: Devices, instance: dg.DagsterInstance
) -> None:
    feed = compressor.feed()
    materialize(feed, today(), instance=instance)
    before = stored(feed)
    for path in settings.home().glob("documents.db*"):
        path.unlink()
    materialize(feed, today(), instance=instance)
    assert stored(feed) == before != []


def test_a_device_that_is_silent_fails_no_run_and_hinders_no_proof(instance: dg.DagsterInstance) -> None:
    silent = component()
    materialize(silent.feed(), "2026-01-05", instance=instance)
    with closing(settings.open_documents()) as store:
        (row,) = store.ledger(silent.asset).values()
    assert (row.proven, row.verdict, row.trouble) == (True, "empty", "")


def test_a_check_says_which_devices_are_silent(compressor: Devices, instance: dg.DagsterInstance) -> None:
    now = time.time_ns()
    for errors, passed in ((0, True), (2, False)):
        device = health.DeviceHealth(
            compressor.asset, "pulse_tube", "CMCPA", "", errors_in_row=errors, last_error="no answer"
        )
        health.write(settings.collector_folder(), health.Health(1, now, now, [device]))
        result = materialize(compressor.feed(), today(), instance=instance)
        (check,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "answering"]
        assert check.passed is passed
    assert check.metadata["silent"].value == {"pulse_tube": "no answer"}


def test_an_answer_that_is_cut_short_goes_to_quarantine(instance: dg.DagsterInstance) -> None:
    with on_the_wire("cmcpa", behaviour=Behaviour(Fault.HALF)) as (address,):
        feed = component(devices=[device(address=address)]).feed()
        materialize(feed, today(), instance=instance)
    assert stored(feed) == []
    with closing(settings.open_documents()) as store:
        (piece,) = store.quarantined(feed.asset)
        (row,) = store.ledger(feed.asset).values()
    assert piece.place.startswith(f"ricochet/compressor/{today()}:")
    assert piece.place.endswith(" pulse_tube")
    assert (row.counts.read, row.counts.quarantined) == (1, 1)


def test_the_version_does_not_depend_on_where_a_device_is() -> None:
    here, there = component(), component(devices=[device(address="tcp://10.0.0.9", timeout="3s")], poll="9s")
    assert here.feed().version == there.feed().version
    named = component(devices=[device(options={"firmware": "3"})])
    assert here.feed().version != named.feed().version


def test_readings_are_an_asset_of_their_own_where_wanted() -> None:
    assert [feed.asset for feed in component().feeds()] == [GIVEN["asset"], f"{GIVEN['asset']}_readings"]
    assert [feed.asset for feed in component(timeseries=None).feeds()] == [GIVEN["asset"]]
    named = {"measurement": "m", "asset": "ricochet/other", "store": "local"}
    other = component(timeseries=named).feeds()[1]
    assert (other.asset, other.measurement, other.store) == ("ricochet/other", "m", "local")


def test_a_device_may_only_be_listened_to() -> None:
    bridge = device(type="MMR3", address="udp://192.168.44.61", poll="never")
    (one,) = component(devices=[bridge]).stations()
    assert one.poll is None
    (one,) = component(poll="2s").stations()
    assert one.poll == 2_000_000_000


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"devices": []}, "at least 1 item"),
        ({"devices": [device(), device()]}, "devices named more than once: pulse_tube"),
        ({"devices": [device(type="CMPCA")]}, "type 'CMPCA': no such device; allowed: CMCPA, CPX200, CRYO"),
        ({"devices": [device(address="udp://10.0.0.1")]}, "a CMCPA is asked by tcp://, not udp://"),
        ({"devices": [device(address="10.0.0.1")]}, "'10.0.0.1' is no address; write it as udp://"),
        ({"devices": [device(address="http://me:hush@h/")]}, "a user or password does not belong"),
        ({"devices": [device(options={"firmwear": "3"})]}, "firmwear"),
        ({"devices": [device(timeout="soon")]}, "'soon' is no length of time"),
        ({"devices": [device(poll="100ms")]}, "100ms: at least 1s, or never"),
        ({"devices": [device(poll="never")]}, "a CMCPA says nothing unless it is asked"),
        ({"devices": [device(name="a b")]}, "'a b': a name has letters, digits, _, - and ."),
        ({"devices": [device(nmae="x")]}, "Extra inputs are not permitted"),
        ({"poll": "never"}, "a CMCPA says nothing unless it is asked"),
        ({"poll": "500ms"}, "500ms: at least 1s"),
        ({"clock": "sundial"}, "'sundial': no such clock; allowed: collector, database"),
        ({"collection": "labmon_ledger"}, "labmon's own"),
        (
            {"timeseries": {"measurement": "m", "quality": {"lo_pressure": {"sentinels": [1]}}}},
            "no such quantity; allowed: ",
        ),
        (
            {"timeseries": {"measurement": "m", "quality": {"operating_state": {"sentinels": [1]}}}},
            "rules are for numbers, and this is text",
        ),
        ({"start": "soon"}, "is no day"),
        ({"owners": ["mylab"]}, "'mylab' is no owner: write team:NAME, or an email address"),
        (
            {"devices": [device(), device(name="other")]},
            "addresses of more than one device: tcp://127.0.0.1:1",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        component(**changes)
    assert said in str(refused.value)
    assert "hush" not in str(refused.value)
