"""DAQ messages as Dagster and the commands see them: the asset of the lab's own YAML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from pydantic import ValidationError

from labmon_dagster import settings
from labmon_dagster.clients.ricochetdb.daq import DaqLogger
from labmon_dagster.components import Messages
from labmon_dagster.components.lab import feed_named
from labmon_dagster.journal import Message
from labmon_dagster.model import NOWHERE, DatedSource, Request, Window
from labmon_dagster.model.documents import Documents
from labmon_dagster.stores import Quarantined
from labmon_dagster_tests.cli.lab import told
from labmon_dagster_tests.clients.ricochetdb.daq_lab import GIVEN, GOOD, days, deliver, stored
from labmon_dagster_tests.labs import lab, materialize
from labmon_dagster_tests.stores.documents.conftest import STORES, url
from labmon_dagster_tests.stores.documents.records import everything

__all__ = ["url"]

ASSET = "ricochet/daq_messages"


@pytest.fixture
def logger(monkeypatch: pytest.MonkeyPatch) -> Iterator[DaqLogger]:
    """A program of the DAQ, which has inserted twice."""
    monkeypatch.delenv("LABMON_DAQ_ASSET", raising=False)
    found = DaqLogger()
    found.insert([{**GOOD, "n": 0, "at": datetime(2026, 3, 1)}, {**GOOD, "n": 1, "deep": {"a": [1]}}])
    found.insert([{**GOOD, "topic": "other", "n": 2}])
    yield found


def damaged(logger: DaqLogger) -> Path:
    """Damage the first insert; gives the file."""
    path = logger.journal.day(logger.journal.days()[-1]).plain
    path.write_text(path.read_text().replace('"received":', '"recieved":', 1))
    return path


def pieces() -> list[Quarantined]:
    with closing(settings.open_documents()) as store:
        return store.quarantined(ASSET)


def test_the_lab_has_the_asset(logger: DaqLogger) -> None:
    assert [ASSET, "daq_messages", "journal", ASSET] in [line.split() for line in told("check").splitlines()]
    feed = feed_named(ASSET)
    assert (feed.journal, feed.documents, isinstance(feed.source, DatedSource)) == (ASSET, True, True)
    node = lab(feed).resolve_asset_graph().get(dg.AssetKey(ASSET.split("/")))
    assert node.metadata["labmon/collection"] == "daq_messages"


@pytest.mark.usefixtures("logger")
def test_a_preview_shows_the_messages_as_they_were_inserted() -> None:
    shown = [json.loads(line) for line in told("preview", ASSET, "--format", "jsonl").splitlines()]
    assert [one["n"] for one in shown] == [0, 1, 2]
    assert (shown[0]["topic"], shown[0]["at"]) == ("topic1", "2026-03-01T00:00:00.000000000Z")
    assert shown[1]["deep"] == {"a": [1]}
    blocks = told("preview", ASSET).split("\n\n")
    assert [block.split()[1] for block in blocks] == [one["_id"] for one in shown]
    assert told("preview", ASSET, "--format", "csv").count("\n") == 4


def test_the_journal_is_listed_shown_and_pruned_as_any(logger: DaqLogger) -> None:
    (row,) = json.loads(told("journal", "list", ASSET, "--count", "--format", "json"))
    assert (row["journal"], row["entries"], row["damaged"]) == (ASSET, 2, 0)
    (line,) = told("journal", "cat", ASSET, "--where", "messages=2", "--format", "payload").splitlines()
    assert [one["n"] for one in json.loads(line)] == [0, 1]
    begun = datetime.now(UTC) - timedelta(days=10)
    past = Message(b'[{"topic":"a","timestamp":1}]', {"insert": "ab", "messages": 1}, _ns(begun))
    (entry,) = logger.journal.append_many([past])
    prune = ("journal", "prune", ASSET, "--older-than", "1d")
    assert f"kept: {ASSET} has not read it" in told(*prune)
    materialize(feed_named(ASSET), entry.day)
    assert "1 of 1 days were removed" in told(*prune, "--yes")
    materialize(feed_named(ASSET), entry.day)
    with closing(settings.open_documents()) as store:
        row = store.ledger(ASSET)[date.fromisoformat(entry.day)]
    assert (row.proven, row.in_store) == (True, 1)


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_a_damaged_line_waits_in_quarantine_and_is_tried_again(
    logger: DaqLogger, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", url)
    path = damaged(logger)
    feed = feed_named(ASSET)
    counts, in_store = deliver(feed)
    assert (counts.read, counts.stored, counts.quarantined, in_store) == (2, 1, 1, 1)
    (piece,) = pieces()
    assert piece.reason.startswith("a damaged line of the journal: ")
    assert piece.raw.startswith('{"recieved":') and piece.place.startswith(f"{ASSET}/")
    assert "still refused: " in told("quarantine", "retry", piece.id)
    path.write_text(path.read_text().replace('"recieved":', '"received":', 1))
    assert f"{piece.id} {ASSET} {piece.place}: stored" in told("quarantine", "retry", piece.id)
    assert pieces() == []
    assert [one.body["n"] for one in stored(feed)] == [0, 1, 2]
    again, in_store = deliver(feed)
    assert (again.read, again.repeated, in_store) == (3, 3, 3)
    assert ASSET in told("status", ASSET)


def test_a_large_day_is_read_in_portions(logger: DaqLogger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ends where an insert does, so that a read that breaks off is taken up there."""
    for _ in range(20):
        logger.insert([GOOD] * 50)
    monkeypatch.setattr("labmon_dagster.journal.reader._PORTION_BYTES", 10_000)
    feed = feed_named(ASSET)
    asked = Request(Window.of_days(*days()), NOWHERE, NOWHERE, 0)
    given = feed.source.read(asked)
    assert isinstance(given, Documents)
    batches = list(given.batches)
    sizes = [len(batch.documents) for batch in batches]
    assert sum(sizes) == 1003 and max(sizes) <= 303 and len(sizes) > 4
    since = {batches[1].stream: batches[1].mark}
    rest = feed.source.read(Request(asked.window, since, since, 0))
    assert sum(len(batch.documents) for batch in rest.batches) == 1003 - sum(sizes[:2])
    assert deliver(feed)[1] == 1003


