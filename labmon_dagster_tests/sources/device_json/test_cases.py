"""Every folder in cases/ is what came from a device, how it is read, and what must come of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import labmon_dagster.sources.device_json as room
from labmon_dagster.model.devices import Address, DeviceSettings, Heard
from labmon_dagster.sources.device_json.kinds import KINDS
from labmon_dagster_tests.sources.wire.cases import cases, example, understood

KIND = {kind.type: kind for kind in reversed(KINDS)}


@pytest.mark.parametrize("case", cases(__file__), ids=lambda path: path.name)
def test_cases(case: Path):
    found = understood(case, KIND.__getitem__, "JSON-CRYO", "json")
    assert found == json.loads((case / "expected.json").read_text())
    assert ("error" in found) == case.name.startswith("bad_")


def test_the_example_of_the_readme():
    payload, document = example(room)
    address = Address.parse(document["address"])
    settings = DeviceSettings(document["device"], document["type"], address)
    said = KIND[settings.type].understand(Heard(payload, 0, "json"), settings)
    assert {**said.values, **said.details} == document["values"]
    assert said.units == document["units"]
    assert said.missing == document.get("missing", {})
