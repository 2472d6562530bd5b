"""Documents of devices in `labmon preview`: a block for each, and whole as JSON lines."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from labmon_dagster.components import Devices
from labmon_dagster.journal import Journal, Message
from labmon_dagster.settings import journal_root
from labmon_dagster_tests.cli.lab import told

NOON = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()) * 10**9 + 5
GOOD = (
    b'{"mass": {"value": 54.595, "unit": "kg"}, "stable": true, "tare": NaN, '
    b'"note": "a\\u001bb", "said": "", "long": "%s"}' % (b"x" * 200)
)


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> Devices:
    """The lab is a scale, which was journalled once."""
    device = {"name": "dewar", "type": "JSON-SCALE", "address": "http://127.0.0.1:1/json"}
    given = {"asset": "lab/scale", "collection": "scale", "start": "2026-01-01", "devices": [device]}
    made = Devices.model_validate(given)
    meta = {"device": "dewar", "type": "JSON-SCALE", "address": device["address"], "form": "json"}
    Journal(journal_root(), "lab/scale").append_many([Message(GOOD, meta, NOON)])
    monkeypatch.setattr("labmon_dagster.components.lab.load_feeds", made.feeds)
    return made


@pytest.mark.usefixtures("scale")
def test_a_document_is_a_block() -> None:
    head, *lines = told("preview", "lab/scale", "--partition", date(2026, 3, 1)).splitlines()
    at = "2026-03-01T12:00:00.000000005Z"
    assert head == f"{at}  lab/scale/dewar/{NOON}  dewar  JSON-SCALE  http://127.0.0.1:1/json"
    found = [line.split() for line in lines]
    assert ["mass", "54.595", "kg"] in found
    assert ["stable", "true"] in found and ["said", '""'] in found
    assert ["note", "a\\x1bb"] in found and ["long", "x" * 120 + "…"] in found
    assert found[-1][:3] == ["tare", "missing:", "NaN"]
    assert all(line.startswith("  ") and "\x1b" not in line for line in lines)
    assert "timestamp" not in "".join(lines)


@pytest.mark.usefixtures("scale")
def test_instants_are_plain_text_in_json_lines() -> None:
    (line,) = told("preview", "lab/scale", "--format", "jsonl").splitlines()
    document = json.loads(line)
    assert document["timestamp"] == document["time"] == "2026-03-01T12:00:00.000000005Z"
    assert document["values"]["mass"] == 54.595


@pytest.mark.usefixtures("scale")
def test_a_table_of_columns_is_still_to_be_had() -> None:
    heading, row = told("preview", "lab/scale", "--format", "csv").splitlines()
    assert "values.mass" in heading.split(",") and "54.595" in row.split(",")