def test_an_entry_of_other_making_waits_in_quarantine(logger: DaqLogger) -> None:
    logger.journal.append(b"hello", {"topic": "x"})
    counts, _ = deliver(feed_named(ASSET))
    assert (counts.stored, counts.quarantined) == (3, 1)
    (piece,) = pieces()
    assert piece.raw == "hello"


@pytest.mark.usefixtures("logger")
def test_the_sensor_of_messages_asks_for_what_is_new(instance: dg.DagsterInstance) -> None:
    feed = Messages.model_validate({**GIVEN, "start": str(days()[0])}).feed()
    definitions = lab(feed)
    repository = definitions.get_repository_def()
    assert {one.name for one in repository.sensor_defs} == {"new_messages"}
    sensor = definitions.resolve_sensor_def("new_messages")
    asked = sensor(dg.build_sensor_context(instance=instance, repository_def=repository))
    assert isinstance(asked, dg.SensorResult)
    (request,) = asked.run_requests or []
    assert [key.to_user_string() for key in request.asset_selection or []] == [ASSET]
    deliver(feed, instance)
    quiet = sensor(dg.build_sensor_context(instance=instance, repository_def=repository))
    assert isinstance(quiet, dg.SkipReason)


def test_the_run_says_how_much_it_read_of_what(logger: DaqLogger) -> None:
    logger.insert([{**GOOD, "topic": f"t{n % 60}"} for n in range(120)])
    first, last = days()
    result = materialize(feed_named(ASSET), str(first), str(last))
    shown = [one.materialization.metadata for one in result.get_asset_materialization_events()]
    topics = next(one["topics"].value for one in shown if "topics" in one)
    assert isinstance(topics, dict)
    assert (topics["topic1"], topics["other"], topics["t0"], topics["(others)"]) == (2, 1, 2, 24)
    assert len(topics) == 51


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"collection": "labmon_x"}, "names that begin with labmon_"),
        ({"collection": ""}, "at least 1 character"),
        ({"poll": "5s"}, "Extra inputs"),
        ({"asset": "alone"}, "pattern"),
        ({"start": "yesterday"}, "is no day"),
        ({"store": "No"}, "pattern"),
        ({"patience": 0}, "greater than 0"),
        ({"owners": ["me"]}, "is no owner"),
    ],
)
def test_yaml_that_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Messages.model_validate({**GIVEN, **changes})


def test_another_store(logger: DaqLogger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABMON_DAQ_URL", f"sqlite:///{tmp_path}/daq.db")
    feed = Messages.model_validate({**GIVEN, "store": "daq"}).feed()
    first, last = days()
    assert materialize(feed, str(first), str(last)).success
    with closing(settings.open_documents("daq")) as store:
        assert [one.body["n"] for one in everything(store, "daq_messages")] == [0, 1, 2]
    assert logger.asset == feed.asset


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9
