"""Events as Dagster and the commands see them: the word in YAML, and what is made of the journal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import ValidationError

from labmon_dagster.components.assets import partitions
from labmon_dagster.components.lab import feed_named, feeds_of
from labmon_dagster.model.window import day_number
from labmon_dagster.sources.mqtt.options import options_of
from labmon_dagster_tests.cli.lab import told
from labmon_dagster_tests.clients.ricochetdb.daq_lab import days, deliver, stored
from labmon_dagster_tests.components.cosmic_lab import (
    ASSET,
    COLLECTION,
    cosmic,
    event,
    feed,
    hear,
    journal,
    quarantined,
)
from labmon_dagster_tests.labs import lab, materialize
from labmon_dagster_tests.sources.cosmic.sample import DUMP, LINES
from labmon_dagster_tests.stores.documents.conftest import STORES, url

__all__ = ["url"]


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_messages_become_documents_of_their_own_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", url)
    entry = hear(b"[" + b",".join(LINES[:2]) + b"]")
    hear(LINES[0], form="retained message")
    hear(LINES[2], topic="cosmic/7/events")
    counts, in_store = deliver(feed())
    assert (counts.read, counts.stored, counts.repeated, in_store) == (4, 3, 1, 3)
    first, second, third = stored(feed())
    assert first.time == int(datetime(2019, 9, 19, 18, 55, 35, tzinfo=UTC).timestamp()) * 10**9
    assert round(first.body["decoded"]["tdc_0"]["calibration_count"]) == 2532
    assert first.body["decoded"]["tdc_1"]["valid"] is False
    assert {key: first.body[key] for key in ("detector", "run", "number", "block", "trigger_bits")} == {
        "detector": 0,
        "run": 12345,
        "number": 4917,
        "block": 2,
        "trigger_bits": 71,
    }
    assert first.body["raw"] == json.loads(b"{" + LINES[0][1:])
    assert (first.order, first.place) == (day_number(datetime.fromisoformat(entry.day).date()), entry.offset)
    assert (second.order, second.place) == (first.order, entry.offset + 1)
    receipt = {key: first.body["receipt"][key] for key in ("via", "source", "retained")}
    assert receipt == {"via": "mqtt", "source": "cosmic/0/events", "retained": False}
    assert (third.body["detector"], third.body["receipt"]["detector"]) == (0, 7)


def test_what_is_no_event_waits_in_quarantine_and_the_others_go_on() -> None:
    hear(
        LINES[0]
        + b"\nhello\n"
        + LINES[1].replace(b'"RunNumber": 12345', b'"RunNumber": "x"')
        + b"\n"
        + LINES[2]
    )
    hear(b"", form="message")
    hear(b"[" * 99, form="unkept message", trouble="too large: too_large/1.raw")
    counts, in_store = deliver(feed())
    assert (counts.read, counts.stored, counts.quarantined, in_store) == (6, 2, 4, 2)
    reasons = [piece.reason for piece in quarantined()]
    for said in (
        "no event",
        "RunNumber is 'x'; allowed: a whole number",
        "there is nothing in it",
        "too_large/1",
    ):
        assert len([reason for reason in reasons if said in reason]) == 1
    assert {piece.place.partition(" ")[2] for piece in quarantined()} == {"cosmic/0/events"}


def test_a_piece_is_tried_again_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another piece of the same message stays refused: that must not keep the first one back."""
    text = LINES[0].replace(b'"DetectorId": 0, ', b"")
    hear(b"hello\n" + text + b"\n" + LINES[1], topic="muons/3")
    asset = feed_named(ASSET)
    assert deliver(asset)[0].quarantined == 2
    missing, garbage = sorted(quarantined(), key=lambda piece: piece.raw == "hello")
    assert "still refused: " in told("quarantine", "retry", missing.id)
    monkeypatch.setattr("labmon_dagster.events.journal.detector_in", lambda topic, patterns: int(topic[-1]))
    assert "stored" in told("quarantine", "retry", missing.id)
    assert "still refused: " in told("quarantine", "retry", garbage.id)
    assert [piece.raw for piece in quarantined()] == ["hello"]
    assert sorted(one.body["detector"] for one in stored(asset)) == [0, 3]


