"""A short soak of the devices, without Dagster's daemon: the judge finds what we hide, and nothing else."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from labmon_dagster.collector.occupied import occupied
from labmon_dagster.components.lab import load_feeds
from labmon_dagster.running.instruments import SIMULATED
from labmon_dagster_tests.labs import materialize
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.soak import records as records
from labmon_dagster_tests.soak.devices import gathered
from labmon_dagster_tests.soak.found import Evidence, Judgement
from labmon_dagster_tests.soak.judge import judge, understood
from labmon_dagster_tests.soak.lost import End
from labmon_dagster_tests.soak.processes import Lab, mongo_url
from labmon_dagster_tests.soak.records import Entry

SEED, RATE, SECONDS = 3, 0.03, 9.0
Tampering = Callable[[Evidence], Evidence]


@pytest.mark.slow
def test_a_second_reader_finds_every_reply_in_its_place(
    tmp_path: Path, own_mongod: Mongod, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(tmp_path / "lab", mongo_url(own_mongod), SEED, RATE)
    ends = _collected(lab)
    _deliver(lab, monkeypatch)
    evidence = gathered(lab, own_mongod, ends)
    found = judge(evidence)
    assert found.broken == []
    assert set(found.faults) == records.FAULTS
    assert found.understood == found.documents
    heard = Counter(one.emulated for one in evidence.journals.entries if not isinstance(understood(one), str))
    assert set(heard) == {one.name for one in SIMULATED}, heard
    assert min(heard.values()) > SECONDS / 2, heard
    assert found.spoilt["garbage"].journalled > 0
    for tampering, broken in TAMPERINGS.items():
        assert broken(judge(tampering(evidence))), tampering.__name__


def _collected(lab: Lab) -> list[End]:
    """Poll with faults, kill the collector in the middle, and end it as an operator does."""
    try:
        lab.start_devices()
        lab.start_collector()
        _until_journalled(lab)
        time.sleep(SECONDS)
        ends = [End(lab.kill_collector())]
        time.sleep(SECONDS)
        lab.calm()
        time.sleep(4)  # late answers come
        ends.append(End(time.time_ns(), killed=False))
        lab.stop_collector()
    finally:
        lab.stop()
    return ends


def _until_journalled(lab: Lab) -> None:
    end = time.monotonic() + 30
    while not list((lab.home / "journal").rglob("*.jsonl")):
        assert time.monotonic() < end, "nothing is journalled"
        time.sleep(0.1)


def _deliver(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in lab.environ.items():
        monkeypatch.setenv(name, value)
    today = datetime.now(UTC).date().isoformat()
    with occupied(lab.home / "collector"):  # otherwise the runs would ask the devices
        for feed in load_feeds():
            if feed.experiment == "ricochet":
                materialize(feed, today, mode="news")


def _in_the_middle(evidence: Evidence) -> Entry:
    """An entry far from every kill that became a document."""
    first = evidence.ends[0].at
    return next(
        one
        for one in evidence.journals.entries
        if one.received > first + 4_000_000_000
        and one.emulated == "cmcpa"
        and not isinstance(understood(one), str)
    )


def without_a_document(evidence: Evidence) -> Evidence:
    documents = dict(evidence.stored.documents)
    del documents[_in_the_middle(evidence).identity]
    return _with(evidence, documents)


def with_another_value(evidence: Evidence) -> Evidence:
    name = _in_the_middle(evidence).identity
    document = evidence.stored.documents[name]
    values = {**document["values"], "low_pressure": -1.0}
    return _with(evidence, {**evidence.stored.documents, name: {**document, "values": values}})


def with_a_document_of_nothing(evidence: Evidence) -> Evidence:
    document = evidence.stored.documents[_in_the_middle(evidence).identity]
    return _with(evidence, {**evidence.stored.documents, "ricochet/scale/dewar/1": document})


def without_a_line_of_the_journal(evidence: Evidence) -> Evidence:
    entries = [one for one in evidence.journals.entries if one is not _in_the_middle(evidence)]
    return replace(evidence, journals=replace(evidence.journals, entries=entries))


def with_a_reply_twice(evidence: Evidence) -> Evidence:
    one = _in_the_middle(evidence)
    again = replace(one, received=one.received + 100_000_000, offset=10**9)
    entries = [*evidence.journals.entries, again]
    return replace(evidence, journals=replace(evidence.journals, entries=entries))


def with_the_reply_before(evidence: Evidence) -> Evidence:
    """As if a late reply had been taken for the answer to the next question."""
    one = _in_the_middle(evidence)
    later = [n for n in evidence.journals.entries if n.emulated == one.emulated and n.received > one.received]
    entries = [n for n in evidence.journals.entries if n is not one and n is not later[0]]
    entries.append(replace(later[0], payload=one.payload))
    entries.append(replace(one, meta={**one.meta, "trouble": "none"}))
    return replace(evidence, journals=replace(evidence.journals, entries=entries))


def without_a_reading(evidence: Evidence) -> Evidence:
    readings = {name: rows[1:] for name, rows in evidence.stored.readings.items()}
    return replace(evidence, stored=replace(evidence.stored, readings=readings))


def without_a_piece(evidence: Evidence) -> Evidence:
    return replace(evidence, stored=replace(evidence.stored, quarantine=evidence.stored.quarantine[1:]))


def with_an_older_ledger(evidence: Evidence) -> Evidence:
    ledger = [{**row, "read_until": '{"2026-01-01":[1,{}]}'} for row in evidence.stored.ledger]
    return replace(evidence, stored=replace(evidence.stored, ledger=ledger))


def _with(evidence: Evidence, documents: dict[str, records.Record]) -> Evidence:
    return replace(evidence, stored=replace(evidence.stored, documents=documents))


TAMPERINGS: Mapping[Tampering, Callable[[Judgement], object]] = {
    without_a_document: lambda found: found.undelivered,
    with_another_value: lambda found: found.altered,
    with_a_document_of_nothing: lambda found: found.invented,
    without_a_line_of_the_journal: lambda found: [one for one in found.lost if not one.allowed],
    with_a_reply_twice: lambda found: found.duplicates,
    with_the_reply_before: lambda found: found.foreign,
    without_a_reading: lambda found: found.readings_off,
    without_a_piece: lambda found: found.quarantine_off,
    with_an_older_ledger: lambda found: found.ledger_off,
}
