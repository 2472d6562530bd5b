"""docs/cosmic.md and the page of the source: commands, keys, the example, and the policy."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from labmon_dagster.components import CosmicEvents
from labmon_dagster.components.cosmic_events import Broker, DecodingEntry, Dumps
from labmon_dagster.sources.cosmic import Decoding, Receipt, document_of, read_event
from labmon_dagster.sources.cosmic.formats import FORMATS
from labmon_dagster_tests.docs.test_commands import ROOT, blocks, project, shell
from labmon_dagster_tests.sources.cosmic.sample import LINES, RECEIVED

__all__ = ["project"]

COSMIC = ROOT / "docs" / "cosmic.md"
PAGE = ROOT / "labmon_dagster" / "sources" / "cosmic" / "README.md"
NOT_TRIED = "**Not tried here:** AWS itself."


@pytest.mark.slow
def test_dumps_are_replayed_once(project: Path) -> None:
    (script,) = blocks(COSMIC, "sh", "cosmic")
    output = shell(project, script)
    replayed = re.findall(r"events: (\d+) new, (\d+) there already, (\d+) refused", output)
    assert len(replayed) == 2
    (new, repeated, refused), again = ([int(one) for one in told] for told in replayed)
    assert (new, refused) == (300, 0) and repeated > 0
    assert again == [0, 300 + repeated, 0]
    assert "cosmic/events" in output and "nothing is in quarantine" in output


def test_every_key_is_in_the_table() -> None:
    text = COSMIC.read_text()
    for word, model in (("broker", Broker), ("dumps", Dumps), ("decoding", DecodingEntry)):
        assert [name for name in model.model_fields if f"`{word}.{name}`" not in text] == []


def test_every_variable_is_in_the_table() -> None:
    defs = "".join(path.read_text() for path in (ROOT / "labmon_dagster/defs/cosmic").rglob("defs.yaml"))
    text = COSMIC.read_text()
    asked = re.findall(r"env\('(\w+)'", defs)
    assert asked
    assert [name for name in asked if f"`{name}`" not in text] == []


def test_the_yaml_of_the_page_is_taken() -> None:
    (given,) = blocks(PAGE, "yaml")
    made = CosmicEvents.model_validate(yaml.safe_load(given)["attributes"])
    assert made.decoding.decoding() == Decoding(clock_mhz=8)
    assert made.feed().asset == "cosmic/events"


def test_the_page_shows_what_becomes_of_the_first_event() -> None:
    (shown,) = blocks(PAGE, "json")
    made = document_of(read_event(LINES[0]), Decoding(), Receipt(RECEIVED, "file", "dump.dat"), 0, 0)
    wanted = json.loads(shown)
    assert {key: made.body[key] for key in wanted} == wanted
    assert f"`{made.id}`" in PAGE.read_text()
    assert [number for number in FORMATS if number != made.body["format"]] == []


def test_the_policy_allows_what_is_done_and_no_more() -> None:
    (policy,) = re.findall(r"```json\n(.*?)```", COSMIC.read_text(), re.DOTALL)
    actions = {one["Action"]: one["Resource"].rpartition(":")[2] for one in json.loads(policy)["Statement"]}
    assert actions == {
        "iot:Connect": "client/labmon-cosmic",
        "iot:Subscribe": "topicfilter/cosmic/+/events",
        "iot:Receive": "topic/cosmic/*/events",
    }
    assert NOT_TRIED in COSMIC.read_text()