def test_a_detector_may_be_said_by_the_topic_alone() -> None:
    hear(LINES[0].replace(b'"DetectorId": 0', b'"DetectorId": null'), topic="cosmic/12/events")
    deliver(feed())
    assert [one.id.split("/")[:3] for one in stored(feed())] == [["12", "12345", "4917"]]


def test_a_run_says_what_it_read() -> None:
    hear(LINES[0] + LINES[1])
    hear(LINES[0], form="retained message")
    hear(event(4917, bits=1), topic="cosmic/5/events")
    hear(b"hello")
    first, last = map(str, days())
    result = materialize(feed(), first, last)
    shown = [one.materialization.metadata for one in result.get_asset_materialization_events()]
    facts: dict[str, Any] = next(dict(one) for one in shown if "events" in one)
    assert facts["events"].value == {"detector 0 run 12345": 4}
    assert facts["received"].value == {"told again": 1, "retained messages": 1, "undecodable": 1}
    assert facts["topics that say another detector"].value == {"cosmic/5/events": 1}
    assert facts["numbers with several contents"].value == {"number": 1, "for example": ["0/12345/4917"]}


def test_decoding_changes_the_version_and_where_events_come_from_does_not() -> None:
    version = feed().version
    assert (
        feed(broker={"address": "mqtt://a", "topics": ["x/#"]}, dumps={"directory": "/x"}).version == version
    )
    assert feed(decoding={"epoch": "1970-01-01T00:00:00Z"}).version != version
    assert feed(decoding={"clock_mhz": 8}).version != version


def test_new_decoding_makes_the_documents_anew() -> None:
    hear(DUMP)
    deliver(feed())
    asset = feed(decoding={"epoch": "1970-01-01", "clock_mhz": 8})
    counts, in_store = deliver(asset, replace=True)
    assert (counts.stored, in_store) == (3, 3)
    first = stored(asset)[0]
    assert datetime.fromtimestamp(first.time / 1e9, UTC).date().isoformat() == "1989-09-19"


def test_the_broker_is_a_station_and_its_password_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABMON_MQTT_PASSWORD", "hunter2")
    found = cosmic(broker={"address": "mqtt://broker:1884", "user": "lab", "topics": ["c/{detector}"]})
    (station,) = found.feed().stations
    assert (station.settings.type, station.poll, str(station.settings.address)) == (
        "MQTT",
        None,
        "mqtt://broker:1884",
    )
    assert found.place == r"mqtt://broker:1884 c/{detector}, lab/cosmic/.+\.(dat|txt|json|jsonl)(\.gz)?"
    assert "hunter2" not in repr(found) + repr(found.feed())
    assert feed().stations == ()


def test_files_of_tls_lie_under_the_home(home: Path) -> None:
    files = {"ca_file": "tls/ca.pem", "certificate": "/etc/labmon.pem", "key_file": "tls/labmon.key"}
    (station,) = cosmic(broker={"address": "mqtts://broker", **files}).feed().stations
    told = options_of(station.settings)
    assert (told.ca_file, told.certificate) == (home / "tls" / "ca.pem", Path("/etc/labmon.pem"))
    assert told.key_file == home / "tls" / "labmon.key"


def test_the_lab_has_the_asset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSMIC_MQTT", "mqtt://127.0.0.1:1")
    asset = feed_named(ASSET)
    assert (asset.journal, asset.by_receipt, asset.by_content) == (ASSET, True, True)
    assert asset.indexes == ("run detector number", "detector time")
    assert ASSET in told("check")
    node = lab(asset).resolve_asset_graph().get(dg.AssetKey(ASSET.split("/")))
    assert node.metadata["labmon/collection"] == COLLECTION


def test_the_commands_show_it() -> None:
    hear(DUMP)
    hear(b"hello")
    shown = [json.loads(line) for line in told("preview", ASSET, "--format", "jsonl").splitlines()]
    assert [one["number"] for one in shown] == [4917, 4918, 4919]
    deliver(feed_named(ASSET))
    assert ASSET in told("status", ASSET)
    assert told("journal", "cat", ASSET, "--where", "sender=cosmic/0/events", "--format", "payload")
    assert "no event: an event opens with" in told("quarantine", "list", "--asset", ASSET)


@pytest.mark.usefixtures("home")
def test_the_sensor_asks_when_there_is_something_new(instance: dg.DagsterInstance) -> None:
    asset = feed(start=str(days()[0]))
    definitions = lab(asset)
    repository = definitions.get_repository_def()
    sensor = definitions.resolve_sensor_def("new_messages")
    hear(DUMP)
    asked = sensor(dg.build_sensor_context(instance=instance, repository_def=repository))
    assert isinstance(asked, dg.SensorResult) and asked.run_requests
    deliver(asset, instance)
    quiet = sensor(dg.build_sensor_context(instance=instance, repository_def=repository))
    assert isinstance(quiet, dg.SkipReason)


def test_an_entry_of_other_making_waits_in_quarantine() -> None:
    journal().append(b"hello", {"topic": "x"})
    assert deliver(feed())[0].quarantined == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"broker": {"address": "http://x"}}, "MQTT is asked by mqtt:// or mqtts://"),
        ({"broker": {"address": "mqtt://u:p@x"}}, "a user or password does not belong in an address"),
        ({"broker": {"address": "mqtt://x", "topics": []}}, "option topics"),
        ({"broker": {"address": "mqtt://x", "topics": ["a/{run}"]}}, "allowed: {detector}"),
        ({"broker": {"adress": "mqtt://x"}}, "Extra inputs"),
        ({"dumps": {"directory": "https://x"}}, "a folder of this machine"),
        ({"dumps": {"directory": "x", "pattern": "("}}, "no regular expression"),
        ({"decoding": {"epoch": "-6h"}}, "no fixed instant"),
        ({"decoding": {"epoch": "soon"}}, "is no time"),
        ({"decoding": {"clock_mhz": 0}}, "greater than 0"),
        ({"collection": "labmon_x"}, "names that begin with labmon_"),
    ],
)
def test_yaml_that_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        cosmic(**changes)
    assert said in str(raised.value)


def test_every_error_of_the_broker_is_hidden_from_secrets() -> None:
    with pytest.raises(ValidationError) as raised:
        cosmic(broker={"address": "mqtt://lab:hunter2@x"})
    assert "hunter2" not in str(raised.value)


def test_an_asset_behind_gets_what_was_received_on_its_days() -> None:
    """The events are of 2019; the day they belong to is that of receipt."""
    hear(LINES[0])
    asset, seen = feed(), list[dict[str, Any]]()

    @dg.asset(
        partitions_def=partitions(asset),
        ins={"events": dg.AssetIn(ASSET.split("/"))},
        io_manager_def=dg.mem_io_manager,
    )
    def behind(events: list[dict[str, Any]]) -> None:
        seen.extend(events)

    first, today = map(str, days())
    job = dg.Definitions.merge(lab(asset), dg.Definitions([behind])).resolve_implicit_global_asset_job_def()
    for day in (first, today):
        job.execute_in_process(partition_key=day)
    assert [one["time"].year for one in seen] == [2019]


def test_two_assets_are_not_one_client_of_a_broker() -> None:
    broker = {"address": "mqtt://127.0.0.1", "client_id": "one"}
    both = [cosmic(broker=broker), cosmic(asset="cosmic/other", broker=broker)]

    class Tree:
        def get_all_components(self, of: type) -> list[Any]:
            return both

    with pytest.raises(ValueError, match="have the same client_id 'one'"):
        feeds_of(Tree())  # type: ignore[arg-type]
